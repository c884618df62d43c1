//! Percentiles against users: how latency grows with the load, for the cases that differ in nothing else.

use super::svg::{Scale, Svg, WIDTH, tick_labels};
use crate::report::measured::is_struck;
use crate::report::numbers::time;
use crate::results::{CaseRun, Run};
use crate::stats::Quantile;
use crate::stats::distribution::OrderStatistics;

const HEIGHT: f64 = 268.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = WIDTH - 46.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = HEIGHT - 40.0;

/// A percentile of a distribution.
type Which = fn(&OrderStatistics) -> Quantile;

/// The percentiles that are drawn: class, name, and which it is.
const LINES: [(&str, &str, Which); 4] = [
    ("p50", "P50", |order| order.median),
    ("p90", "P90", |order| order.p90),
    ("p95", "P95", |order| order.p95),
    ("p99", "P99", |order| order.p99),
];

/// One picture.
#[derive(Debug)]
pub(super) struct Growth {
    /// Target, model and prompts that the cases share.
    pub(super) title: String,
    /// The picture.
    pub(super) svg: String,
}

/// A picture for each target, model and prompt set that has several numbers of users.
pub(super) fn all(run: &Run) -> Vec<Growth> {
    let mut groups: Vec<Vec<&CaseRun>> = Vec::new();
    let of = |case: &CaseRun| [&case.facts.target, &case.facts.model, &case.facts.prompts].map(String::clone);
    for case in run.cases.iter().filter(|case| case.summary.requests > 0 && case.facts.users > 0) {
        match groups.iter_mut().find(|group| of(group[0]) == of(case)) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups.into_iter().filter_map(growth).collect()
}

fn growth(mut cases: Vec<&CaseRun>) -> Option<Growth> {
    cases.sort_by_key(|case| case.facts.users);
    cases.dedup_by_key(|case| case.facts.users);
    let (first, last) = (cases.first()?, cases.last()?);
    let order = |case: &CaseRun| case.summary.headline().ranked;
    let value = |case: &CaseRun, which: Which| which(&order(case)).printable();
    let high =
        cases.iter().flat_map(|case| LINES.map(|(_, _, which)| value(case, which))).flatten().fold(0.0, f64::max);
    if cases.len() < 2 || high <= 0.0 {
        return None;
    }
    let (low_users, high_users) = (f64::from(first.facts.users), f64::from(last.facts.users));
    let x = match high_users > 5.0 * low_users {
        true => Scale::decades(low_users, high_users, LEFT + 12.0, RIGHT - 12.0),
        false => Scale::linear(high_users, LEFT, RIGHT - 12.0),
    };
    let y = Scale::linear(high * 1.08, BOTTOM, TOP);
    let mut svg = Svg::default();
    frame(&mut svg, &y, &cases, &x);
    let mut ends: Vec<(f64, &str)> = Vec::new();
    for (class, name, which) in LINES {
        let points: Vec<(f64, f64)> = cases
            .iter()
            .filter_map(|case| Some((x.at(f64::from(case.facts.users)), y.at(value(case, which)?))))
            .collect();
        svg.path(&format!("growth {class}"), points.iter().copied());
        points.iter().for_each(|point| svg.dot(&format!("growth-dot {class}"), *point, 2.6));
        ends.extend(points.last().map(|(_, at)| (*at, name)));
    }
    names(&mut svg, ends);
    let lost: Vec<&&CaseRun> = cases.iter().filter(|case| matches!(order(case).p90, Quantile::NotReached)).collect();
    for case in lost {
        let at = x.at(f64::from(case.facts.users));
        svg.text("lost", "middle", (at, TOP - 6.0), "✕ P90");
    }
    let facts = &first.facts;
    let title = format!("{} / {} / {}", facts.target, facts.model, facts.prompts);
    Some(Growth { svg: svg.finish("chart", HEIGHT, &in_words(&cases)), title })
}

fn frame(svg: &mut Svg, y: &Scale, cases: &[&CaseRun], x: &Scale) {
    let ticks = y.ticks(4.0);
    for (tick, label) in ticks.iter().zip(tick_labels(&ticks)) {
        let class = if *tick == 0.0 { "axis" } else { "grid" };
        svg.line(class, (LEFT, y.at(*tick)), (RIGHT, y.at(*tick)));
        svg.text("tick", "end", (LEFT - 7.0, y.at(*tick) + 4.0), &label);
    }
    let mut last = f64::NEG_INFINITY;
    for case in cases {
        let at = x.at(f64::from(case.facts.users));
        svg.line("axis", (at, BOTTOM), (at, BOTTOM + 4.0));
        if at - last > 30.0 {
            svg.text("tick", "middle", (at, BOTTOM + 17.0), &case.facts.users.to_string());
            last = at;
        }
    }
    svg.text("axis-name", "end", (RIGHT, BOTTOM + 34.0), "users at once");
}

/// The lines' names at their right ends, apart from each other.
fn names(svg: &mut Svg, mut ends: Vec<(f64, &str)>) {
    ends.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut lowest = f64::INFINITY;
    for (at, name) in ends {
        lowest = at.min(lowest - 13.0);
        svg.text("line-name", "start", (RIGHT + 2.0, lowest + 4.0), name);
    }
}

fn in_words(cases: &[&CaseRun]) -> String {
    let of = |case: &&CaseRun| {
        let shown = |value: Quantile| match value {
            Quantile::Value { value, .. } => time(value),
            Quantile::NotReached => "not reached".to_owned(),
            _ => "too few to tell".to_owned(),
        };
        let order = case.summary.headline().ranked;
        let doubt = if is_struck(case, &case.summary.headline) { " (not to be believed)" } else { "" };
        format!("{} users: P50 {}, P90 {}{doubt}", case.facts.users, shown(order.median), shown(order.p90))
    };
    format!("Percentiles against users. {}", cases.iter().map(of).collect::<Vec<_>>().join("; "))
}
