//! One target: arrivals in, samples out.
//!
//! An [`Endpoint`] is made once for a target and shared; a [`Brief`] once for each of its cases, when pre-flight has
//! told what there is to know. It knows no schedule: whoever calls [`Endpoint::send`] decides when.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::alarm::Alarm;
use super::body::Bodies;
use super::exchange::{Seen, Terms, exchange, not_connected};
use super::outcome::Stop;
use super::scrub::Scrubber;
use super::server::Habits;
use super::verdict::{conclude, unconnected};
use crate::sample::{Arrival, ConnectTimes, Outcome, Phase, Sample};
use crate::scenario::plan::{Case, Secrets, ServerKind, Target, Timeouts, Url};
use crate::wire::{Connection, Route, connect};

/// How much of an answer's text is kept where it is wanted, and where only its beginning is looked at.
const KEEP: usize = 1 << 20;
const KEEP_BEGINNING: usize = 1 << 10;

/// A target, ready to be sent to.
pub struct Endpoint {
    route: Route,
    /// The same with the one address that answered in pre-flight.
    pinned: OnceLock<Route>,
    pub(super) url: Url,
    uri: Uri,
    headers: HeaderMap,
    pub(super) scrubber: Scrubber,
    run_id: Box<str>,
    keep_answers: bool,
}

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

/// What pre-flight learnt about a target and model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// What kind of server it is.
    pub kind: ServerKind,
    /// `stream_options.include_usage` is understood there.
    pub include_usage: bool,
    /// Its answers have no `finish_reason`, and `[DONE]` or the body's end must do.
    pub finishes_without_reason: bool,
}

impl Learnt {
    /// What is taken for granted where nothing was asked.
    pub fn nothing(kind: ServerKind) -> Learnt {
        Learnt { kind, include_usage: true, finishes_without_reason: false }
    }
}

/// What every request of a case has in common.
pub struct Brief {
    /// The case.
    pub case: Arc<Case>,
    pub(super) learnt: Learnt,
    pub(super) habits: &'static Habits,
    pub(super) keep_answers: bool,
    bodies: Bodies,
    headers: HeaderMap,
}

/// What every request of a round has in common.
#[derive(Clone)]
pub struct Shot {
    /// The case.
    pub brief: Arc<Brief>,
    /// What the requests are sent for.
    pub phase: Phase,
    /// 1-based round; 0 for pre-flight.
    pub round: u32,
    /// The start of the round: instants are told relative to it.
    pub start: Instant,
    /// Calls off what is in the air: its samples are [`Outcome::Cancelled`], with all that was seen.
    pub cancel: CancellationToken,
}

/// One arrival carried out.
pub(super) struct Attempt {
    pub(super) sample: Sample,
    pub(super) connection: Option<Connection>,
    /// The answer's headers; only in pre-flight.
    pub(super) headers: Vec<(String, String)>,
    pub(super) stop: Option<Stop>,
}

/// A connection that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    stop: Stop,
    text: String,
}

impl Endpoint {
    /// A target at a URL (an embedded endpoint's, too). With `keep_answers` samples hold the answers' text.
    pub fn new(
        target: &Target,
        url: &Url,
        route: Route,
        secrets: &Secrets,
        run_id: &str,
        keep_answers: bool,
    ) -> Result<Endpoint, EndpointError> {
        let path = &url.chat_path;
        let scheme = if url.https { "https" } else { "http" };
        // HTTP/2 has the authority in the request's target, HTTP/1.1 in the Host header.
        let whole = if route.http2 { format!("{scheme}://{}{path}", url.authority) } else { path.clone() };
        let uri = whole.parse().map_err(|_| EndpointError::Path(path.clone()))?;
        let headers = headers(target, url, route.http2)?;
        let scrubber = Scrubber::new(secrets);
        let (pinned, url, run_id) = (OnceLock::new(), url.clone(), run_id.into());
        Ok(Endpoint { route, pinned, url, uri, headers, scrubber, run_id, keep_answers })
    }

    /// Where connections go.
    pub fn route(&self) -> &Route {
        self.pinned.get().unwrap_or(&self.route)
    }

    /// From now on connections go to this address only. The first one pinned stays.
    pub(super) fn pin(&self, address: Option<SocketAddr>) {
        let Some(address) = address else { return };
        self.pinned.get_or_init(|| {
            let mut pinned = Route::new(self.route.host.clone(), self.route.port);
            pinned.addresses = vec![address];
            pinned.overrides = self.route.overrides.clone();
            pinned.tls = self.route.tls.clone();
            pinned.http2 = self.route.http2;
            pinned.proxy = self.route.proxy.clone();
            pinned.kernel_time = self.route.kernel_time;
            pinned.local = self.route.local.clone();
            pinned
        });
    }

    /// Prepares the requests of a case.
    pub fn brief(&self, case: &Arc<Case>, learnt: &Learnt) -> Brief {
        let mut headers = self.headers.clone();
        let accept = if case.request.stream { "text/event-stream" } else { "application/json" };
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static(accept));
        Brief {
            case: Arc::clone(case),
            bodies: Bodies::new(case, &self.run_id, learnt.include_usage),
            habits: Habits::of(learnt.kind),
            learnt: learnt.clone(),
            keep_answers: self.keep_answers,
            headers,
        }
    }

    /// Opens a connection, to be kept for a later [`Endpoint::send`].
    pub async fn connect(&self, timeouts: &Timeouts) -> Result<Connection, Unreached> {
        let mut connection = self.connect_within(timeouts.connect, Stop::ConnectTimeout).await?;
        connection.keep();
        Ok(connection)
    }

    async fn connect_within(&self, limit: Duration, late: Stop) -> Result<Connection, Unreached> {
        match timeout(limit, connect(self.route())).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => {
                let (stop, text) = not_connected(&error);
                Err(Unreached { stop, text })
            }
            Err(_) => Err(Unreached { stop: late, text: String::new() }),
        }
    }

    /// The sample of an arrival whose connection could not be opened beforehand.
    pub fn unreached(&self, arrival: Arrival, shot: &Shot, unreached: &Unreached) -> Sample {
        let end = shot.start.elapsed();
        let mut sample = Sample::unsent(arrival, shot.phase, shot.round, Outcome::ConnectFailed, end);
        let timeouts = &shot.brief.case.timeouts;
        unconnected(&mut sample, unreached.stop, &unreached.text, timeouts, &self.scrubber, end);
        sample
    }

    /// Makes one sample of one arrival: connects if there is no connection, sends, reads, and judges.
    ///
    /// The connection comes back if it can bear another request.
    pub async fn send(
        &self,
        arrival: Arrival,
        shot: &Shot,
        connection: Option<Connection>,
    ) -> (Sample, Option<Connection>) {
        let Attempt { sample, connection, .. } = self.attempt(arrival, shot, connection).await;
        (sample, connection)
    }

    /// [`Endpoint::send`], and what pre-flight wants to know beside.
    pub(super) async fn attempt(&self, arrival: Arrival, shot: &Shot, connection: Option<Connection>) -> Attempt {
        let issued = Instant::now();
        let brief = &*shot.brief;
        let timeouts = &brief.case.timeouts;
        let since = |at: Instant| at.saturating_duration_since(shot.start);
        let mut sample = Sample::unsent(arrival, shot.phase, shot.round, Outcome::Cancelled, Duration::ZERO);
        sample.at.issued = Some(since(issued));
        sample.streamed = brief.case.request.stream;
        let cold = connection.is_none();
        let mut connection = match connection {
            Some(connection) => connection,
            None => match self.connect_or_cancel(timeouts, &shot.cancel).await {
                Ok(connection) => connection,
                Err(Unreached { stop, text }) => {
                    unconnected(&mut sample, stop, &text, timeouts, &self.scrubber, shot.start.elapsed());
                    return Attempt { sample, connection: None, headers: Vec::new(), stop: Some(stop) };
                }
            },
        };
        sample.connect = connect_times(&connection, shot.start, cold);
        sample.at.connected = cold.then(|| since(connection.info().at));
        sample.remote = connection.info().remote;
        sample.reused = connection.used();

        let request = self.request(brief, &arrival);
        let alarm = Alarm::new(timeouts, issued, &shot.cancel, brief.case.request.stream);
        let seen = exchange(&mut connection, request, alarm, self.terms(shot)).await;
        let connection = seen.reusable.then_some(connection);
        let stop = seen.stop.as_ref().map(|(stop, _)| *stop);
        let headers = if shot.phase == Phase::Preflight { self.heard(&seen) } else { Vec::new() };
        conclude(&mut sample, seen, brief, &self.scrubber, shot.start);
        Attempt { sample, connection, headers, stop }
    }

    /// The answer's headers, fit to be kept.
    fn heard(&self, seen: &Seen) -> Vec<(String, String)> {
        let headers = seen.head.iter().flat_map(|head| head.headers.iter());
        let line = |value: &HeaderValue| Some(self.scrubber.line(value.to_str().ok()?, 200));
        headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), line(value)?))).collect()
    }

    async fn connect_or_cancel(
        &self,
        timeouts: &Timeouts,
        cancel: &CancellationToken,
    ) -> Result<Connection, Unreached> {
        let late = if timeouts.total < timeouts.connect { Stop::TotalTimeout } else { Stop::ConnectTimeout };
        let connecting = self.connect_within(timeouts.connect.min(timeouts.total), late);
        let cancelled = Unreached { stop: Stop::Cancelled, text: String::new() };
        cancel.run_until_cancelled(connecting).await.unwrap_or(Err(cancelled))
    }

    fn terms(&self, shot: &Shot) -> Terms {
        let answer = &shot.brief.case.answer;
        let wanted = self.keep_answers || !answer.must_match.is_empty() || !answer.must_not_match.is_empty();
        let keep = if wanted { KEEP } else { KEEP_BEGINNING };
        Terms { start: shot.start, stream: shot.brief.case.request.stream, keep }
    }

    fn request(&self, brief: &Brief, arrival: &Arrival) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(brief.bodies.render(arrival)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = brief.headers.clone();
        request
    }
}

fn connect_times(connection: &Connection, start: Instant, cold: bool) -> ConnectTimes {
    let info = connection.info();
    ConnectTimes {
        dns: info.dns,
        tcp: Some(info.tcp),
        tls: info.tls,
        total: Some(info.total),
        syn_retransmits: info.syn_retransmits,
        age_at_start: (!cold).then(|| start.saturating_duration_since(info.at)),
    }
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
