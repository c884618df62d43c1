//! What `/v1/models` lists: asked with reqwest, since nothing here is timed.
//!
//! Bounded in time and size; no redirect, no retry, no proxy from the environment. A list proves neither the key nor
//! the model: only an answer does.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::complaint::complaint;
use super::headers::{EndpointError, headers};
use super::scrub::Scrubber;
use crate::scenario::plan::{Target, Url};
use crate::wire::Route;

/// The most bytes of a list.
const LIST_LIMIT: usize = 4 << 20;
/// How long it may take.
const LIST_TIME: Duration = Duration::from_secs(15);
/// The most models that are kept.
const MODELS: usize = 10_000;
const NAME: usize = 200;

/// A model that a server lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// What `models` of a scenario calls it.
    pub id: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// When it was made: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
}

/// A list, and the headers that came with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The models in the server's order.
    pub models: Vec<Model>,
    /// Response headers: lower-case names, and values.
    pub headers: Vec<(String, String)>,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The server answers with another status.
    #[error("HTTP {status}{}{said}", if said.is_empty() { "" } else { ": " })]
    Status {
        /// The status.
        status: u16,
        /// What it says of it, scrubbed and bounded.
        said: String,
    },
    /// What came is no list of models.
    #[error("not a list of models: {0}")]
    NotAList(String),
    /// The list has no end.
    #[error("the list is larger than 4 MiB")]
    TooLarge,
    /// The list does not come in time.
    #[error("no list within 15 s")]
    Late,
    /// The server cannot be reached.
    #[error("{0}")]
    Unreached(String),
    /// This client cannot go there as the load does.
    #[error("not asked for: the list goes to another address over https:// neither through a proxy nor by number")]
    NotAsked,
    /// The request cannot be made.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// Asks a target for its models.
pub async fn list(target: &Target, url: &Url, route: &Route, scrubber: &Scrubber) -> Result<Listing, ModelsError> {
    let unreached = |error: reqwest::Error| match error.is_timeout() {
        true => ModelsError::Late,
        // The URL is ours to tell, and may be long.
        false => ModelsError::Unreached(scrubber.line(&super::ended::chain(&error.without_url()), NAME).into_owned()),
    };
    let aim = aim(url, route)?;
    let client = client(target, route, &aim).map_err(unreached)?;
    let mut headers = headers(target, url, true)?;
    headers.remove(header::CONTENT_TYPE);
    headers.extend(aim.host.map(|host| (header::HOST, host)));
    let request = client.get(aim.url).headers(headers);
    let mut response = request.send().await.map_err(unreached)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreached)? {
        if body.len() + chunk.len() > LIST_LIMIT {
            return Err(ModelsError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let status = response.status();
    if !status.is_success() {
        let said = scrubber.line(&complaint(&body), NAME).into_owned();
        return Err(ModelsError::Status { status: status.as_u16(), said });
    }
    let headers = response.headers().iter().take(100).filter_map(|(name, value)| {
        let value = scrubber.line(value.to_str().ok()?, NAME).into_owned();
        Some((name.as_str().to_owned(), value))
    });
    Ok(Listing { models: parse(&body, scrubber)?, headers: headers.collect() })
}

fn parse(body: &[u8], scrubber: &Scrubber) -> Result<Vec<Model>, ModelsError> {
    let not_a_list = || ModelsError::NotAList(scrubber.line(&complaint(body), NAME).into_owned());
    let value: Value = serde_json::from_slice(body).map_err(|_| not_a_list())?;
    let entries = value.get("data").unwrap_or(&value).as_array().ok_or_else(not_a_list)?;
    let text = |value: Option<&Value>| Some(scrubber.line(value?.as_str()?, NAME).into_owned());
    let model = |entry: &Value| {
        let id = text(entry.get("id"))?;
        Some(Model { id, owned_by: text(entry.get("owned_by")), created: entry.get("created").and_then(Value::as_i64) })
    };
    Ok(entries.iter().take(MODELS).filter_map(model).collect())
}

/// Where the list is asked for.
struct Aim {
    url: String,
    /// Whom the request is for, where the URL does not tell.
    host: Option<HeaderValue>,
    /// Addresses in place of the resolver's.
    addresses: Vec<SocketAddr>,
}

/// reqwest takes the port from the URL and no address for a number: an override of the scenario's must stand in the URL.
fn aim(url: &Url, route: &Route) -> Result<Aim, ModelsError> {
    let scheme = if url.https { "https" } else { "http" };
    let at = |authority: &str| format!("{scheme}://{authority}{}", url.models_path);
    let Some(address) = route.overridden() else {
        let addresses = if route.proxy.is_none() { route.addresses.clone() } else { Vec::new() };
        return Ok(Aim { url: at(&url.authority), host: None, addresses });
    };
    let host = HeaderValue::from_str(&url.authority).map_err(|_| EndpointError::Header("host".to_owned()))?;
    let host = (!route.http2).then_some(host);
    let by_name = route.proxy.is_none() && url.host.parse::<IpAddr>().is_err();
    match (by_name, url.https) {
        (true, _) => {
            let url = at(&format!("{}:{}", url.host, address.port()));
            Ok(Aim { url, host, addresses: vec![address] })
        }
        (false, false) => Ok(Aim { url: at(&address.to_string()), host, addresses: Vec::new() }),
        // The certificate's name and the address cannot both stand in the URL.
        (false, true) => Err(ModelsError::NotAsked),
    }
}

fn client(target: &Target, route: &Route, aim: &Aim) -> reqwest::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .timeout(LIST_TIME)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .tls_backend_preconfigured(match &route.tls {
            Some(config) => ClientConfig::clone(config),
            None => untrusting(),
        });
    if !aim.addresses.is_empty() {
        builder = builder.resolve_to_addrs(&route.host, &aim.addresses);
    }
    if let Some(proxy) = &target.proxy {
        builder = builder.proxy(reqwest::Proxy::all(naming(proxy.expose_secret()))?);
    }
    if route.http2 {
        builder = builder.http2_prior_knowledge();
    }
    builder.build()
}

/// The proxy's URL as reqwest writes what is meant here: a SOCKS proxy finds names itself.
fn naming(proxy: &str) -> String {
    match proxy.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("socks5") => format!("socks5h://{rest}"),
        _ => proxy.to_owned(),
    }
}

/// TLS that trusts nobody: for `http://`, where a machine without any authorities must do too.
fn untrusting() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions are safe defaults of it")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(body: &str) -> Result<Vec<Model>, String> {
        parse(body.as_bytes(), &Scrubber::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_is_read_whatever_else_it_says() {
        let body = r#"{"object":"list","data":[{"id":"lamb_assistant.58","owned_by":"lamb_v4","created":1,"capabilities":{}},
            {"id":"b","owned_by":null},{"id":7},"c"]}"#;
        let expected = [
            Model { id: "lamb_assistant.58".to_owned(), owned_by: Some("lamb_v4".to_owned()), created: Some(1) },
            Model { id: "b".to_owned(), owned_by: None, created: None },
        ];
        assert_eq!(models(body).unwrap(), expected);
        assert_eq!(models(r#"[{"id":"a"}]"#).unwrap().len(), 1);
        assert_eq!(models(r#"{"data":[]}"#).unwrap(), []);
    }

    #[test]
    fn what_is_no_list_says_so() {
        assert_eq!(models("<html>").unwrap_err(), "not a list of models: <html>");
        assert_eq!(models(r#"{"error":"no"}"#).unwrap_err(), "not a list of models: no");
    }
}
