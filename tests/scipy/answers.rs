//! Answers questions about statistics, so that another implementation can be held against ours: a JSON object a line on
//! stdin, an answer a line on stdout. `agree.py` beside it asks; nothing of this is in the program.

#[path = "../../benches/statistics/rounds.rs"]
mod rounds;

use std::io::{BufRead, Write};

use lamb_load::scenario::plan;
use lamb_load::stats::binomial::{at_most, share};
use lamb_load::stats::compare::student::{Estimate, critical, prediction, two_sided};
use lamb_load::stats::compare::verdict::{holm, pairs_needed, success_difference};
use lamb_load::stats::compare::{Options, slo};
use lamb_load::stats::quantile::interval_ranks;
use lamb_load::stats::values::Values;
use lamb_load::stats::{Summary, exact};
use serde::Deserialize;
use serde_json::{Value, json};

/// What may be asked.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Question {
    /// Cases, each its rounds before and after in microseconds, one request a round.
    Compare {
        cases: Vec<[Vec<u64>; 2]>,
        paired: bool,
    },
    Welch {
        before: Vec<f64>,
        after: Vec<f64>,
    },
    Paired {
        before: Vec<f64>,
        after: Vec<f64>,
    },
    Holm {
        p: Vec<f64>,
    },
    Share {
        k: u64,
        n: u64,
    },
    Difference {
        before: (u64, u64),
        after: (u64, u64),
    },
    Critical {
        confidence: f64,
        freedom: f64,
    },
    TwoSided {
        t: f64,
        freedom: f64,
    },
    AtMost {
        k: u64,
        n: u64,
        p: f64,
    },
    Ranks {
        percent: u64,
        n: u64,
    },
    Moments {
        values: Vec<f64>,
    },
    WholeMoments {
        values: Vec<u64>,
    },
    Prediction {
        values: Vec<f64>,
    },
    Demonstrated {
        values: Vec<f64>,
        below: f64,
    },
}

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let question = serde_json::from_str(&line.expect("text")).expect("a question");
        writeln!(out, "{}", answer(question)).expect("somebody reads");
    }
}

fn answer(question: Question) -> Value {
    match question {
        Question::Compare { cases, paired } => compare(&cases, paired),
        Question::Welch { before, after } => estimate(Estimate::welch(&before, &after)),
        Question::Paired { before, after } => estimate(Estimate::paired(&before, &after)),
        Question::Holm { p } => json!(holm(&p)),
        Question::Share { k, n } => json!(share(k, n)),
        Question::Difference { before, after } => json!(success_difference(before, after)),
        Question::Critical { confidence, freedom } => json!(critical(confidence, freedom)),
        Question::TwoSided { t, freedom } => json!(two_sided(t, freedom)),
        Question::AtMost { k, n, p } => json!(at_most(k, n, p)),
        Question::Ranks { percent, n } => json!(interval_ranks(percent, n)),
        Question::Moments { values } => json!([exact::mean(&values), exact::stdev(&values)]),
        Question::WholeMoments { values } => {
            let mut all = Values::default();
            values.iter().for_each(|value| all.add(*value));
            json!([all.mean(), all.stdev()])
        }
        Question::Prediction { values } => json!(prediction(&values)),
        Question::Demonstrated { values, below } => json!(slo::demonstrated(&values, plan::Comparison::Less, below)),
    }
}

fn compare(cases: &[[Vec<u64>; 2]], paired: bool) -> Value {
    let side = |case: usize, values: &[u64]| -> Vec<Summary> {
        (1..).zip(values).map(|(number, us)| rounds::round(case, number, &[*us])).collect()
    };
    let held: Vec<[Vec<Summary>; 2]> =
        (0..).zip(cases).map(|(case, [before, after])| [side(case, before), side(case, after)]).collect();
    let lent: Vec<[&[Summary]; 2]> = held.iter().map(|[before, after]| [&before[..], &after[..]]).collect();
    json!(rounds::compared(&lent, &Options { paired, ..Options::default() }).cases)
}

fn estimate(found: Option<Estimate>) -> Value {
    let Some(found) = found else { return Value::Null };
    let (low, high) = found.interval(0.95);
    json!({ "difference": found.difference, "error": found.error, "freedom": found.freedom, "p": found.p(),
        "interval": [low, high], "needed": pairs_needed(&found, 0.1) })
}
