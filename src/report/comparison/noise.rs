//! What a comparison of one thing with itself says: how often it was a false alarm, and below what it is deaf.

use crate::report::comparison::{Compared, Word, words};
use crate::report::numbers::{count, percent};
use crate::stats::compare::CaseComparison;

/// False alarms counted, then the noise floor of each case that has one.
pub fn lines(compared: &Compared) -> Vec<String> {
    let cases = &compared.comparison.cases;
    let alarms: Vec<&CaseComparison> = cases.iter().filter(|case| is_alarm(case)).collect();
    // What nothing could be said of is no alarm that did not ring.
    let judged = cases.iter().filter(|case| !matches!(Word::of(case), Word::None | Word::NotComparable)).count();
    let mut lines = vec![format!("false alarms: {} of {} with a verdict", alarms.len(), count(judged as u64, "case"))];
    for case in alarms {
        let word = words::word(Word::of(case), compared.options.tolerance);
        lines.push(format!("FALSE ALARM: {} is called {word}, and both sides are the same", words::label(case)));
    }
    lines.extend(cases.iter().filter_map(floor));
    lines
}

fn is_alarm(case: &CaseComparison) -> bool {
    matches!(Word::of(case), Word::Worse | Word::SlightlyWorse | Word::Better)
}

/// The smallest difference that this many rounds would tell from none: half the width of the interval.
fn floor(case: &CaseComparison) -> Option<String> {
    let [low, high] = case.interval?;
    let floor = (high / low).sqrt() - 1.0;
    let rounds = words::rounds(case);
    let label = words::label(case);
    Some(format!(
        "noise floor: {label}: differences of {} below {} drown in {rounds}",
        words::bounded(&case.metric),
        percent(floor)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::tests::some_comparison;
    use crate::stats::compare::verdict::Verdict;

    #[test]
    fn alarms_are_counted_and_every_case_with_an_interval_has_a_floor() {
        let mut compared = some_comparison();
        compared.comparison.cases.truncate(2);
        for (case, verdict) in compared.comparison.cases.iter_mut().zip([Verdict::Better, Verdict::Same]) {
            case.verdict = verdict;
            case.comparability.mismatches.clear();
            case.interval = Some([0.96, 1.04]);
        }
        compared.comparison.cases[1].interval = None;
        insta::assert_snapshot!(lines(&compared).join("\n"));
    }
}
