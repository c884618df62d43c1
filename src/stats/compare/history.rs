//! A case over many runs: is the newest where the ones before it say that it should be?
//!
//! An alarm needs at least five earlier runs that are valid and comparable with the one that is looked at, and a value
//! outside the interval in which 95 % of further runs lie by them. One in twenty runs of an unchanged server leaves it.

use super::Side;
use super::comparable::Comparability;
use super::rounds::{Rounds, primary};
use super::student::{logarithms, prediction};

/// A case, run by run.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What is looked at.
    pub metric: String,
    /// One a run, the oldest first.
    pub points: Vec<Point>,
}

/// A run of the case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point {
    /// The metric: the geometric mean of the rounds; `None` where a round has none, or the run has not got the case.
    pub value: Option<f64>,
    /// Where it has left what the runs before it predict.
    pub alarm: Option<Alarm>,
}

/// A value that was not to be expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alarm {
    /// Between which values 95 % of further runs lie.
    pub predicted: [f64; 2],
    /// By how many runs.
    pub runs: usize,
}

/// A case of these runs, the oldest first; without a `metric`, the one that a comparison would take.
pub fn series(runs: &[Option<Side<'_>>], metric: Option<&str>) -> Series {
    let enough = runs.iter().flatten().all(|side| primary([side.rounds, side.rounds]) == "latency_p90");
    let metric = metric.unwrap_or(if enough { "latency_p90" } else { "latency_median" });
    let values: Vec<Option<f64>> = runs.iter().map(|side| value(side.as_ref()?, metric)).collect();
    let points = (0..runs.len()).map(|at| Point { value: values[at], alarm: alarm(runs, &values, at, metric) });
    Series { metric: metric.to_owned(), points: points.collect() }
}

fn value(side: &Side<'_>, metric: &str) -> Option<f64> {
    let rounds = Rounds::of(side.rounds, metric);
    let finite = rounds.finite();
    let logs = logarithms(&finite).filter(|logs| !logs.is_empty() && rounds.unreached == 0)?;
    match finite.as_slice() {
        [one] => Some(*one),
        _ => Some((logs.iter().sum::<f64>() / logs.len() as f64).exp()),
    }
}

fn alarm(runs: &[Option<Side<'_>>], values: &[Option<f64>], at: usize, metric: &str) -> Option<Alarm> {
    let (side, value) = (runs[at].as_ref().filter(|side| side.provenance.counts(metric))?, values[at]?);
    let is_like = |other: &Side<'_>| {
        let both = ((other.pooled, other.provenance), (side.pooled, side.provenance));
        other.provenance.counts(metric) && Comparability::of(both.0, both.1, &[], metric).mismatches.is_empty()
    };
    let before = runs[..at].iter().zip(values);
    let earlier: Vec<f64> =
        before.filter(|(other, _)| other.as_ref().is_some_and(is_like)).filter_map(|(_, value)| *value).collect();
    let (low, high) = prediction(&earlier)?;
    let is_out = value < low || value > high;
    is_out.then_some(Alarm { predicted: [low, high], runs: earlier.len() })
}

#[cfg(test)]
mod tests {
    use super::super::Provenance;
    use super::super::tests::{provenance, rounds};
    use super::*;
    use crate::stats::summary::Summary;
    use crate::stats::validity::Label;

    /// The points of runs whose rounds take about so long.
    fn points(factors: &[f64], change: impl Fn(usize, &mut Provenance)) -> Vec<Point> {
        let all: Vec<(Vec<Summary>, Provenance)> = factors
            .iter()
            .enumerate()
            .map(|(at, factor)| {
                let mut known = provenance();
                change(at, &mut known);
                (rounds(&[*factor, factor * 1.01]), known)
            })
            .collect();
        let sides: Vec<Option<Side<'_>>> =
            all.iter().map(|(rounds, provenance)| Some(Side { pooled: &rounds[0], rounds, provenance })).collect();
        series(&sides, None).points
    }

    const STEADY: [f64; 7] = [1.0, 1.03, 0.98, 1.01, 0.99, 1.02, 1.5];

    #[test]
    fn a_value_that_five_earlier_ones_do_not_predict_is_an_alarm() {
        let got = points(&STEADY, |_, _| ());
        let alarms: Vec<bool> = got.iter().map(|point| point.alarm.is_some()).collect();
        assert_eq!(alarms, [false, false, false, false, false, false, true]);
        let Alarm { predicted: [low, high], runs } = got[6].alarm.unwrap();
        assert!(runs == 6 && low > 1000.0 && high < 1400.0, "{low} {high} of {runs}");
        assert_eq!(points(&[1.0, 1.0, 1.0, 1.0, 1.5], |_, _| ())[4].alarm, None, "four predict nothing");
        assert!(points(&[1.0, 1.03, 0.98, 1.01, 0.99, 1.02, 0.5], |_, _| ())[6].alarm.is_some(), "faster is news too");
    }

    #[test]
    fn runs_that_are_not_valid_or_not_comparable_predict_nothing() {
        let doubted = |at: usize, known: &mut Provenance| {
            known.validity = Some(if at < 2 { Label::Degraded } else { Label::Valid });
        };
        assert_eq!(points(&STEADY, doubted)[6].alarm, None);
        let other = |at: usize, known: &mut Provenance| {
            known.prompts_hash = Some(if at < 2 { "old" } else { "new" }.into());
        };
        assert_eq!(points(&STEADY, other)[6].alarm, None);
        let newest = |at: usize, known: &mut Provenance| {
            known.validity = Some(if at == 6 { Label::Invalid } else { Label::Valid });
        };
        assert_eq!(points(&STEADY, newest)[6].alarm, None);
        let allowed = |at: usize, known: &mut Provenance| {
            doubted(at, known);
            known.allow_invalid = true;
        };
        assert!(points(&STEADY, allowed)[6].alarm.is_some());
    }
}
