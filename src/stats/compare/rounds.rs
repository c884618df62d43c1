//! A metric by round: the values that a comparison rests on.

use crate::sample::Outcome;
use crate::stats::metric::{MetricUnit, metric_unit};
use crate::stats::summary::Summary;

/// A metric by round.
pub(super) struct Rounds {
    /// Round number and value, where it has one.
    pub(super) values: Vec<(Option<u32>, f64)>,
    /// Rounds in which it was not reached.
    pub(super) unreached: usize,
}

impl Rounds {
    /// The metric of every whole round: what we cut short ourselves says nothing of the server.
    pub(super) fn of(rounds: &[Summary], metric: &str) -> Rounds {
        let of = |round: &Summary| Some((round.subject.round, round.metric(metric)?.value.number()));
        let all: Vec<(Option<u32>, f64)> = rounds.iter().filter(|round| is_whole(round)).filter_map(of).collect();
        let unreached = all.iter().filter(|(_, value)| value.is_infinite()).count();
        Rounds { values: all.into_iter().filter(|(_, value)| value.is_finite()).collect(), unreached }
    }

    /// The values alone.
    pub(super) fn finite(&self) -> Vec<f64> {
        self.values.iter().map(|(_, value)| *value).collect()
    }
}

/// The values of rounds that both sides have, by their number.
pub(super) fn side_by_side(before: &[(Option<u32>, f64)], after: &[(Option<u32>, f64)]) -> (Vec<f64>, Vec<f64>) {
    let partner = |round: &Option<u32>| after.iter().find(|(other, _)| other == round).map(|(_, value)| *value);
    before.iter().filter_map(|(round, value)| Some((*value, partner(round)?))).unzip()
}

/// Whether nobody cut it short.
fn is_whole(round: &Summary) -> bool {
    let planned = round.subject.requests_per_round;
    planned.is_none_or(|planned| round.requests >= planned) && round.outcomes.of(Outcome::Cancelled) == 0
}

/// The rounds' own P90 from ten requests a round, the median below that.
pub(super) fn primary(sides: [&[Summary]; 2]) -> &'static str {
    let enough =
        sides.iter().all(|rounds| rounds.iter().filter(|round| is_whole(round)).all(|round| round.requests >= 10));
    if enough { "latency_p90" } else { "latency_median" }
}

/// Whether more of the metric is faster.
pub(super) fn is_rate(metric: &str) -> bool {
    metric_unit(metric) == Some(MetricUnit::PerSecond)
}
