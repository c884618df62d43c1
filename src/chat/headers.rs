//! The headers of every request to a target.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::scenario::plan::{Target, Url};

/// A header that cannot be sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// Its name or value has characters that HTTP forbids. The value is not told: it may be a secret.
    #[error("header {0:?} cannot be sent: its name or value has forbidden characters")]
    Header(String),
    /// The path has characters that a URL forbids.
    #[error("{0:?} is not a path")]
    Path(String),
}

/// The headers of every request to a target; the scenario's own stand in place of ours.
pub(super) fn headers(target: &Target, url: &Url, http2: bool) -> Result<HeaderMap, EndpointError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let agent = concat!("lamb-load/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    if !http2 {
        let host = HeaderValue::from_str(&url.authority).map_err(|_| EndpointError::Header("host".to_owned()))?;
        headers.insert(header::HOST, host);
    }
    if let Some(key) = &target.api_key {
        let bearer = SecretString::from(format!("Bearer {}", key.expose_secret()));
        headers.insert(header::AUTHORIZATION, value("authorization", &bearer)?);
    }
    for (name, secret) in &target.headers {
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| EndpointError::Header(name.clone()))?;
        headers.insert(key, value(name, secret)?);
    }
    Ok(headers)
}

fn value(name: &str, secret: &SecretString) -> Result<HeaderValue, EndpointError> {
    let bytes = secret.expose_secret().as_bytes();
    let mut value = HeaderValue::from_bytes(bytes).map_err(|_| EndpointError::Header(name.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
