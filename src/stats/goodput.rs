//! What a single request must meet to count as good: the scenario's upper limits, taken per request.

use super::observation::Observation;
use crate::scenario::plan::{Comparison, Gate, STATISTICS};

/// The limits that a request must meet, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    latency: Option<Limit>,
    latency_from_due: Option<Limit>,
    ttft: Option<Limit>,
    ttfo: Option<Limit>,
    tpot: Option<Limit>,
    /// Of `gap`: no gap of the request may exceed it.
    gap: Option<Limit>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    below: Comparison,
    ms: f64,
}

impl Limits {
    /// From the gates that bound a time from above by `<` or `<=`, whatever the statistic: `latency_p90 = "< 8s"` asks
    /// of a request that it takes less than 8 s. Of several the strictest. A bound on the deviation bounds no request.
    pub fn of(gates: &[Gate]) -> Limits {
        let mut limits = Limits::default();
        for gate in gates {
            let Some(name) = distribution(&gate.metric) else { continue };
            let slot = match name {
                "latency" => &mut limits.latency,
                "latency_from_due" => &mut limits.latency_from_due,
                "ttft" => &mut limits.ttft,
                "ttfo" => &mut limits.ttfo,
                "tpot" => &mut limits.tpot,
                "gap" => &mut limits.gap,
                _ => continue,
            };
            let limit = Limit { below: gate.op, ms: gate.threshold };
            let upper = matches!(gate.op, Comparison::Less | Comparison::AtMost);
            if upper && slot.is_none_or(|known| limit.ms < known.ms) {
                *slot = Some(limit);
            }
        }
        limits
    }

    /// Whether there is any.
    pub fn any(&self) -> bool {
        *self != Limits::default()
    }

    /// Whether an answered request meets every limit. What was not measured is not met: a limit on TTFT asks for a
    /// stream. A stream without a second token has no pace and no gap that could be too slow.
    pub(super) fn are_met(&self, seen: &Observation<'_>) -> bool {
        let is_within = |limit: Option<Limit>, us: Option<u64>, unknown: bool| match (limit, us) {
            (None, _) => true,
            (Some(_), None) => unknown,
            (Some(limit), Some(us)) => limit.below.holds(us as f64 / 1000.0, limit.ms),
        };
        is_within(self.latency, seen.latency_us, false)
            && is_within(self.latency_from_due, seen.latency_from_due_us, false)
            && is_within(self.ttft, seen.ttft_us, false)
            && is_within(self.ttfo, seen.ttfo_us, false)
            && is_within(self.tpot, seen.tpot_us, seen.ttft_us.is_some())
            && is_within(self.gap, seen.max_gap_us, seen.ttft_us.is_some())
    }
}

/// `latency` of `latency_p90` and of `latency_p90_answered`; `None` of what is no distribution, and of `_stdev`.
fn distribution(metric: &str) -> Option<&str> {
    let plain = metric.strip_suffix("_answered").unwrap_or(metric);
    let (name, statistic) = plain.rsplit_once('_')?;
    (statistic != "stdev" && STATISTICS.contains(&statistic)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(metric: &str, op: Comparison, threshold: f64) -> Gate {
        Gate { metric: metric.into(), op, threshold, text: String::new() }
    }

    #[test]
    fn a_request_is_good_when_it_meets_every_upper_limit() {
        let gates = [
            gate("latency_p90", Comparison::Less, 8000.0),
            gate("latency_max", Comparison::Less, 20_000.0),
            gate("ttft_p95", Comparison::AtMost, 2000.0),
            gate("latency_min", Comparison::Greater, 10.0),
            gate("latency_stdev", Comparison::Less, 1.0),
            gate("success_rate", Comparison::AtLeast, 0.9),
        ];
        let limits = Limits::of(&gates);
        let seen = |latency: u64, ttft: Option<u64>| Observation {
            latency_us: Some(latency),
            ttft_us: ttft,
            ..Observation::default()
        };
        let met = [
            seen(7_999_999, Some(2_000_000)),
            seen(8_000_000, Some(2_000_000)),
            seen(5_000_000, Some(2_000_001)),
            seen(5_000_000, None),
        ]
        .map(|seen| limits.are_met(&seen));
        assert_eq!((limits.any(), met), (true, [true, false, false, false]));
    }

    #[test]
    fn without_a_limit_every_answer_is_good_and_there_is_no_goodput() {
        let limits = Limits::of(&[gate("failures", Comparison::AtMost, 3.0)]);
        assert_eq!((limits.any(), limits.are_met(&Observation::default())), (false, true));
    }
}
