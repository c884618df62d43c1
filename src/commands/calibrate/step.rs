//! One load of a calibration: a plan as any other, carried out by the runner, held to the endpoint's log.

use std::time::{Duration, Instant};

use super::super::{burst, plans};
use super::witness::{Cores, Witness};
use crate::audit::limits::Allowance;
use crate::load::Stop;
use crate::runner::crews::Crews;
use crate::runner::event::Event;
use crate::runner::{self, Setup};
use crate::sample::Sample;
use crate::scenario::file::{Preflight, Request, ScenarioFile};
use crate::scenario::plan::{Connections, Plan};
use crate::scenario::units::{Count, Time};
use crate::scenario::{self, Overrides};
use crate::stats::calibration::{Held, Shape, Step};
use crate::stats::observation::micros;
use crate::stats::quantile::rank;
use crate::stats::values::Values;

/// How long streams speak after their first token.
const SPEAKS: Duration = Duration::from_secs(1);
/// Beyond which a load is not one that this machine carries.
const TIMEOUT: Duration = Duration::from_secs(15);
/// More time than connecting, starting and reading the log take.
const BESIDE: Duration = Duration::from_millis(700);

/// What all steps share.
pub(super) struct Stage<'a> {
    pub(super) cores: &'a Cores,
    pub(super) crews: &'a Crews,
    pub(super) runtime: &'a tokio::runtime::Runtime,
    pub(super) stop: &'a Stop,
    /// When the whole calibration must be over.
    pub(super) deadline: Instant,
}

/// What became of a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tried {
    /// It was measured so well.
    Measured(Step),
    /// The endpoint could not send as fast as it was told to: nothing is learnt of the client.
    TooSlow,
    /// It was cut off.
    OutOfTime,
}

impl Tried {
    /// The better of two attempts at one load.
    pub(super) fn better(self, other: Tried) -> Tried {
        match (self, other) {
            (Tried::Measured(one), Tried::Measured(other)) if other.error_ms < one.error_ms => Tried::Measured(other),
            (Tried::TooSlow | Tried::OutOfTime, other) => other,
            _ => self,
        }
    }
}

/// About how long a step takes.
pub(super) fn lasts(shape: Shape, users: u32) -> Duration {
    let connecting = Duration::from_micros(150) * users;
    match shape {
        Shape::Streams { .. } => SPEAKS + Duration::from_millis(500) + BESIDE + connecting,
        Shape::Burst => Duration::from_secs(1) + BESIDE + connecting,
    }
}

impl Stage<'_> {
    /// Carries out one load.
    pub(super) fn step(&self, shape: Shape, users: u32) -> anyhow::Result<Tried> {
        let witness = Witness::start(self.cores, &flags(shape))?;
        let plan = plan(&witness.url, shape, users)?;
        let Some(samples) = self.run(&plan)? else { return Ok(Tried::OutOfTime) };
        let records = witness.records(samples.len())?;
        if let Shape::Streams { events_per_s } = shape {
            let mut late = Values::default();
            records.iter().flat_map(|record| record.lateness_us()).for_each(|us| late.add(us));
            let late_us = rank(99, late.n()).and_then(|at| late.ranked().at(at)).unwrap_or(0);
            // Later than by a whole gap, it no longer keeps the pace.
            if late_us > 1_000_000 / u64::from(events_per_s) {
                return Ok(Tried::TooSlow);
            }
        }
        // An answer that did not come is an error without measure.
        let ok = samples.len() == users as usize && samples.iter().all(|sample| sample.outcome.is_ok());
        let error_ms = if ok { error(&samples, &records) } else { None };
        let error_ms = error_ms.unwrap_or(TIMEOUT.as_secs_f64() * 1e3);
        let sent = || samples.iter().filter_map(|sample| sample.at.sent);
        let spread = sent().max().zip(sent().min()).map_or(Duration::ZERO, |(last, first)| last - first);
        Ok(Tried::Measured(Step { users, error_ms, spread_ms: spread.as_secs_f64() * 1e3 }))
    }

    /// The samples of a plan; `None` if it was stopped.
    fn run(&self, plan: &Plan) -> anyhow::Result<Option<Vec<Sample>>> {
        let stop = Stop { sending: self.stop.sending.child_token(), waiting: self.stop.waiting.child_token() };
        let setup = Setup {
            run_id: "calibrate".to_owned(),
            stop: stop.clone(),
            keep_answers: false,
            allowance: Allowance::default(),
        };
        let mut samples = Vec::new();
        let ran = self.runtime.block_on(async {
            let over = tokio::time::sleep_until(self.deadline.into());
            let tell = |event: Event<'_>| {
                if let Event::Sampled { sample, .. } = event {
                    samples.push(*sample);
                }
            };
            let run = runner::run(plan, &setup, self.crews, tell, |_| true);
            tokio::pin!(run);
            tokio::select! {
                ended = &mut run => return ended,
                () = over => {}
            }
            // What is in the air lands as cancelled.
            stop.sending.cancel();
            stop.waiting.cancel();
            run.await
        });
        ran?;
        Ok((!stop.sending.is_cancelled()).then_some(samples))
    }
}

/// The endpoint's flags. Streams do not speak in chorus: their first tokens come over some tenths of a second.
fn flags(shape: Shape) -> Vec<String> {
    let flags: [(&str, String); 3] = match shape {
        Shape::Streams { events_per_s } => [
            ("--first-token", "{lognormal={median=\"250ms\",sigma=0.3}}".to_owned()),
            ("--per-token", format!("{}us", 1_000_000 / events_per_s)),
            ("--tokens", (u64::from(events_per_s) * SPEAKS.as_secs()).to_string()),
        ],
        Shape::Burst => {
            [("--first-token", "1s".to_owned()), ("--per-token", "0ms".to_owned()), ("--tokens", "1".to_owned())]
        }
    };
    flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
}

/// A plan made by the door that every scenario enters by.
fn plan(url: &str, shape: Shape, users: u32) -> anyhow::Result<Plan> {
    let mut file = ScenarioFile {
        users: Some(vec![Count(u64::from(users))]),
        timeout: Some(Time(TIMEOUT)),
        preflight: Some(Preflight { requests: Some(Count(0)), models: None }),
        request: Some(Request { stream: Some(shape != Shape::Burst), ..Request::default() }),
        ..burst::at(url, "")
    };
    for target in file.targets.iter_mut().flat_map(|targets| targets.values_mut()) {
        target.connections = Some(Connections::Warm);
    }
    let resolved = scenario::resolve_file(&file, "calibrate", &Overrides::default(), &plans::environment);
    Ok(resolved.map_err(|problems| anyhow::anyhow!("{}", problems.render(false)))?.plan)
}

/// The largest error of P50 or P99 of latency, first token and gaps, in milliseconds.
fn error(samples: &[Sample], records: &[super::record::Record]) -> Option<f64> {
    let (mut latency, mut ttft, mut gap) = (Held::default(), Held::default(), Held::default());
    for sample in samples {
        sample.latency().into_iter().for_each(|time| latency.measured(micros(time)));
        sample.ttft().into_iter().for_each(|time| ttft.measured(micros(time)));
        sample.gaps_us.iter().for_each(|us| gap.measured(u64::from(*us)));
    }
    for record in records {
        record.end().into_iter().for_each(|end| latency.truth(end.low_us, end.high_us));
        let tokens = record.tokens();
        tokens.first().into_iter().for_each(|first| ttft.truth(first.low_us, first.high_us));
        for pair in tokens.windows(2) {
            let [before, after] = [pair[0], pair[1]];
            gap.truth(after.low_us.saturating_sub(before.high_us), after.high_us - before.low_us);
        }
    }
    let errors = [latency.error_ms(), ttft.error_ms(), gap.error_ms()];
    errors.into_iter().flatten().reduce(f64::max)
}
