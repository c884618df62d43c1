//! `[burst]` and `[closed]`: the one load that every case shares but for its number of users.
//!
//! Burst unless another of these tables is present. It gives defaults and refuses what has no end, or two.

use std::time::Duration;

use super::desk::Desk;
use super::file::{Burst, Closed, ScenarioFile};
use super::matrix::Point;
use super::plan::{Load, Think, Until};
use super::resolve::Typed;
use super::tree::Node;
use super::units::Time;

/// A load that does not know yet how many users it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Burst { spread: Duration },
    Closed { until: Until, think: Think },
}

impl Shape {
    /// The load of so many users.
    pub(super) fn of(self, users: u32) -> Load {
        match self {
            Shape::Burst { spread } => Load::Burst { users, spread },
            Shape::Closed { until, think } => Load::Closed { users, until, think },
        }
    }
}

/// The load as meant, and written down so.
pub(super) fn resolve(desk: &mut Desk<'_>, typed: &Typed, kept: &mut ScenarioFile) -> Shape {
    match (&typed.file.closed, typed.root().key("closed")) {
        (Some(given), Some(node)) => {
            if typed.root().key("burst").is_some() {
                desk.wrong_key(&node.spot, "a second load beside [burst]", "keep one of the two tables");
            }
            closed(desk, node, given, kept)
        }
        _ => {
            let spread = typed.file.burst.clone().unwrap_or_default().spread.unwrap_or(Time(Duration::ZERO));
            kept.burst = Some(Burst { spread: Some(spread) });
            Shape::Burst { spread: spread.0 }
        }
    }
}

fn closed(desk: &mut Desk<'_>, node: &Node, given: &Closed, kept: &mut ScenarioFile) -> Shape {
    kept.closed = Some(given.clone());
    let think = given.think_time.map_or(Think::default(), |time| Think { least: time.least, most: time.most });
    let (requests, duration) = (node.key("requests"), node.key("duration"));
    let until = match (given.requests, given.duration) {
        (Some(requests), _) => Until::Requests(requests.0),
        (None, Some(duration)) => Until::Time(duration.0),
        (None, None) => Until::Requests(1),
    };
    match (requests, duration) {
        (Some(_), Some(duration)) => {
            desk.wrong_key(&duration.spot, "a second end beside requests", "keep one of requests and duration");
        }
        (None, None) => {
            desk.wrong_key(&node.spot, "a loop without an end", "add duration = \"5m\" or requests = 1000");
        }
        (None, Some(node)) if given.duration == Some(Time(Duration::ZERO)) => {
            desk.wrong(&node.spot, "no time at all", "write a longer one, such as \"5m\"");
        }
        _ => {}
    }
    Shape::Closed { until, think }
}

/// Refuses a loop in which some users would never ask.
pub(super) fn enough(desk: &mut Desk<'_>, typed: &Typed, shape: Shape, points: &[Point]) {
    let Shape::Closed { until: Until::Requests(requests), .. } = shape else { return };
    let most = points.iter().map(|point| point.users).max().unwrap_or(0);
    if let (Some(node), true) = (typed.root().find(&["closed", "requests"]), requests < u64::from(most)) {
        let message = format!("{requests} requests for {most} users: some would never ask");
        desk.wrong(&node.spot, message, format!("write {most} or more"));
    }
}
