//! Simulated rounds as the statistics take them: latencies become a summary, a number and its luck become a round.

use std::sync::LazyLock;

use lamb_load::scenario::plan::CaseKey;
use lamb_load::stats::compare::comparable::Provenance;
use lamb_load::stats::compare::{Comparison, Options, Side};
use lamb_load::stats::values::Values;
use lamb_load::stats::{Distribution, Limits, Subject, Summary, Tally};

/// The round (1-based) of a case in which requests took so many microseconds.
pub(crate) fn round(case: usize, number: u32, latencies_us: &[u64]) -> Summary {
    static NOTHING: LazyLock<Summary> = LazyLock::new(|| Summary::of(subject(), &Tally::new(Limits::default())));
    let mut values = Values::default();
    latencies_us.iter().for_each(|us| values.add(*us));
    let mut summary = NOTHING.clone();
    summary.subject.key.model = format!("case {case}");
    summary.subject.round = Some(number);
    summary.requests = latencies_us.len() as u64;
    summary.subject.requests_per_round = Some(summary.requests);
    summary.ok = summary.requests;
    summary.latency = Distribution::of(&values, 0, 0);
    summary
}

/// Compares cases, each its rounds before and after.
pub(crate) fn compared(cases: &[[&[Summary]; 2]], options: &Options) -> Comparison {
    let known = Provenance::default();
    let side = |which: usize| -> Vec<Side<'_>> {
        cases
            .iter()
            .map(|rounds| Side { pooled: &rounds[which][0], rounds: rounds[which], provenance: &known })
            .collect()
    };
    Comparison::of(&side(0), &side(1), options)
}

fn subject() -> Subject {
    let key = CaseKey { target: "t".into(), model: String::new(), prompts: "all".into(), load: "30".into() };
    Subject {
        key,
        users: 30,
        round: None,
        requests_per_round: Some(30),
        closed: false,
        cold: false,
        stream: false,
        spread_ms: 0.0,
        length_asked: false,
        lone_s: None,
    }
}
