//! What is wrong with a target, in a sentence, and what to do about it.
//!
//! Sentences only: what happened is decided elsewhere, from classes and statuses, never from a text.

use serde::{Deserialize, Serialize};

use super::ended::chain;
use super::outcome::Stop;
use super::server::{Habits, advice};
use crate::sample::{Outcome, Sample};
use crate::scenario::plan::{ServerKind, Url};
use crate::wire::{ConnectError, Proxy, TlsCause};

/// Which link of the chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The host's name.
    Name,
    /// The connection.
    Connection,
    /// TLS.
    Tls,
    /// The key.
    Key,
    /// The model.
    Model,
    /// What was sent.
    Body,
    /// What came back.
    Answer,
}

impl What {
    /// The word in `run.json`.
    pub fn name(self) -> &'static str {
        match self {
            What::Name => "name",
            What::Connection => "connection",
            What::Tls => "tls",
            What::Key => "key",
            What::Model => "model",
            What::Body => "body",
            What::Answer => "answer",
        }
    }
}

/// What to do when a person ended the pre-flight, of which nothing follows.
const AGAIN: &str = "it was interrupted before there was an answer: run it again";

/// Why a target and model get no load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Which link is broken.
    pub what: What,
    /// What happened.
    pub sentence: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    fn new(what: What, sentence: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { what, sentence: sentence.into(), hint: hint.into() }
    }
}

/// Why there is no connection to the target.
pub(super) fn of_connecting(error: &ConnectError, url: &Url, proxy: Option<&Proxy>) -> Problem {
    let at = &url.authority;
    match (error, proxy) {
        (ConnectError::Proxy(cause), _) => Problem::new(
            What::Connection,
            format!("the proxy does not lead to {at}: {cause}"),
            "look at `proxy`: its address, its credentials, and what it allows",
        ),
        (ConnectError::Tls(cause, _), _) => of_tls(cause, error, url),
        (ConnectError::Descriptors(_) | ConnectError::Ports(_) | ConnectError::Memory(_), _) => Problem::new(
            What::Connection,
            format!("this machine cannot open a connection: {}", chain(error)),
            "`ulimit -n` and `sysctl net.ipv4.ip_local_port_range` are the usual limits",
        ),
        // Whatever else fails, fails on the way to the first of the two.
        (_, Some(proxy)) => of_proxy(error, proxy),
        (ConnectError::Name(_), None) => Problem::new(
            What::Name,
            format!("the name {} is not known", url.host),
            "look at the spelling in `url`; `resolve` can give an address",
        ),
        (ConnectError::Refused(_), None) => Problem::new(
            What::Connection,
            format!("nothing listens at {at}: the connection was refused"),
            "is the server running, and is the port in `url` right?",
        ),
        (ConnectError::Unreachable(_), None) => Problem::new(
            What::Connection,
            format!("{at} cannot be reached"),
            "look at the network, the VPN and the firewall between here and there",
        ),
        (ConnectError::Reset(_) | ConnectError::Closed(_) | ConnectError::Other(_), None) => Problem::new(
            What::Connection,
            format!("{at} does not keep a connection: {}", chain(error)),
            "something between here and there ends it: a firewall, a load balancer, a server that is full",
        ),
    }
}

/// Why there is no connection to the proxy.
fn of_proxy(error: &ConnectError, proxy: &Proxy) -> Problem {
    let host = proxy.host();
    let at = if host.contains(':') { format!("[{host}]:{}", proxy.port()) } else { format!("{host}:{}", proxy.port()) };
    let (what, sentence) = match error {
        ConnectError::Name(_) => (What::Name, format!("the proxy's name {host} is not known")),
        ConnectError::Refused(_) => {
            (What::Connection, format!("nothing listens at the proxy {at}: the connection was refused"))
        }
        ConnectError::Unreachable(_) => (What::Connection, format!("the proxy {at} cannot be reached")),
        _ => (What::Connection, format!("the proxy {at} does not keep a connection: {}", chain(error))),
    };
    Problem::new(what, sentence, "look at `proxy`: its address and port, and whether it is running")
}

fn of_tls(cause: &TlsCause, error: &ConnectError, url: &Url) -> Problem {
    let (at, host) = (&url.authority, &url.host);
    let (sentence, hint) = match cause {
        TlsCause::UnknownAuthority => (
            format!("the certificate of {at} is signed by an authority that this machine does not trust"),
            "`ca_file = \"ca.pem\"` of the target adds one; `insecure = true` checks nothing".to_owned(),
        ),
        TlsCause::WrongHost { names } => (
            format!("the certificate of {at} is for {}, not for {host}", or_nobody(names)),
            "use a name that it bears in `url`, and `resolve` to say where that is".to_owned(),
        ),
        TlsCause::Expired => {
            (format!("the certificate of {at} has expired"), "renew it; look at this machine's clock too".to_owned())
        }
        TlsCause::NotYetValid => (
            format!("the certificate of {at} is not valid yet"),
            "look at this machine's clock, and at the server's".to_owned(),
        ),
        TlsCause::NotTls => (
            format!("{at} does not speak TLS: plain HTTP on a port where `https://` was expected"),
            "write `http://` in `url`, or give the port that speaks TLS".to_owned(),
        ),
        TlsCause::Closed => (
            format!("{at} closes the connection during the TLS handshake"),
            "does this port speak TLS, and does the server know this host name?".to_owned(),
        ),
        TlsCause::NoHttp2 => {
            (format!("{at} does not offer HTTP/2"), "leave `http2` of the target out, or set it to false".to_owned())
        }
        TlsCause::NotAName => (
            format!("{host} is no name that a certificate can bear"),
            "write the host's name in `url`, and `resolve` to say where it is".to_owned(),
        ),
        TlsCause::Other => {
            (format!("TLS with {at} fails: {}", chain(error)), "`openssl s_client -connect` shows more".to_owned())
        }
    };
    Problem::new(What::Tls, sentence, hint)
}

fn or_nobody(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// Connecting took longer than it may.
pub(super) fn of_late_connecting(limit: &str, url: &Url, proxy: Option<&Proxy>) -> Problem {
    let (done, tls) = if url.https {
        ("complete a TLS handshake", ", does this port speak TLS,")
    } else {
        ("accept a connection", "")
    };
    let through = if proxy.is_some() { " through the proxy" } else { "" };
    Problem::new(
        What::Connection,
        format!("{} did not {done} within {limit}{through}", url.authority),
        format!("is a firewall dropping packets{tls} or the server too busy? `timeouts.connect` is the limit"),
    )
}

/// Somebody stopped it before a connection stood.
pub(super) fn of_being_called_off(url: &Url) -> Problem {
    Problem::new(What::Connection, format!("called off while connecting to {}", url.authority), AGAIN)
}

/// What the pre-flight knows when its answer is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) url: &'a Url,
    pub(super) model: &'a str,
    pub(super) kind: ServerKind,
    /// Whether the model is in the list; `None` where there is no list.
    pub(super) listed: Option<bool>,
    pub(super) stop: Option<Stop>,
    /// Whether HTTP/2 was spoken without having been agreed on.
    pub(super) http2_unagreed: bool,
}

/// Why the pre-flight's answer is none; `None` when it is one.
pub(super) fn of_answer(sample: &Sample, known: Known<'_>) -> Option<Problem> {
    if sample.outcome.is_ok() {
        return None;
    }
    let said = sample.error.as_deref().unwrap_or_default();
    let url = known.url;
    if known.stop == Some(Stop::SpeaksTls) {
        let sentence = format!("{} speaks TLS, and `url` says `http://`", url.authority);
        return Some(Problem::new(What::Tls, sentence, "write `https://` in `url`"));
    }
    if let Outcome::HttpError = sample.outcome {
        return Some(of_status(sample.status.unwrap_or_default(), said, known));
    }
    let unanswered = sample.status.is_none() && matches!(sample.outcome, Outcome::Truncated | Outcome::Reset);
    if (unanswered || known.stop == Some(Stop::NotHttp)) && known.http2_unagreed {
        let sentence = format!("{} does not answer in HTTP/2: {said}", url.authority);
        let hint = "leave `http2` of the target out: without TLS it is for servers that are known to speak it";
        return Some(Problem::new(What::Connection, sentence, hint));
    }
    if unanswered {
        let sentence = format!("{} ended the connection without an answer: {said}", url.authority);
        let hint = advice(known.kind, Outcome::Reset, None).unwrap_or("the server's log tells more");
        return Some(Problem::new(What::Connection, sentence, hint));
    }
    let what = match sample.outcome {
        Outcome::ConnectFailed | Outcome::TimeoutConnect | Outcome::StaleConnection | Outcome::Reset => {
            What::Connection
        }
        Outcome::TlsFailed => What::Tls,
        Outcome::WrongModel => What::Model,
        _ => What::Answer,
    };
    let label = sample.outcome.name();
    let hint = match sample.outcome {
        Outcome::Cancelled => AGAIN,
        outcome => advice(known.kind, outcome, sample.status).unwrap_or("the server's log tells more"),
    };
    Some(Problem::new(what, format!("{label}: {said}"), hint))
}

fn of_status(status: u16, said: &str, known: Known<'_>) -> Problem {
    let label = Habits::of(known.kind).label;
    let model = known.model;
    let unlisted = known.listed == Some(false);
    match status {
        401 | 403 => Problem::new(
            What::Key,
            said,
            "the key is not accepted: look at `api_key` of the target, and the variable that it reads",
        ),
        // LiteLLM without a database answers a wrong key with 400, and no key with 500.
        400 | 500 if known.kind == ServerKind::LiteLlm && known.listed.is_none() => Problem::new(
            What::Key,
            said,
            format!("{label} without a database answers a wrong or missing key like this: look at `api_key`"),
        ),
        400 | 404 | 422 | 500 if unlisted => Problem::new(
            What::Model,
            said,
            format!("the server does not list {model}: `lamb-load models` shows what it has"),
        ),
        404 => Problem::new(
            What::Model,
            said,
            format!(
                "is there a model {model}, and is the API at {}? `lamb-load models` shows what there is",
                known.url.chat_path
            ),
        ),
        400 | 405 | 413 | 415 | 422 => {
            Problem::new(What::Body, said, "the server refuses the request: look at `[request]` and at the prompt")
        }
        _ => {
            let hint = advice(known.kind, Outcome::HttpError, Some(status)).unwrap_or("the server's log tells more");
            Problem::new(What::Answer, said, hint)
        }
    }
}
