//! The faults that the embedded endpoint can show, by name.
//!
//! The list is the endpoint's; it is written down here because the two share no code, and a test holds them together.

use super::mock_table::{Delay, Distribution, Mock};
use super::problem::choose;
use super::targets::Work;
use super::units::Time;

/// Every fault's name.
pub(super) const FAULTS: [&str; 2] = ["status_429", "status_500"];

/// The longest time that the endpoint takes, in seconds.
const LONGEST: u64 = 24 * 3600;

/// Holds the endpoint's settings to what it can do, beyond types.
pub(super) fn check(work: &mut Work<'_, '_>, mock: &Mock) -> Option<()> {
    let mut right = true;
    let node = work.node.key("mock").unwrap_or(work.node);
    let mut sum = 0.0;
    for (name, share) in mock.faults.iter().flatten() {
        sum += share.0;
        if !FAULTS.contains(&name.as_str()) {
            let spot = node.find(&["faults", name]).unwrap_or(node).spot.clone();
            work.desk.wrong_key(&spot, "no such fault", choose(name, FAULTS));
            right = false;
        }
    }
    if sum > 1.0 + 1e-9 {
        let spot = node.key("faults").unwrap_or(node).spot.clone();
        work.desk.wrong(&spot, "the shares sum to more than 100%", "lower them: a request shows one fault at most");
        right = false;
    }
    let times = [("first_token", mock.first_token), ("per_token", mock.per_token)];
    let idle = mock.idle_close.map(|time| ("idle_close", vec![time]));
    let times = times.into_iter().filter_map(|(key, delay)| delay.map(|delay| (key, of(delay)))).chain(idle);
    for (key, _) in times.filter(|(_, times)| times.iter().any(|time| time.0.as_secs() > LONGEST)) {
        let spot = node.key(key).unwrap_or(node).spot.clone();
        work.desk.wrong(&spot, "longer than a day", "write a shorter time, such as \"1s\"");
        right = false;
    }
    if mock.time_scale.is_some_and(|scale| !(0.0..=1000.0).contains(&scale)) {
        let spot = node.key("time_scale").unwrap_or(node).spot.clone();
        work.desk.wrong(&spot, "out of range: 0 to 1000", "1 leaves times as they are, 0.1 is ten times as fast");
        right = false;
    }
    right.then_some(())
}

fn of(delay: Delay) -> Vec<Time> {
    match delay {
        Delay::Constant(time) => vec![time],
        Delay::Drawn(Distribution { constant, lognormal, bimodal }) => {
            let lognormal = lognormal.map(|lognormal| lognormal.median);
            let bimodal = bimodal.map(|bimodal| [bimodal.fast, bimodal.slow]);
            constant.into_iter().chain(lognormal).chain(bimodal.into_iter().flatten()).collect()
        }
    }
}
