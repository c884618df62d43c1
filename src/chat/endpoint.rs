//! One target: arrivals in, samples out.
//!
//! An [`Endpoint`] is made once for a target and shared; a [`Brief`] once for each of its cases, when pre-flight has
//! told what there is to know. It knows no schedule: whoever calls [`Endpoint::send`] decides when.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::{HeaderMap, Uri};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::alarm::{Alarm, Deadlines};
pub use super::brief::{Brief, Learnt, Shot};
use super::ended::not_connected;
use super::exchange::{Seen, Terms, exchange};
pub use super::headers::EndpointError;
use super::headers::headers;
use super::outcome::Stop;
use super::scrub::Scrubber;
use super::verdict::{conclude, unconnected};
use crate::sample::{Arrival, ConnectTimes, Outcome, Phase, Sample};
use crate::scenario::plan::{Case, Secrets, Target, Timeouts, Url};
use crate::wire::{ConnectError, Connected, Connection, Request, Route, connect};

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

/// One arrival carried out.
pub(super) struct Attempt {
    pub(super) sample: Box<Sample>,
    pub(super) connection: Option<Box<Connection>>,
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

impl Unreached {
    pub(super) fn by(error: &ConnectError) -> Unreached {
        let (stop, text) = not_connected(error);
        Unreached { stop, text }
    }

    pub(super) fn late(stop: Stop) -> Unreached {
        Unreached { stop, text: String::new() }
    }
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
        let uri: Uri = whole.parse().map_err(|_| EndpointError::Path(path.clone()))?;
        if uri.path_and_query().is_none() {
            return Err(EndpointError::Path(path.clone()));
        }
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
        if let Some(address) = address {
            self.pin_to(vec![address]);
        }
    }

    fn pin_to(&self, addresses: Vec<SocketAddr>) {
        self.pinned.get_or_init(|| {
            let mut pinned = Route::new(self.route.host.clone(), self.route.port);
            pinned.addresses = addresses;
            pinned.overrides = self.route.overrides.clone();
            pinned.tls = self.route.tls.clone();
            pinned.http2 = self.route.http2;
            pinned.proxy = self.route.proxy.clone();
            pinned.kernel_time = self.route.kernel_time;
            pinned.in_ledger = self.route.in_ledger;
            pinned.local = self.route.local.clone();
            pinned
        });
    }

    /// Asks for the target's addresses now, so that no connection has to; returns how many there are beside the first.
    ///
    /// A name that is not found keeps its connections asking: each says so in its row.
    pub async fn look_up(&self, timeouts: &Timeouts) -> u32 {
        let Ok(Ok((addresses, _))) = timeout(timeouts.connect, self.route.resolve()).await else { return 0 };
        let others = addresses.len().saturating_sub(1);
        self.pin_to(addresses);
        u32::try_from(others).unwrap_or(u32::MAX)
    }

    /// Prepares the requests of a case.
    pub fn brief(&self, case: &Arc<Case>, learnt: &Learnt) -> Brief {
        Brief::new(case, learnt, &self.uri, &self.headers, &self.run_id, self.keep_answers)
    }

    /// Opens a connection, to be kept for a later [`Endpoint::send`].
    pub async fn connect(&self, timeouts: &Timeouts) -> Result<Box<Connection>, Unreached> {
        let mut connection = self.connect_within(timeouts.connect, Stop::ConnectTimeout).await?;
        connection.keep();
        Ok(connection)
    }

    async fn connect_within(&self, limit: Duration, late: Stop) -> Result<Box<Connection>, Unreached> {
        match timeout(limit, connect(self.route())).await {
            // In a box, for it goes through many hands.
            Ok(Ok(connection)) => Ok(Box::new(connection)),
            Ok(Err(error)) => Err(Unreached::by(&error)),
            Err(_) => Err(Unreached::late(late)),
        }
    }

    /// The sample of an arrival whose connection could not be opened beforehand.
    pub fn unreached(&self, arrival: Arrival, shot: &Shot, unreached: &Unreached) -> Box<Sample> {
        let end = shot.start.elapsed();
        let mut sample = Box::new(Sample::unsent(arrival, shot.phase, shot.round, Outcome::ConnectFailed, end));
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
        connection: Option<Box<Connection>>,
    ) -> (Box<Sample>, Option<Box<Connection>>) {
        let Attempt { sample, connection, .. } = self.attempt(arrival, shot, connection).await;
        (sample, connection)
    }

    /// [`Endpoint::send`], and what pre-flight wants to know beside.
    pub(super) async fn attempt(&self, arrival: Arrival, shot: &Shot, connection: Option<Box<Connection>>) -> Attempt {
        let issued = Instant::now();
        let brief = &*shot.brief;
        let timeouts = &brief.case.timeouts;
        let cold = connection.is_none();
        let mut connection = match connection {
            Some(connection) => connection,
            // Boxed, so that a request on an open connection stays small: a new one costs far more than the box.
            None => match Box::pin(self.connect_or_cancel(timeouts, &shot.cancel)).await {
                Ok(connection) => connection,
                Err(Unreached { stop, text }) => {
                    let mut sample = begun(arrival, shot, issued);
                    unconnected(&mut sample, stop, &text, timeouts, &self.scrubber, shot.start.elapsed());
                    return Attempt { sample, connection: None, headers: Vec::new(), stop: Some(stop) };
                }
            },
        };
        let reused = connection.used();
        let request = Request::new(brief.head.clone(), brief.bodies.render(&arrival));
        let stream = brief.case.request.stream;
        let deadlines = Deadlines::of(timeouts, issued, stream);
        let (sleep, cancelled) = (pin!(deadlines.timer()), pin!(shot.cancel.cancelled()));
        let alarm = Alarm::new(deadlines, sleep, cancelled);
        let terms = Terms { start: shot.start, stream, again: brief.again };
        let mut seen = exchange(&mut connection, request, alarm, terms, brief.keep).await;

        let mut sample = begun(arrival, shot, issued);
        let info = connection.info();
        sample.reused = reused;
        if !reused {
            sample.connect = connect_times(info, shot.start, cold);
        }
        sample.at.connected = cold.then(|| info.at.saturating_duration_since(shot.start));
        sample.remote = info.remote;
        let connection = seen.reusable.then_some(connection);
        let stop = seen.stop.as_ref().map(|(stop, _)| *stop);
        let headers = if shot.phase == Phase::Preflight { self.heard(&seen) } else { Vec::new() };
        conclude(&mut sample, &mut seen, brief, &self.scrubber, shot.start);
        Attempt { sample, connection, headers, stop }
    }

    /// The answer's headers, fit to be kept.
    fn heard(&self, seen: &Seen) -> Vec<(String, String)> {
        let fields = seen.head.iter().flat_map(|head| head.fields.texts());
        fields.map(|(name, value)| (name.to_owned(), self.scrubber.line(value, 200).into_owned())).collect()
    }

    async fn connect_or_cancel(
        &self,
        timeouts: &Timeouts,
        cancel: &CancellationToken,
    ) -> Result<Box<Connection>, Unreached> {
        let late = if timeouts.total < timeouts.connect { Stop::TotalTimeout } else { Stop::ConnectTimeout };
        let connecting = self.connect_within(timeouts.connect.min(timeouts.total), late);
        cancel.run_until_cancelled(connecting).await.unwrap_or(Err(Unreached::late(Stop::Cancelled)))
    }
}

/// The sample of a request that a user has begun with; in a box, for it goes through many hands.
fn begun(arrival: Arrival, shot: &Shot, issued: Instant) -> Box<Sample> {
    let mut sample = Box::new(Sample::unsent(arrival, shot.phase, shot.round, Outcome::Cancelled, Duration::ZERO));
    sample.at.issued = Some(issued.saturating_duration_since(shot.start));
    sample.streamed = shot.brief.case.request.stream;
    sample
}

fn connect_times(info: &Connected, start: Instant, cold: bool) -> ConnectTimes {
    ConnectTimes {
        dns: info.dns,
        tcp: Some(info.tcp),
        tls: info.tls,
        total: Some(info.total),
        syn_retransmits: info.syn_retransmits,
        age_at_start: (!cold).then(|| start.saturating_duration_since(info.at)),
    }
}
