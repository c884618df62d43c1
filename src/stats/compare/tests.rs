//! Comparisons of simulated runs: what is said, and how often it is wrong.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use super::*;
use crate::sample::Outcome;
use crate::stats::subject::Subject;
use crate::stats::testing::{answer, failure, tally};
use crate::stats::validity::Label;

fn subject() -> Subject {
    Subject { users: 30, requests_per_round: Some(30), ..crate::stats::testing::subject() }
}

/// A round of a run: 30 users whose latencies are about `factor` seconds.
fn round(number: u32, factor: f64) -> Summary {
    let samples: Vec<_> = (1..=30).map(|user| answer(user, 0.0, factor * (900.0 + 10.0 * f64::from(user)))).collect();
    Summary::of(subject().of_round(number), &tally(&samples))
}

pub(super) fn provenance() -> Provenance {
    Provenance { prompts_hash: Some("aa".into()), validity: Some(Label::Valid), ..Provenance::default() }
}

pub(super) fn compared(before: &[Summary], after: &[Summary], options: &Options) -> CaseComparison {
    let known = provenance();
    let sides = [before, after].map(|rounds| [Side { pooled: &rounds[0], rounds, provenance: &known }]);
    Comparison::of(&sides[0], &sides[1], options).cases.remove(0)
}

pub(super) fn rounds(factors: &[f64]) -> Vec<Summary> {
    (1..).zip(factors).map(|(number, factor)| round(number, *factor)).collect()
}

#[test]
fn a_quarter_slower_in_every_round_is_worse() {
    let got = compared(
        &rounds(&[1.0, 1.02, 0.99, 1.01, 0.98]),
        &rounds(&[1.25, 1.27, 1.24, 1.26, 1.23]),
        &Options::default(),
    );
    assert_eq!((got.verdict, got.metric.as_str(), got.why), (Verdict::Worse, "latency_p90", None));
    let [low, high] = got.interval.unwrap();
    assert!((got.ratio.unwrap() - 1.25).abs() < 0.001 && low > 1.2 && high < 1.3, "{low} {high}");
    assert_eq!(got.comparability.unchecked, ["stream", "max_tokens", "parameters", "version"]);
    assert_eq!(got.secondary[0].ratio, Some(1.25));
}

#[test]
fn one_round_a_side_gives_numbers_and_no_verdict() {
    let got = compared(&rounds(&[1.0]), &rounds(&[2.0]), &Options::default());
    assert_eq!((got.verdict, got.interval, got.p), (Verdict::None, None, None));
    assert!((got.ratio.unwrap() - 2.0).abs() < 1e-9 && got.why.unwrap().starts_with("one round a side"));
}

#[test]
fn a_round_that_was_not_reached_leaves_the_word_to_the_failures() {
    let mut broken = rounds(&[1.0, 1.0]);
    let samples: Vec<_> = (1..=30).map(|user| failure(user, Outcome::RateLimited, 2.0)).collect();
    broken.push(Summary::of(subject().of_round(3), &tally(&samples)));
    let got = compared(&rounds(&[1.0, 1.0, 1.0]), &broken, &Options::default());
    assert_eq!(got.verdict, Verdict::None);
    assert_eq!(got.why.as_deref(), Some("failures decide: in 1 rounds latency_p90 was not reached"));
    assert_eq!(got.unreached, [0, 1]);
}

#[test]
fn of_a_rate_less_is_worse() {
    let by_rate = Options { metric: Some("requests_per_s".into()), ..Options::default() };
    let (fast, slow) = (rounds(&[1.0, 1.02, 0.99]), rounds(&[1.25, 1.27, 1.24]));
    let got = compared(&fast, &slow, &by_rate);
    assert!(got.ratio.unwrap() < 0.85, "{:?}", got.ratio);
    assert_eq!(got.verdict, Verdict::Worse);
    assert_eq!(compared(&slow, &fast, &by_rate).verdict, Verdict::Better);
}

#[test]
fn a_round_that_was_cut_short_by_ourselves_is_left_out() {
    let mut cut = rounds(&[1.0, 1.01, 1.02]);
    let samples: Vec<_> = (1..=30).map(|user| failure(user, Outcome::Cancelled, 2.0)).collect();
    cut.push(Summary::of(subject().of_round(4), &tally(&samples)));
    cut[2].subject.requests_per_round = Some(50);
    let got = compared(&rounds(&[1.0, 1.0]), &cut, &Options::default());
    assert_eq!((got.rounds[1].len(), got.why), (2, None));
}

#[test]
fn what_is_not_comparable_gets_numbers_and_no_verdict() {
    let (known, other) = (provenance(), Provenance { prompts_hash: Some("bb".into()), ..provenance() });
    let (before, after) = (rounds(&[1.0, 1.0]), rounds(&[1.5, 1.5]));
    let before = [Side { pooled: &before[0], rounds: &before, provenance: &known }];
    let after = [Side { pooled: &after[0], rounds: &after, provenance: &other }];
    let got = Comparison::of(&before, &after, &Options::default()).cases.remove(0);
    assert_eq!((got.verdict, got.why.as_deref()), (Verdict::None, Some("not comparable: prompts")));
    assert!(got.ratio.is_some());
}

#[test]
fn cases_are_joined_by_key_and_what_only_one_run_has_is_told() {
    let known = provenance();
    let named = |model: &str| {
        let key = CaseKey { model: model.into(), ..subject().key };
        vec![Summary::of(Subject { key, ..subject() }, &tally(&[]))]
    };
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let [first, second, third] = [&a, &b, &c].map(|rounds| Side { pooled: &rounds[0], rounds, provenance: &known });
    let (before, after) = ([first, second], [third, second]);
    let got = Comparison::of(&before, &after, &Options::default());
    let models = |keys: &[CaseKey]| keys.iter().map(|key| key.model.clone()).collect::<Vec<_>>();
    assert_eq!((models(&got.missing), models(&got.new)), (vec!["a".to_owned()], vec!["c".to_owned()]));
    assert_eq!(got.cases.iter().map(|case| case.key.model.as_str()).collect::<Vec<_>>(), ["b"]);
    let across = Options { varied: vec!["model".into()], ..Options::default() };
    let got = Comparison::of(&before[..1], &after[..1], &across);
    assert_eq!((got.cases.len(), got.missing.len(), got.new.len()), (1, 0, 0));
}

/// A round's P90 of 30 lognormal latencies in seconds, times the luck of the round and whatever drifts.
fn p90(luck: f64, drift: f64, rng: &mut ChaCha8Rng) -> f64 {
    let normal = |rng: &mut ChaCha8Rng| rng.sample::<f64, _>(StandardNormal);
    let round = luck * normal(rng);
    let mut all: Vec<f64> = (0..30).map(|_| (0.4 * normal(rng) + round + drift).exp()).collect();
    all.sort_by(f64::total_cmp);
    all[27]
}

/// Of so many comparisons of a system with itself, the share in which one is told to be slower or faster.
fn false_alarms(times: u32, mut p: impl FnMut(&mut ChaCha8Rng) -> bool) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    f64::from((0..times).filter(|_| p(&mut rng)).count() as u32) / f64::from(times)
}

fn logs(values: Vec<f64>) -> Vec<f64> {
    logarithms(&values).expect("lognormal values are positive")
}

#[test]
fn a_system_compared_with_itself_over_five_rounds_a_side_is_rarely_called_different() {
    for luck in [0.0, 0.05, 0.1, 0.2] {
        let share = false_alarms(1500, |rng| {
            let mut side = || logs((0..5).map(|_| p90(luck, 0.0, rng)).collect());
            let (before, after) = (side(), side());
            Estimate::welch(&before, &after).unwrap().p() < 0.05
        });
        // 5.5 % and two standard deviations of 1500 tries.
        assert!(share <= 0.067, "luck {luck}: {share}");
    }
}

#[test]
fn under_drift_pairs_in_random_order_are_rarely_called_different_and_blocks_often_are() {
    let drifting = |rng: &mut ChaCha8Rng, slot: usize| p90(0.05, 0.04 * slot as f64, rng);
    let paired = false_alarms(1500, |rng| {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for pair in 0..8 {
            let (first, second) = (drifting(rng, 2 * pair), drifting(rng, 2 * pair + 1));
            let (one, other) = if rng.random_bool(0.5) { (first, second) } else { (second, first) };
            before.push(one);
            after.push(other);
        }
        Estimate::paired(&logs(before), &logs(after)).unwrap().p() < 0.05
    });
    let blocks = false_alarms(300, |rng| {
        let all: Vec<f64> = (0..16).map(|slot| drifting(rng, slot)).collect();
        Estimate::welch(&logs(all[..8].to_vec()), &logs(all[8..].to_vec())).unwrap().p() < 0.05
    });
    assert!(paired <= 0.067 && blocks > 0.5, "pairs {paired}, blocks {blocks}");
}

#[test]
fn three_looks_keep_the_promise_that_a_look_after_every_pair_breaks() {
    let walk = |rng: &mut ChaCha8Rng| -> Vec<f64> { (0..15).map(|_| rng.sample::<f64, _>(StandardNormal)).collect() };
    let p = |differences: &[f64]| Estimate::paired(&vec![0.0; differences.len()], differences).unwrap().p();
    let looks = false_alarms(2000, |rng| {
        let all = walk(rng);
        verdict::LOOKS.iter().any(|(pairs, level)| p(&all[..*pairs]) < *level)
    });
    let always = false_alarms(500, |rng| {
        let all = walk(rng);
        (3..=15).any(|pairs| p(&all[..pairs]) < 0.05)
    });
    assert!(looks <= 0.063 && always > 0.12, "looks {looks}, always {always}");
}
