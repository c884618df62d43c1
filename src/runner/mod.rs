//! THE HALL that joins the four workshops: pre-flight, rounds, summaries, in the order of the plan.
//!
//! It tells what happens as [`event::Event`]s, to a plain closure, and knows neither files nor screens.

pub mod ab;
pub mod crews;
pub mod event;
pub mod pairs;
mod round;
mod way;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::Control;
use crate::audit::limits::Allowance;
use crate::chat::endpoint::{Endpoint, Learnt};
use crate::chat::preflight;
use crate::facts::ClientFacts;
use crate::load::{Gauge, Stop};
use crate::sample::Phase;
use crate::scenario::plan::{Case, Load, Plan};
use crate::stats::validity::Validity;
use crate::stats::{GateState, Limits, Subject, Summary, Tally, judge};
use crews::Crews;
use event::{CaseResult, Event};
use round::Round;
pub use way::{SetupError, way};

/// What a run needs beside its plan.
#[derive(Debug)]
pub struct Setup {
    /// The run's name, which `cache_bust = "prefix"` writes.
    pub run_id: String,
    /// How it may be stopped.
    pub stop: Stop,
    /// Whether samples carry their answers.
    pub keep_answers: bool,
    /// Whether a case with a failed gate ends the run.
    pub fail_fast: bool,
    /// What this machine allows the plan.
    pub allowance: Allowance,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Ended {
    /// The finished cases, in order; a case cut off by a stop is among them.
    pub cases: Vec<CaseResult>,
    /// Targets and models whose pre-flight failed: they got no load.
    pub unanswered: Vec<(String, String)>,
    /// Cases that were not begun, for whatever reason.
    pub not_begun: usize,
}

/// Why a run ended where it should not have.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A target cannot be sent to; nothing was sent to anybody.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The operating system refused this program a thread.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] io::Error),
}

/// Carries out a plan. The targets' places are URLs: who calls has started the embedded endpoints.
pub async fn run(
    plan: &Plan,
    setup: &Setup,
    crews: &Crews,
    mut tell: impl FnMut(Event<'_>),
) -> Result<Ended, RunError> {
    let endpoints = way::endpoints(plan, &setup.run_id, setup.keep_answers)?;
    tell(Event::PlanMade(plan));
    let control = Control::start(crews.handles())?;
    #[cfg(feature = "faults")]
    crate::audit::faults::hold(crews.handles());
    let mut hall = Hall::new(plan, setup, crews, &control, endpoints);
    let mut ended = Ended::default();
    for (index, case) in plan.cases.iter().enumerate() {
        if setup.stop.sending.is_cancelled() || (!ended.cases.is_empty() && !hall.rest().await) {
            ended.not_begun += plan.cases.len() - index;
            break;
        }
        let Some(ground) = hall.ground(case, &mut tell).await else {
            let lost = (case.target.name.clone(), case.key.model.clone());
            if !ended.unanswered.contains(&lost) && !setup.stop.sending.is_cancelled() {
                ended.unanswered.push(lost);
            }
            ended.not_begun += 1;
            continue;
        };
        tell(Event::CaseBegun { case, number: index + 1, of: plan.cases.len() });
        let result = hall.case(case, &ground, &mut tell).await?;
        let failed = result.gates.iter().any(|gate| matches!(gate.state, GateState::Failed { .. }));
        tell(Event::CaseEnded(&result));
        ended.cases.push(result);
        if failed && setup.fail_fast {
            ended.not_begun += plan.cases.len() - index - 1;
            break;
        }
    }
    Ok(ended)
}

/// A target and model that have proved that they answer.
#[derive(Clone)]
struct Ground {
    endpoint: Arc<Endpoint>,
    learnt: Learnt,
    lone: Option<Duration>,
    model: Option<String>,
    fingerprint: Option<String>,
    buffered: bool,
    other_addresses: u32,
}

impl Ground {
    /// Enters what pre-flight found into the facts of a round.
    fn tell(&self, facts: &mut ClientFacts) {
        facts.preflight_model.clone_from(&self.model);
        facts.preflight_fingerprint.clone_from(&self.fingerprint);
        facts.preflight_buffered = self.buffered;
        facts.other_addresses = self.other_addresses;
    }
}

/// A case under way, its rounds so far.
struct Work {
    case: Arc<Case>,
    ground: Ground,
    subject: Subject,
    pooled: Tally,
    facts: ClientFacts,
    rounds: Vec<Summary>,
}

impl Work {
    fn summary(&self) -> Summary {
        Summary::of_rounds(self.subject.clone(), &self.pooled, &self.rounds)
    }
}

struct Hall<'a> {
    plan: &'a Plan,
    setup: &'a Setup,
    crews: &'a Crews,
    control: &'a Control,
    /// By target.
    endpoints: HashMap<String, Arc<Endpoint>>,
    /// By target and model; `None` where pre-flight failed.
    grounds: HashMap<(String, String), Option<Ground>>,
    /// Requests counted so far, pre-flight left out.
    serial: u64,
}

impl<'a> Hall<'a> {
    fn new(
        plan: &'a Plan,
        setup: &'a Setup,
        crews: &'a Crews,
        control: &'a Control,
        endpoints: HashMap<String, Arc<Endpoint>>,
    ) -> Hall<'a> {
        Hall { plan, setup, crews, control, endpoints, grounds: HashMap::new(), serial: 0 }
    }

    /// The ground that a case stands on, from the pre-flight of its target and model.
    async fn ground(&mut self, case: &Arc<Case>, tell: &mut impl FnMut(Event<'_>)) -> Option<Ground> {
        let key = (case.target.name.clone(), case.key.model.clone());
        if let Some(known) = self.grounds.get(&key) {
            return known.clone();
        }
        let endpoint = self.endpoints.get(&key.0)?.clone();
        let ground = match self.plan.preflight.requests {
            0 => Some(Ground {
                other_addresses: endpoint.look_up(&case.timeouts).await,
                endpoint,
                learnt: Learnt::nothing(case.target.server),
                lone: None,
                model: None,
                fingerprint: None,
                buffered: false,
            }),
            _ => self.preflight(case, endpoint, tell).await,
        };
        self.grounds.insert(key, ground.clone());
        ground
    }

    async fn preflight(
        &self,
        case: &Arc<Case>,
        endpoint: Arc<Endpoint>,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Option<Ground> {
        let (target, model) = (case.target.as_ref(), case.key.model.as_str());
        tell(Event::PreflightBegun { target, model });
        let start = jiff::Timestamp::now();
        let mut diagnosis = preflight::run(&endpoint, case, self.plan.preflight, &self.setup.stop.waiting).await;
        // The first answer pays for the start of things; how long one takes alone is what a second one tells.
        let lone = diagnosis.samples.get(1).and_then(crate::sample::Sample::latency);
        for sample in diagnosis.samples.drain(..) {
            tell(Event::Sampled { case: None, target, model, start, sample: Box::new(sample) });
        }
        tell(Event::PreflightEnded { target, model, diagnosis: &diagnosis });
        diagnosis.problem.is_none().then(|| Ground {
            endpoint,
            learnt: diagnosis.learnt,
            lone,
            model: diagnosis.served_model,
            fingerprint: diagnosis.fingerprint,
            buffered: diagnosis.buffered,
            other_addresses: diagnosis.other_addresses,
        })
    }

    async fn case(
        &mut self,
        case: &Arc<Case>,
        ground: &Ground,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Result<CaseResult, RunError> {
        let mut work = self.begin(case, ground);
        self.warm_up(case, ground, tell).await?;
        for number in 1..=self.plan.repeat {
            if self.setup.stop.sending.is_cancelled() || (number > 1 && !self.rest().await) {
                break;
            }
            self.round(&mut work, number, tell).await?;
        }
        Ok(self.conclude(work))
    }

    /// A case that no round has been fired of.
    fn begin(&self, case: &Arc<Case>, ground: &Ground) -> Work {
        Work {
            case: case.clone(),
            ground: ground.clone(),
            subject: Subject { lone_s: ground.lone.map(|lone| lone.as_secs_f64()), ..Subject::of(case) },
            pooled: Tally::new(Limits::of(&self.plan.gates)),
            facts: ClientFacts::default(),
            rounds: Vec::new(),
        }
    }

    /// Fires a round of a case.
    async fn round(&mut self, work: &mut Work, number: u32, tell: &mut impl FnMut(Event<'_>)) -> Result<(), RunError> {
        let (case, ground) = (&work.case, &work.ground);
        let gauge = Arc::new(Gauge::default());
        tell(Event::RoundBegun { case, round: number, of: self.plan.repeat, gauge: gauge.clone() });
        let mut tally = Tally::new(Limits::of(&self.plan.gates)).expecting(case.load.requests().unwrap_or(0));
        let mut seen = self.fire(case, ground, Phase::Load, number, gauge, &mut tally, tell).await?;
        ground.tell(&mut seen);
        self.setup.allowance.tell(&mut seen);
        tell(Event::RoundEnded { case, round: number, facts: &seen });
        work.rounds.push(Summary::of(work.subject.of_round(number), &tally));
        work.pooled += tally;
        work.facts.merge(&seen);
        Ok(())
    }

    /// What the rounds of a case come to.
    fn conclude(&self, work: Work) -> CaseResult {
        let summary = work.summary();
        let validity = Validity::of(&summary, &work.facts);
        let gates = judge(&self.plan.gates, &summary, Some(&validity), self.plan.allow_invalid);
        CaseResult { case: work.case, summary, rounds: work.rounds, gates, validity }
    }

    /// Sends the requests that enter no statistic.
    async fn warm_up(&mut self, case: &Case, ground: &Ground, tell: &mut impl FnMut(Event<'_>)) -> io::Result<()> {
        if self.plan.warmup == 0 {
            return Ok(());
        }
        let load = Load::Burst { users: self.plan.warmup, spread: Duration::ZERO };
        let case = Arc::new(Case { load, ..case.clone() });
        let mut uncounted = Tally::default();
        self.fire(&case, ground, Phase::Warmup, 1, Arc::default(), &mut uncounted, tell).await?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a round is all of these, once")]
    async fn fire(
        &mut self,
        case: &Arc<Case>,
        ground: &Ground,
        phase: Phase,
        number: u32,
        gauge: Arc<Gauge>,
        tally: &mut Tally,
        tell: &mut impl FnMut(Event<'_>),
    ) -> io::Result<ClientFacts> {
        let round = Round {
            crews: self.crews,
            control: self.control,
            case,
            endpoint: &ground.endpoint,
            brief: Arc::new(ground.endpoint.brief(case, &ground.learnt)),
            phase,
            number,
            seed: self.plan.seed,
            serial_before: self.serial,
            gauge,
            stop: &self.setup.stop,
        };
        let (target, model) = (case.target.as_ref(), case.key.model.as_str());
        let facts = round
            .fire(|start, sample| {
                tally.add(&sample);
                tell(Event::Sampled { case: Some(case), target, model, start, sample });
            })
            .await?;
        self.serial += facts.issued;
        Ok(facts)
    }

    /// Rests between rounds and cases; `false` when the run was stopped meanwhile.
    async fn rest(&self) -> bool {
        let stop = &self.setup.stop.sending;
        if !self.plan.pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(self.plan.pause) => {}
                () = stop.cancelled() => {}
            }
        }
        !stop.is_cancelled()
    }
}
