//! THE HALL that joins the workshops: pre-flight, then cases and their rounds, in the order of the plan.
//!
//! It tells what happens as [`event::Event`]s, to a plain closure, and knows neither files nor screens. It adds nothing
//! up: rows do, and every number goes through a row.

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
use crate::sample::{Phase, Sample};
use crate::scenario::plan::{Case, Load, Plan};
use crews::Crews;
use event::Event;
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
    /// What this machine allows the plan.
    pub allowance: Allowance,
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

/// Carries out a plan. The targets' places are URLs: who calls has started the embedded endpoints. After each case
/// `goes_on` gets its index and says whether there is to be another.
pub async fn run(
    plan: &Plan,
    setup: &Setup,
    crews: &Crews,
    mut tell: impl FnMut(Event<'_>),
    mut goes_on: impl FnMut(usize) -> bool,
) -> Result<(), RunError> {
    let endpoints = way::endpoints(plan, &setup.run_id, setup.keep_answers)?;
    tell(Event::PlanMade(plan));
    let control = Control::start(crews.handles())?;
    #[cfg(feature = "faults")]
    crate::audit::faults::hold(crews.handles());
    let mut hall = Hall::new(plan, setup, crews, &control, endpoints);
    let mut is_first = true;
    for (index, case) in plan.cases.iter().enumerate() {
        if setup.stop.sending.is_cancelled() || (!is_first && !hall.rest().await) {
            break;
        }
        let Some(ground) = hall.ground(case, &mut tell).await else { continue };
        is_first = false;
        tell(Event::CaseBegun { case, number: index + 1, of: plan.cases.len() });
        hall.case(case, &ground, &mut tell).await?;
        if !goes_on(index) {
            break;
        }
    }
    Ok(())
}

/// A target and model that have proved that they answer.
#[derive(Clone)]
struct Ground {
    endpoint: Arc<Endpoint>,
    learnt: Learnt,
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
        for sample in diagnosis.samples.drain(..) {
            tell(Event::Sampled { case: None, target, model, start, sample: Box::new(sample) });
        }
        tell(Event::PreflightEnded { target, model, diagnosis: &diagnosis });
        diagnosis.problem.is_none().then(|| Ground {
            endpoint,
            learnt: diagnosis.learnt,
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
    ) -> Result<(), RunError> {
        self.warm_up(case, ground, tell).await?;
        for number in 1..=self.plan.repeat {
            if self.setup.stop.sending.is_cancelled() || (number > 1 && !self.rest().await) {
                break;
            }
            self.round(case, ground, number, tell).await?;
        }
        Ok(())
    }

    /// Fires a round of a case.
    async fn round(
        &mut self,
        case: &Arc<Case>,
        ground: &Ground,
        number: u32,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Result<(), RunError> {
        let gauge = Arc::new(Gauge::default());
        tell(Event::RoundBegun { case, round: number, of: self.plan.repeat, gauge: gauge.clone() });
        let mut seen = self.fire(case, ground, Phase::Load, number, gauge, tell).await?;
        ground.tell(&mut seen);
        self.setup.allowance.tell(&mut seen);
        tell(Event::RoundEnded { case, round: number, facts: &seen });
        Ok(())
    }

    /// Sends the requests that enter no statistic.
    async fn warm_up(&mut self, case: &Case, ground: &Ground, tell: &mut impl FnMut(Event<'_>)) -> io::Result<()> {
        if self.plan.warmup == 0 {
            return Ok(());
        }
        let load = Load::Burst { users: self.plan.warmup, spread: Duration::ZERO };
        let case = Arc::new(Case { load, ..case.clone() });
        self.fire(&case, ground, Phase::Warmup, 1, Arc::default(), tell).await?;
        Ok(())
    }

    async fn fire(
        &mut self,
        case: &Arc<Case>,
        ground: &Ground,
        phase: Phase,
        number: u32,
        gauge: Arc<Gauge>,
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
        let landed =
            |start, sample: Box<Sample>| tell(Event::Sampled { case: Some(case), target, model, start, sample });
        let facts = round.fire(landed).await?;
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
