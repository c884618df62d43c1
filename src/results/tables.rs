//! `summary.csv` and `rounds.csv`: one row a case, or one a round, the same columns.
//!
//! Column names are made here and nowhere else; a gate is named like its column without the unit. An empty cell is
//! unknown or too rare to print, `inf` is a time that was not reached because requests without an answer rank there.

use crate::results::cell::{printable, push_text};
use crate::results::run::{CaseRun, Run};
use crate::sample::Outcome;
use crate::scenario::plan::{DISTRIBUTIONS, STATISTICS};
use crate::stats::validity::Validity;
use crate::stats::{GateResult, GateState, Quantile, Summary};

/// Decimals of milliseconds: a microsecond.
const MS: usize = 3;

/// Decimals of seconds, fractions and rates.
const FINE: usize = 6;

/// The columns of both tables, in order.
pub fn columns() -> Vec<String> {
    let mut row = Cells::default();
    let nothing = CaseRun::nothing();
    row.case(&Run::default(), &nothing, &nothing.summary, None, &[]);
    row.names
}

/// One row a case that got load, its rounds pooled.
pub fn summary_csv(run: &Run) -> Vec<u8> {
    let mut out = header();
    for case in run.cases.iter().filter(|case| case.summary.requests > 0) {
        let mut row = Cells::default();
        row.case(run, case, &case.summary, case.validity.as_ref(), &case.gates);
        row.write(&mut out);
    }
    out
}

/// One row a round.
pub fn rounds_csv(run: &Run) -> Vec<u8> {
    let mut out = header();
    for case in &run.cases {
        for summary in &case.rounds {
            let facts = case.facts.rounds.iter().find(|facts| Some(facts.round) == summary.subject.round);
            let client = facts.and_then(|facts| facts.client.as_ref());
            let validity = client.map(|client| Validity::of(summary, client));
            let mut row = Cells::default();
            // Gates are held against the rounds together, never against one.
            row.case(run, case, summary, validity.as_ref(), &[]);
            row.write(&mut out);
        }
    }
    out
}

fn header() -> Vec<u8> {
    let mut out = columns().join(",").into_bytes();
    out.push(b'\n');
    out
}

/// The cells of one row, each with the name of its column.
#[derive(Default)]
struct Cells {
    names: Vec<String>,
    values: Vec<String>,
}

impl Cells {
    fn put(&mut self, name: impl Into<String>, value: impl ToString) {
        self.names.push(name.into());
        self.values.push(value.to_string());
    }

    fn put_number(&mut self, name: impl Into<String>, value: Option<f64>, decimals: usize) {
        self.put(name, value.map(|value| short(value, decimals)).unwrap_or_default());
    }

    fn case(
        &mut self,
        run: &Run,
        case: &CaseRun,
        summary: &Summary,
        validity: Option<&Validity>,
        gates: &[GateResult],
    ) {
        self.key(run, case, summary);
        self.counts(summary);
        for name in DISTRIBUTIONS {
            for (suffix, answered_only) in [("", false), ("_answered", true)] {
                for statistic in STATISTICS {
                    let quantile = summary.distribution(name).and_then(|all| all.statistic(statistic, answered_only));
                    self.put(format!("{name}_{statistic}{suffix}_ms"), quantile_cell(quantile));
                }
            }
        }
        for name in DISTRIBUTIONS {
            let metric = validity.and_then(|validity| validity.metrics.get(name));
            self.put_number(format!("{name}_error_ms"), metric.and_then(|metric| metric.error_ms), MS);
            self.put(format!("{name}_valid"), metric.map_or("", |metric| metric.label.name()));
        }
        self.put_number("makespan_s", summary.makespan_s, FINE);
        self.put_number("requests_per_s", summary.requests_per_s, FINE);
        self.put_number("output_tokens_per_s", summary.output_tokens_per_s, FINE);
        self.put("tokens_in", summary.tokens.input.map(|count| count.to_string()).unwrap_or_default());
        self.put("tokens_out", summary.tokens.output.map(|count| count.to_string()).unwrap_or_default());
        self.put("in_air_max", summary.in_air_max);
        self.put_number("send_spread_ms", summary.send_spread_ms, MS);
        self.put_number("effective_concurrency", summary.effective_concurrency(), FINE);
        self.put_number("goodput", summary.goodput, FINE);
        self.put("cost", "");
        let models = summary.served_models.iter().map(|(model, count)| format!("{}={count}", printable(model)));
        self.put("served_models", models.collect::<Vec<_>>().join("; "));
        self.put("gates", gates.iter().map(gate_cell).collect::<Vec<_>>().join("; "));
    }

    fn key(&mut self, run: &Run, case: &CaseRun, summary: &Summary) {
        let key = &summary.subject.key;
        self.put("run_id", &run.manifest.run_id);
        self.put("scenario", &run.manifest.scenario);
        self.put("case", key);
        self.put("target", &key.target);
        self.put("model", &key.model);
        self.put("prompts", &key.prompts);
        self.put("load", &key.load);
        self.put("users", case.facts.users);
        self.put("round", summary.subject.round.map(|round| round.to_string()).unwrap_or_default());
        self.put("rounds", summary.rounds);
    }

    fn counts(&mut self, summary: &Summary) {
        self.put("requests", summary.requests);
        self.put("ok", summary.ok);
        self.put("failures", summary.failures);
        for outcome in Outcome::ALL.into_iter().filter(|outcome| !outcome.is_ok()) {
            self.put(outcome.name(), summary.outcomes.of(outcome));
        }
        self.put_number("success_rate", summary.success_rate.map(|share| share.rate), FINE);
        self.put_number("success_rate_low", summary.success_rate.map(|share| share.low), FINE);
        self.put_number("success_rate_high", summary.success_rate.map(|share| share.high), FINE);
    }

    fn write(&self, out: &mut Vec<u8>) {
        for (place, value) in self.values.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            push_text(out, &printable(value));
        }
        out.push(b'\n');
    }
}

fn quantile_cell(quantile: Option<Quantile>) -> String {
    match quantile {
        Some(Quantile::Value { value, .. }) => short(value, MS),
        Some(Quantile::NotReached) => "inf".to_owned(),
        _ => String::new(),
    }
}

fn gate_cell(gate: &GateResult) -> String {
    let state = match gate.state {
        GateState::Passed => "passed",
        GateState::Failed { .. } => "failed",
        GateState::Undecided { .. } => "undecided",
    };
    format!("{} {}: {state}", gate.metric, gate.expected)
}

/// A number with at most so many decimals, zeros at the end cut.
fn short(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::example;
    use crate::scenario::plan::{SCALARS, metric_unit};

    #[test]
    fn every_metric_that_a_gate_may_name_has_its_column() {
        let columns = columns();
        let mut bare: Vec<&str> = SCALARS.iter().map(|(name, _)| *name).collect();
        bare.extend(Outcome::ALL.iter().map(|outcome| outcome.name()));
        for name in bare {
            let has = columns.iter().any(|column| {
                column == name || ["_ms", "_s"].iter().any(|unit| column.strip_suffix(unit) == Some(name))
            });
            assert!(has, "{name}");
        }
        let times = columns.iter().filter_map(|column| column.strip_suffix("_ms"));
        assert_eq!(times.filter(|name| metric_unit(name).is_some()).count(), 6 * 8 * 2 + 1);
    }

    #[test]
    fn a_case_and_its_rounds_are_rows() {
        let run = example::run();
        let cells = |table: Vec<u8>| -> Vec<Vec<String>> {
            let mut reader = csv::Reader::from_reader(table.as_slice());
            assert_eq!(reader.headers().unwrap(), columns());
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
        };
        let (summary, rounds) = (cells(summary_csv(&run)), cells(rounds_csv(&run)));
        assert_eq!((summary.len(), rounds.len()), (2, 4));
        let columns = columns();
        let pick = |row: &[String], names: &[&str]| -> Vec<String> {
            names.iter().map(|name| row[columns.iter().position(|column| column == name).unwrap()].clone()).collect()
        };
        let shown = pick(
            &summary[1],
            &[
                "case",
                "round",
                "rounds",
                "requests",
                "ok",
                "timeout_total",
                "success_rate",
                "latency_p90_ms",
                "latency_p95_ms",
                "latency_p99_ms",
                "latency_max_answered_ms",
                "latency_valid",
                "served_models",
                "gates",
            ],
        );
        assert_eq!(
            shown,
            [
                "local/m/all/30",
                "",
                "2",
                "60",
                "56",
                "2",
                "0.933333",
                "1947.003",
                "inf",
                "",
                "1964.003",
                "valid",
                "gpt-4o-mini=56",
                "success_rate >= 90%: passed; latency_p90 < 8s: passed"
            ]
        );
        assert_eq!(
            pick(&rounds[2], &["round", "rounds", "requests", "latency_valid", "gates"]),
            ["1", "1", "30", "valid", ""]
        );
    }
}
