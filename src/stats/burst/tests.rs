//! Simulated bursts: what is said of a queue whose places are known.

use rand::RngExt;
use rand_distr::{Distribution, LogNormal, StandardNormal};

use super::*;

/// Service times of about a second: lognormal, and a little of the network's.
fn services(n: usize, sigma: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..n).map(|_| (sigma * rng.sample::<f64, _>(StandardNormal)).exp() + rng.random_range(0.0..0.002)).collect()
}

fn burst(services: &[f64], places: usize) -> Burst {
    let answered_s = queue::answered(services, places);
    let fastest_s = answered_s.iter().copied().fold(f64::INFINITY, f64::min);
    Burst { answered_s, fastest_s, spread_s: 0.003, failed: 0 }
}

/// Of so many bursts of 50 at a server with `places`, how many are told as `right`, and what is said of the others.
fn told(bursts: usize, places: usize, sigma: f64, right: impl Fn(&Finding) -> bool) -> (usize, Vec<String>) {
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let mut wrong = Vec::new();
    for _ in 0..bursts {
        let lone = services(1, sigma, &mut rng)[0];
        let got = infer(&[burst(&services(50, sigma, &mut rng), places)], Some(lone));
        if !right(&got.finding) {
            wrong.push(got.sentence());
        }
    }
    (bursts - wrong.len(), wrong)
}

fn is_eight(finding: &Finding) -> bool {
    matches!(finding, Finding::Limit { estimate: 7..=9, .. })
}

fn is_nothing(finding: &Finding) -> bool {
    matches!(finding, Finding::Nothing { .. })
}

/// At least 95 % right: eight places, fifty, one; service times all the same, or lognormal up to a deviation of 0.3.
fn hold(bursts: usize) {
    for sigma in [0.0, 0.15, 0.3] {
        let eight = told(bursts, 8, sigma, is_eight);
        let all = told(bursts, 50, sigma, |finding| *finding == Finding::AllParallel);
        let one = told(bursts, 1, sigma, |finding| *finding == Finding::OneAtATime);
        for (name, (right, wrong)) in [("eight", eight), ("all", all), ("one", one)] {
            assert!(right * 20 >= bursts * 19, "{name}, deviation {sigma}: {right} of {bursts}, and {wrong:?}");
        }
    }
}

/// Of so many bursts with `draw`'s service times, at eight places and at fifty, how many get no answer.
fn silent(bursts: usize, draw: impl Fn(&mut ChaCha8Rng) -> f64) -> [usize; 2] {
    [8, 50].map(|places| {
        let mut rng = ChaCha8Rng::seed_from_u64(places as u64);
        let is_silent = |_: &usize| {
            let services: Vec<f64> = (0..50).map(|_| draw(&mut rng)).collect();
            let lone = draw(&mut rng);
            is_nothing(&infer(&[burst(&services, places)], Some(lone)).finding)
        };
        (0..bursts).filter(is_silent).count()
    })
}

fn keep_silent(bursts: usize) {
    let bimodal = |rng: &mut ChaCha8Rng| if rng.random_bool(0.3) { 5.0 } else { 1.0 } + rng.random_range(0.0..0.05);
    let tail = |rng: &mut ChaCha8Rng| LogNormal::new(0.0, 1.2).unwrap().sample(rng);
    for (name, counts) in [("bimodal", silent(bursts, bimodal)), ("heavy tail", silent(bursts, tail))] {
        assert!(counts.iter().all(|count| count * 20 >= bursts * 19), "{name}: {counts:?} of {bursts}");
    }
}

#[test]
fn eight_places_are_told_as_eight_fifty_as_all_and_one_as_one() {
    hold(5);
}

#[test]
fn nothing_is_said_where_answers_differ_too_much() {
    keep_silent(5);
}

#[test]
fn the_evidence_names_steps_where_there_are_any() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let got = infer(&[burst(&services(50, 0.0, &mut rng), 8)], Some(1.0));
    let effective = got.effective_concurrency.unwrap();
    assert!((effective - 50.0 / 7.0).abs() < 0.1, "{effective}");
    let told = (got.sentence(), got.evidence);
    let evidence = "answers came in 7 steps of 8, 1.00 s apart; each took about 1.00 s once begun";
    assert_eq!(told, ("looks like a limit of 8 in flight".to_owned(), evidence.to_owned()));
    let got = infer(&[burst(&services(50, 0.0, &mut rng), 50)], Some(0.5));
    let evidence = "all 50 were answered between 1.00 s and 1.00 s, 2.0 times as long as alone";
    assert_eq!((got.sentence(), got.evidence), ("all parallel".to_owned(), evidence.to_owned()));
}

#[test]
fn a_limit_that_most_requests_never_met_is_told_when_the_late_answers_are_of_the_late_requests() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let waited = burst(&services(30, 0.05, &mut rng), 24);
    let got = infer(std::slice::from_ref(&waited), Some(1.0)).finding;
    assert!(matches!(got, Finding::Limit { estimate: 23..=25, .. }), "{got:?}");
    // The same times, but of requests here and there: some answers took twice as long.
    let mixed = Burst { answered_s: (0..30).map(|place| waited.answered_s[place * 7 % 30]).collect(), ..waited };
    let got = infer(&[mixed], Some(1.0)).finding;
    assert!(is_nothing(&got), "{got:?}");
}

#[test]
fn nothing_is_said_where_a_burst_cannot_tell() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let good = burst(&services(50, 0.1, &mut rng), 8);
    let table = [
        (Burst { answered_s: vec![1.0; 9], ..good.clone() }, None, "9 answers are too few"),
        (Burst { failed: 3, ..good.clone() }, None, "3 of 53 requests were not answered"),
        (
            Burst { spread_s: 0.5, ..good.clone() },
            None,
            "the fastest answer came before or soon after the last request was sent",
        ),
        (good, Some(0.2), "even the fastest of the burst took 4.3 times as long as a request alone"),
    ];
    for (burst, lone, why) in table {
        assert_eq!(infer(&[burst], lone).finding, Finding::Nothing { why: why.to_owned() });
    }
    assert_eq!(infer(&[], None), Inference::default());
}
