//! Proof, before any load, that a target and model answer; and where they do not, which link of the chain is broken.
//!
//! Name → connection → TLS → key → model listed → one real answer over the measured path, streamed if the case streams
//! → token counts → parameters honoured. What it learns changes how the case's requests are made and judged, and is
//! told in `run.json`.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::body::names_include_usage;
use super::brief::{Learnt, Shot};
use super::endpoint::{Attempt, Endpoint, Unreached};
use super::models::{Listing, Model, list};
use super::notes::{Observed, is_buffered, notes};
use super::outcome::Stop;
use super::problem::{Known, Problem, of_answer, of_being_called_off, of_connecting, of_late_connecting};
use super::server::{Heard, recognise};
use super::verdict::seconds;
use crate::sample::{Arrival, Phase, Sample};
use crate::scenario::plan::{Case, Preflight, ServerKind, Url};
use crate::wire::{Connection, connect};

/// The one that is counted as nobody's.
const ARRIVAL: Arrival = Arrival { request: 0, user: 0, turn: 1, due: Duration::ZERO, prompt: 0, serial: 0 };

/// What pre-flight found out about a target and model.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// The target's name.
    pub target: String,
    /// The model.
    pub model: String,
    /// What is wrong; with one, this target and model get no load.
    pub problem: Option<Problem>,
    /// What else is worth knowing, a sentence each.
    pub notes: Vec<String>,
    /// The kind of server, as the scenario names it or as it was recognised.
    pub server: &'static str,
    /// The address that answered, pinned for the run.
    pub address: Option<String>,
    /// What the server lists; `None` if it was not asked or does not tell.
    pub models: Option<Vec<Model>>,
    /// Whether streamed answers are asked for token counts.
    pub include_usage: bool,
    /// The model that says it answered.
    pub served_model: Option<String>,
    /// `system_fingerprint`.
    pub fingerprint: Option<String>,
    /// Addresses that the name stands for beside the one that answered.
    pub other_addresses: u32,
    /// Whether a stream came as good as at once: something between holds it back.
    pub buffered: bool,
    /// For the briefs of this target's and model's cases.
    #[serde(skip)]
    pub learnt: Learnt,
    /// Every request that was made, in order; in the CSV, in no statistic.
    #[serde(skip)]
    pub samples: Vec<Sample>,
}

/// Diagnoses a target with the first case of a model. The endpoint is pinned to the address that answers.
pub async fn run(endpoint: &Endpoint, case: &Arc<Case>, what: Preflight, cancel: &CancellationToken) -> Diagnosis {
    let mut diagnosis = Diagnosis::new(case);
    let began = Instant::now();
    let reached = cancel.run_until_cancelled(reach(endpoint, case)).await;
    let called_off = || Err((of_being_called_off(&endpoint.url), Unreached::late(Stop::Cancelled)));
    let connection = match reached.unwrap_or_else(called_off) {
        Ok(connection) => connection,
        Err((problem, unreached)) => {
            let shot = diagnosis.shot(endpoint, case, cancel, began);
            diagnosis.samples.push(*endpoint.unreached(ARRIVAL, &shot, &unreached));
            diagnosis.problem = Some(problem);
            return diagnosis;
        }
    };
    diagnosis.address = connection.info().remote.map(|remote| remote.to_string());
    diagnosis.other_addresses = connection.info().others;
    let remote = connection.info().remote.filter(|remote| !remote.ip().is_loopback());
    if let (others @ 1.., Some(address)) = (diagnosis.other_addresses, remote) {
        diagnosis.notes.push(format!("the name stands for {} addresses; all requests go to {address}", others + 1));
    }
    let mut heard = Heard::default();
    if what.models {
        // Without it, what follows is called off too and says so.
        let _ = cancel.run_until_cancelled(diagnosis.list(endpoint, case, &mut heard)).await;
    }
    diagnosis.recognise(case, &heard);
    diagnosis.ask(endpoint, case, what.requests, connection, heard, cancel).await;
    diagnosis
}

impl Diagnosis {
    fn new(case: &Case) -> Diagnosis {
        let kind = case.target.server;
        Diagnosis {
            target: case.key.target.clone(),
            model: case.key.model.clone(),
            problem: None,
            notes: Vec::new(),
            server: kind.name(),
            address: None,
            models: None,
            include_usage: case.request.stream,
            served_model: None,
            fingerprint: None,
            other_addresses: 0,
            buffered: false,
            // Whether its answers have a finish_reason is what the first of them tells.
            learnt: Learnt { finishes_without_reason: true, ..Learnt::nothing(kind) },
            samples: Vec::new(),
        }
    }

    async fn list(&mut self, endpoint: &Endpoint, case: &Case, heard: &mut Heard) {
        match list(&case.target, &endpoint.url, endpoint.route(), &endpoint.scrubber).await {
            Ok(Listing { models, headers }) => {
                heard.owners = models.iter().filter_map(|model| model.owned_by.clone()).collect();
                heard.headers = headers;
                self.models = Some(models);
            }
            Err(error) => self.notes.push(format!("{} tells no models: {error}", endpoint.url.models_path)),
        }
    }

    fn recognise(&mut self, case: &Case, heard: &Heard) {
        if case.target.server == ServerKind::Auto
            && let Some(kind) = recognise(heard)
        {
            self.learnt.kind = kind;
            self.server = kind.name();
        }
    }

    async fn ask(
        &mut self,
        endpoint: &Endpoint,
        case: &Arc<Case>,
        requests: u32,
        mut connection: Connection,
        mut heard: Heard,
        cancel: &CancellationToken,
    ) {
        // The list may have taken longer than the server keeps an idle connection.
        let connection = if connection.is_open().await { Some(connection) } else { None };
        let mut attempt = self.attempt(endpoint, case, connection, cancel).await;
        let refused = matches!(attempt.sample.status, Some(400 | 422));
        let asked = case.request.stream && self.learnt.include_usage && !names_include_usage(&case.request);
        if refused && asked {
            self.learnt.include_usage = false;
            let again = self.attempt(endpoint, case, None, cancel).await;
            if matches!(again.sample.status, Some(400 | 422)) {
                // It was something else.
                self.learnt.include_usage = true;
                self.samples.push(*again.sample);
            } else {
                self.notes.push("`stream_options.include_usage` is refused here, and was left out".to_owned());
                self.samples.push(*std::mem::replace(&mut attempt, again).sample);
            }
        }
        heard.headers.extend(attempt.headers.iter().cloned());
        heard.fingerprint = attempt.sample.fingerprint.as_deref().map(str::to_owned);
        self.recognise(case, &heard);
        self.conclude(endpoint, case, &attempt);
        self.samples.push(*attempt.sample);
        for _ in 1..requests {
            if self.problem.is_some() {
                break;
            }
            let further = self.attempt(endpoint, case, None, cancel).await;
            self.problem = of_answer(&further.sample, self.known(endpoint, case, &further));
            self.samples.push(*further.sample);
        }
    }

    async fn attempt(
        &self,
        endpoint: &Endpoint,
        case: &Arc<Case>,
        connection: Option<Connection>,
        cancel: &CancellationToken,
    ) -> Attempt {
        let shot = self.shot(endpoint, case, cancel, Instant::now());
        endpoint.attempt(ARRIVAL, &shot, connection.map(Box::new)).await
    }

    fn shot(&self, endpoint: &Endpoint, case: &Arc<Case>, cancel: &CancellationToken, start: Instant) -> Shot {
        let brief = Arc::new(endpoint.brief(case, &self.learnt));
        Shot { brief, phase: Phase::Preflight, round: 0, start, cancel: cancel.clone() }
    }

    fn conclude(&mut self, endpoint: &Endpoint, case: &Case, attempt: &Attempt) {
        let sample = &attempt.sample;
        self.problem = of_answer(sample, self.known(endpoint, case, attempt));
        self.learnt.finishes_without_reason = sample.outcome.is_ok() && sample.finish_reason.is_none();
        self.include_usage = case.request.stream && self.learnt.include_usage;
        self.served_model = sample.served_model.as_deref().map(str::to_owned);
        self.fingerprint = sample.fingerprint.as_deref().map(str::to_owned);
        self.buffered = is_buffered(sample);
        let listed = self.listed(case);
        let observed = Observed { case, sample, headers: &attempt.headers, kind: self.learnt.kind, listed };
        self.notes.extend(notes(&observed));
    }

    fn known<'a>(&self, endpoint: &'a Endpoint, case: &'a Case, attempt: &Attempt) -> Known<'a> {
        Known {
            url: &endpoint.url,
            model: &case.key.model,
            kind: self.learnt.kind,
            listed: self.listed(case),
            stop: attempt.stop,
            http2_unagreed: case.target.http2 && !endpoint.url.https,
        }
    }

    fn listed(&self, case: &Case) -> Option<bool> {
        let models = self.models.as_ref()?;
        Some(models.iter().any(|model| model.id == case.key.model))
    }
}

/// Finds the name, opens the connection and its TLS; pins the address that connected.
async fn reach(endpoint: &Endpoint, case: &Case) -> Result<Connection, (Problem, Unreached)> {
    let url: &Url = &endpoint.url;
    let limit = case.timeouts.connect.min(case.timeouts.total);
    let late = if limit < case.timeouts.connect { Stop::TotalTimeout } else { Stop::ConnectTimeout };
    let route = endpoint.route();
    match timeout(limit, connect(route)).await {
        Ok(Ok(mut connection)) => {
            connection.keep();
            endpoint.pin(connection.info().remote);
            Ok(connection)
        }
        Ok(Err(error)) => {
            let problem = of_connecting(&error, url, route.proxy.as_ref());
            let sentence = endpoint.scrubber.line(&problem.sentence, 500).into_owned();
            Err((Problem { sentence, ..problem }, Unreached::by(&error)))
        }
        Err(_) => Err((of_late_connecting(&seconds(limit), url, route.proxy.as_ref()), Unreached::late(late))),
    }
}
