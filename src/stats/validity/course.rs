//! Checks of a loop: were its users kept busy, and did what it measured stand still?

use super::{Check, CheckLabel, ms, percent};
use crate::stats::course::Course;
use crate::stats::summary::Summary;

/// The share of the steady window in which every user must be in the air or thinking.
const DELIVERED: f64 = 0.98;
/// A latency that moves by less over the window is as good as steady.
const MOVES: f64 = 0.05;

pub(super) fn checks(summary: &Summary) -> [Check; 2] {
    match summary.course {
        Some(course) => [delivered(summary, &course), steady(&course)],
        None => ["delivered", "steady"].map(|id| Check::unknown(id, "nothing was sent")),
    }
}

/// In the air = N, as far as it is up to us: who thinks, connects or is refused does not wait for this program.
fn delivered(summary: &Summary, course: &Course) -> Check {
    let missing = 1.0 - course.delivered;
    let users = summary.subject.users;
    let told = format!(
        "in the {} after the warm-up {users} users spent {:.1} % of their time in the air or thinking",
        ms(course.window_s * 1e3),
        course.delivered * 100.0
    );
    let mut check = Check::above("delivered", CheckLabel::Invalid, missing, 1.0 - DELIVERED, "share").saying(
        || {
            format!(
                "{told}, and the rest waiting for this program: the load asked for was not delivered; ask for fewer users, or give this machine more processor"
            )
        },
        || told.clone(),
    );
    (check.value, check.limit) = (Some(course.delivered), Some(DELIVERED));
    check
}

fn steady(course: &Course) -> Check {
    let warm = match course.warm_s {
        warm if warm > 0.0 => format!("after a warm-up of {}", ms(warm * 1e3)),
        _ => "from the start".to_owned(),
    };
    let Some(trend) = course.trend else { return Check::unknown("steady", "too few requests to tell a trend") };
    let way = if trend > 0.0 { "grows" } else { "falls" };
    let a_minute = trend.abs() * 60.0 / course.window_s;
    Check::above("steady", CheckLabel::Note, trend.abs(), MOVES, "share").saying(
        || {
            format!(
                "{warm} latency {way} {} in {} ({}/min): percentiles describe a transient; run it for longer, or with a [warmup]",
                percent(trend.abs()),
                ms(course.window_s * 1e3),
                percent(a_minute)
            )
        },
        || format!("{warm} latency neither grows nor falls"),
    )
}

#[cfg(test)]
mod tests {
    use crate::sample::{Outcome, Sample};
    use crate::stats::testing::{answer, facts, ms, subject, tally};
    use crate::stats::validity::{Check, CheckLabel, Label, Validity};
    use crate::stats::{Subject, Summary};

    /// Ten users, thirty requests each, sent 2 ms after they were due; `latency` by turn.
    fn looped(latency: impl Fn(u32) -> f64) -> Vec<Sample> {
        let mut samples = Vec::new();
        for user in 1..=10 {
            let mut due = 0.0;
            for turn in 1..=30 {
                let mut sample = answer(user, due + 2.0, latency(turn));
                sample.arrival.request = u64::from((turn - 1) * 10 + user);
                sample.answer_hash = Some(sample.arrival.request);
                (sample.arrival.turn, sample.arrival.due) = (turn, ms(due));
                due = sample.at.end.as_secs_f64() * 1e3;
                samples.push(sample);
            }
        }
        samples
    }

    fn steady() -> Vec<Sample> {
        looped(|turn| 1200.0 + f64::from(turn * 7 % 11))
    }

    fn judged(samples: &[Sample]) -> (Summary, Validity) {
        let subject = Subject { closed: true, users: 10, requests_per_round: Some(300), ..subject() };
        let summary = Summary::of(subject, &tally(samples));
        let facts = crate::facts::ClientFacts { planned: 300, issued: 300, rows: 300, ..facts() };
        let validity = Validity::of(&summary, &facts);
        (summary, validity)
    }

    fn check(samples: &[Sample], id: &str) -> Check {
        judged(samples).1.check(id).unwrap_or_else(|| panic!("no check {id}")).clone()
    }

    #[test]
    fn a_good_loop_is_valid_and_nothing_is_said_of_it_as_a_burst() {
        let (summary, validity) = judged(&steady());
        assert_eq!((validity.fired(), validity.label), (Vec::<&Check>::new(), Label::Valid));
        assert_eq!(["skew", "simultaneity"].map(|id| validity.check(id)), [None, None]);
        assert_eq!((summary.send_spread_ms, summary.effective_concurrency(), summary.in_air_max), (None, None, 10));
        assert_eq!(summary.inference, crate::stats::burst::Inference::default());
    }

    #[test]
    fn delivered_fires_when_users_wait_for_this_program_and_not_when_they_think_or_are_refused() {
        let mut late = steady();
        late.iter_mut().for_each(|sample| sample.arrival.due = sample.arrival.due.saturating_sub(ms(40.0)));
        let fired = check(&late, "delivered");
        assert_eq!(fired.label, CheckLabel::Invalid);
        assert!(
            fired.sentence.contains("10 users spent 96.5 % of their time in the air or thinking"),
            "{}",
            fired.sentence
        );
        assert_eq!(judged(&late).1.label, Label::Invalid);

        assert_eq!(check(&steady(), "delivered").label, CheckLabel::Silent);
        let mut thinking = steady();
        thinking.retain(|sample| sample.arrival.turn % 2 == 1);
        assert_eq!(check(&thinking, "delivered").label, CheckLabel::Silent);
        let mut refused = steady();
        refused.iter_mut().for_each(|sample| sample.outcome = Outcome::RateLimited);
        assert_eq!(check(&refused, "delivered").label, CheckLabel::Silent);
    }

    #[test]
    fn steady_fires_when_latency_grows_and_is_silent_when_it_stands_still_after_a_warm_up() {
        let grows = check(&looped(|turn| 1200.0 + 20.0 * f64::from(turn)), "steady");
        assert_eq!(grows.label, CheckLabel::Note);
        assert!(grows.sentence.contains("latency grows"), "{}", grows.sentence);
        let warmed = check(&looped(|turn| if turn < 4 { 3000.0 } else { 1200.0 + f64::from(turn * 7 % 11) }), "steady");
        assert_eq!(warmed.label, CheckLabel::Silent);
        assert_eq!(warmed.sentence, "after a warm-up of 9.01 s latency neither grows nor falls");
        assert_eq!(check(&steady()[..50], "steady").label, CheckLabel::Unknown);
    }
}
