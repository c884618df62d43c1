//! What is simulated, and what must come of it.

use lamb_load::scenario::plan;
use lamb_load::stats::compare::verdict::{LOOKS, Verdict};
use lamb_load::stats::compare::{CaseComparison, Options, slo, student};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::check::{Check, Target};
use crate::power::power;
use crate::rounds::compared;
use crate::shapes::{Drift, Shape, normal};
use crate::simulation::{World, paired, welch};

/// Run-to-run spreads: how much a round's luck moves all its requests.
const SPREADS: [f64; 4] = [0.0, 0.05, 0.1, 0.2];
/// 5 %, and half a point for what is not quite a t distribution.
const FALSE_ALARMS: Target = Target::AtMost(0.055);
/// The default tolerance.
const TOLERANCE: f64 = 0.1;

/// Every line.
pub(crate) fn all() -> Vec<Check> {
    let mut all = same_system();
    all.extend(drifting());
    all.extend(looks());
    all.extend(other_promises());
    all.extend(power_of_compare());
    all.extend(power_of_ab());
    all
}

fn same_system() -> Vec<Check> {
    const GROUP: &str = "compare, 5+5 rounds of the same system: called slower or faster";
    let worlds = Shape::ALL.into_iter().flat_map(|shape| SPREADS.map(|spread| World::of(shape, spread)));
    let one = |world: World| {
        Check::new(GROUP, world.name(), FALSE_ALARMS, move |rng| is_difference(&welch(&world.apart(0, 5, rng))))
    };
    let mut all: Vec<Check> = worlds.map(one).collect();
    let world = World::of(Shape::Lognormal, 0.1);
    all.push(Check::new(GROUP, format!("{}, any of six cases", world.name()), FALSE_ALARMS, move |rng| {
        let cases: Vec<_> = (0..6).map(|case| world.apart(case, 5, rng)).collect();
        let cases: Vec<_> = cases.iter().map(|[before, after]| [&before[..], &after[..]]).collect();
        compared(&cases, &Options::default()).cases.iter().any(is_difference)
    }));
    all
}

/// One system in a world that drifts.
fn under(drift: Drift) -> World {
    World { drift, ..World::of(Shape::Lognormal, 0.05) }
}

fn drifting() -> Vec<Check> {
    const GROUP: &str = "ab, the same system under drift: called slower or faster";
    let drifts = [
        Drift::Steady,
        Drift::Linear(0.01),
        Drift::Linear(0.04),
        Drift::Linear(0.15),
        Drift::Walk(0.1),
        Drift::Jump,
        Drift::Wave(2.0),
        Drift::Wave(4.0),
        Drift::Wave(7.0),
    ];
    let one = |pairs: usize, drift: Drift| {
        Check::new(GROUP, format!("{pairs} pairs, {}", drift.name()), FALSE_ALARMS, move |rng| {
            is_difference(&paired(&under(drift).interleaved(pairs, rng), pairs, 0.05))
        })
    };
    let mut all: Vec<Check> = [5, 8].into_iter().flat_map(|pairs| drifts.map(|drift| one(pairs, drift))).collect();
    let mut told = |what: &str, happens: fn(&mut ChaCha8Rng) -> bool| {
        all.push(Check::new(GROUP, what, Target::Told, happens));
    };
    told("eight rounds of one, then eight of the other, +4 % a round", |rng| {
        is_difference(&welch(&under(Drift::Linear(0.04)).in_blocks(8, rng)))
    });
    told("5 pairs, +50 % a round: five coins have 32 ways to fall", |rng| {
        is_difference(&paired(&under(Drift::Linear(0.5)).interleaved(5, rng), 5, 0.05))
    });
    told("8 pairs, begun by each side once in two, a wave of 4 rounds", |rng| {
        let coins: u32 = rng.random();
        let order = |pair: u32| if (coins >> ((pair - 1) / 2) ^ pair) & 1 == 1 { [1, 0] } else { [0, 1] };
        is_difference(&paired(&under(Drift::Wave(4.0)).in_order(8, rng, order), 8, 0.05))
    });
    all
}

fn looks() -> Vec<Check> {
    const GROUP: &str = "ab --pairs auto, the same system: called slower or faster after 5, 10 or 15 pairs";
    let one = |drift: Drift| {
        let what = format!("p < .0005, .014, .045, {}", drift.name());
        // Exactly 5.2 % of normal differences: four times as many tries tell that from 5.5 %.
        let check = Check::new(GROUP, what, FALSE_ALARMS, move |rng| is_ever_different(under(drift), &LOOKS, rng));
        Check { weight: 4, ..check }
    };
    let mut all: Vec<Check> = [Drift::Steady, Drift::Linear(0.04), Drift::Walk(0.1)].map(one).into();
    all.push(Check::new(GROUP, "p < .05 after every pair from the third on", Target::Told, |rng| {
        let always: Vec<(usize, f64)> = (3..=15).map(|pairs| (pairs, 0.05)).collect();
        is_ever_different(under(Drift::Steady), &always, rng)
    }));
    all
}

fn is_ever_different(world: World, looks: &[(usize, f64)], rng: &mut ChaCha8Rng) -> bool {
    let rounds = world.interleaved(15, rng);
    looks.iter().any(|(pairs, level)| is_difference(&paired(&rounds, *pairs, *level)))
}

fn other_promises() -> Vec<Check> {
    let new = |what: &str, happens: fn(&mut ChaCha8Rng) -> bool| {
        Check::new("other promises of 95 %", what, FALSE_ALARMS, happens)
    };
    vec![
        new("10 % slower, spread 5 %, 5+5: called the same within 10 %", |rng| {
            let world = World { ratio: 1.0 + TOLERANCE, ..World::of(Shape::Stepped, 0.05) };
            welch(&world.apart(0, 5, rng)).verdict == Verdict::Same
        }),
        new("10 % slower, spread 2 %, 8 pairs: called the same within 10 %", |rng| {
            let world = World { ratio: 1.0 + TOLERANCE, ..World::of(Shape::Stepped, 0.02) };
            paired(&world.interleaved(8, rng), 8, 0.05).verdict == Verdict::Same
        }),
        new("history of 5 runs like the sixth: alarm", |rng| is_alarm(5, rng)),
        new("history of 20 runs like the next: alarm", |rng| is_alarm(20, rng)),
        new("a limit that the mean just misses: demonstrated", |rng| {
            let rounds: Vec<f64> = (0..5).map(|_| (0.1 * normal(rng)).exp()).collect();
            slo::demonstrated(&rounds, plan::Comparison::Less, 1.0) == Some(true)
        }),
    ]
}

fn is_alarm(runs: usize, rng: &mut ChaCha8Rng) -> bool {
    let mut value = || 1000.0 * (0.1 * normal(rng)).exp();
    let known: Vec<f64> = (0..runs).map(|_| value()).collect();
    let (low, high) = student::prediction(&known).expect("five positive values are enough");
    !(low..=high).contains(&value())
}

/// Differences of so many of their standard errors.
const REACHES: [f64; 3] = [2.0, 3.0, 4.0];

fn power_of_compare() -> Vec<Check> {
    const GROUP: &str = "power of compare, 5+5 rounds: slower is called slower";
    let mut all = Vec::new();
    for world in [World::of(Shape::Lognormal, 0.1), World::of(Shape::Stepped, 0.05)] {
        let error = world.known_spread() * (2.0f64 / 5.0).sqrt();
        for reach in REACHES {
            let world = World { ratio: (reach * error).exp(), ..world };
            let slower = Target::Power(power(reach * error, error, 8.0, 0.0));
            all.push(Check::new(GROUP, world.name(), slower, move |rng| is_slower(&welch(&world.apart(0, 5, rng)))));
            let worse = Target::Power(power(reach * error, error, 8.0, TOLERANCE.ln_1p()));
            all.push(Check::new(GROUP, format!("{}: called WORSE", world.name()), worse, move |rng| {
                welch(&world.apart(0, 5, rng)).verdict == Verdict::Worse
            }));
        }
    }
    all
}

fn power_of_ab() -> Vec<Check> {
    let world = World::of(Shape::Lognormal, 0.1);
    let error = world.known_spread() * (2.0f64 / 8.0).sqrt();
    let one = |reach: f64| {
        let world = World { ratio: (reach * error).exp(), ..world };
        let slower = Target::Power(power(reach * error, error, 7.0, 0.0));
        Check::new("power of ab, 8 pairs: slower is called slower", world.name(), slower, move |rng| {
            is_slower(&paired(&world.interleaved(8, rng), 8, 0.05))
        })
    };
    REACHES.map(one).into()
}

fn is_difference(case: &CaseComparison) -> bool {
    is_slower(case) || case.verdict == Verdict::Better
}

fn is_slower(case: &CaseComparison) -> bool {
    matches!(case.verdict, Verdict::Worse | Verdict::SlightlyWorse)
}
