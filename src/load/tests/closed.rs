//! Loops on a stopped clock: due times are exact, the count is exact, and no second loop sends them.

use super::*;
use crate::scenario::plan::{Think, Until};

fn closed(users: u32, until: Until, think: Think) -> Arrivals {
    arrivals(Load::Closed { users, until, think }, Order::Sequential, 3)
}

fn seconds(least: u32, most: u32) -> Think {
    Think { least: least * SECOND, most: most * SECOND }
}

/// Issued and ended, in seconds.
fn times(rows: &[(u64, Duration, Duration, Outcome)]) -> Vec<(f64, f64)> {
    rows.iter().map(|row| (row.1.as_secs_f64(), row.2.as_secs_f64())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_user_asks_again_the_moment_its_answer_is_in() {
    let rows = land(closed(2, Until::Requests(5), Think::default()), 2, SECOND, Stop::default()).await;
    assert_eq!(times(&rows), [(0.0, 1.0), (0.0, 1.0), (1.0, 2.0), (1.0, 2.0), (2.0, 3.0)]);
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_user_thinks_between_an_answer_and_its_next_request() {
    let rows = land(closed(1, Until::Requests(3), seconds(4, 4)), 1, SECOND, Stop::default()).await;
    assert_eq!(times(&rows), [(0.0, 1.0), (5.0, 6.0), (10.0, 11.0)]);
}

#[tokio::test(start_paused = true)]
async fn a_user_that_cannot_connect_rests_longer_each_time_and_none_after_an_answer() {
    let refusing = |arrival: Arrival| match arrival.turn {
        1..=6 | 8 => (Duration::ZERO, Outcome::ConnectFailed),
        _ => (SECOND / 2, Outcome::Ok),
    };
    let asked = |rows: Vec<(u64, Duration, Duration, Outcome)>| -> Vec<u128> {
        rows.iter().map(|row| row.1.as_millis()).collect()
    };
    let loop_by_time = closed(1, Until::Time(5 * SECOND), Think::default());
    let rows = land_as(loop_by_time, 1, Stop::default(), refusing).await;
    assert_eq!(asked(rows), [0, 100, 300, 700, 1500, 2500, 3500, 4000, 4100, 4600]);
    // Each of a number of requests is wanted.
    let loop_by_requests = closed(1, Until::Requests(7), Think::default());
    assert_eq!(asked(land_as(loop_by_requests, 1, Stop::default(), refusing).await), [0; 7]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_due_once_the_time_is_up_and_what_is_in_the_air_lands() {
    let rows = land(closed(1, Until::Time(5 * SECOND), seconds(1, 1)), 1, SECOND, Stop::default()).await;
    assert_eq!(times(&rows), [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0)]);
    let rows = land(closed(1, Until::Time(4 * SECOND), seconds(1, 1)), 1, SECOND, Stop::default()).await;
    assert_eq!(times(&rows), [(0.0, 1.0), (2.0, 3.0)], "due at the very end is due too late");
}

#[tokio::test(start_paused = true)]
async fn when_the_sending_stops_who_thinks_is_cancelled_and_who_waits_for_an_answer_lands_and_asks_no_more() {
    for (think, outcomes) in
        [(Think::default(), vec![Outcome::Ok, Outcome::Ok]), (seconds(9, 9), vec![Outcome::Ok, Outcome::Cancelled])]
    {
        let stop = Stop::default();
        let sending = stop.sending.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            sending.cancel();
        });
        let rows = land(closed(1, Until::Requests(100), think), 1, SECOND, stop).await;
        assert_eq!(rows.iter().map(|row| row.3).collect::<Vec<_>>(), outcomes);
    }
}

#[test]
fn a_user_goes_on_through_the_prompts_from_where_it_began() {
    let arrivals = closed(2, Until::Requests(100), Think::default());
    let prompts = |user| -> Vec<usize> {
        (0..4).filter_map(|turn| arrivals.next(user, (turn > 0).then_some(SECOND))).map(|next| next.prompt).collect()
    };
    assert_eq!((prompts(1), prompts(2)), (vec![0, 1, 2, 0], vec![1, 2, 0, 1]));
}

#[test]
fn what_was_planned_of_a_loop_by_time_is_what_came_due() {
    let arrivals = closed(2, Until::Time(SECOND), Think::default());
    let ends = [None, None, Some(SECOND / 2), Some(SECOND), Some(2 * SECOND)];
    let asked = ends.into_iter().filter_map(|end| arrivals.next(1, end)).count();
    assert_eq!((asked, arrivals.planned()), (3, 3));
    assert_eq!(closed(2, Until::Requests(9), Think::default()).planned(), 9);
}

proptest! {
    /// Whatever the answers take, in whatever order users come.
    #[test]
    fn every_due_time_is_the_last_end_and_a_thought_within_its_bounds(
        users in 1u32..20,
        requests in 20u64..200,
        least_ms in 0u64..50,
        more_ms in 0u64..50,
        order in proptest::collection::vec((0u32..1000, 0u64..10_000), 400),
    ) {
        let ms = Duration::from_millis;
        let think = Think { least: ms(least_ms), most: ms(least_ms + more_ms) };
        let (one, other) = (closed(users, Until::Requests(requests), think), closed(users, Until::Requests(requests), think));
        let mut ends: Vec<Option<Duration>> = vec![None; users as usize];
        let mut numbers = Vec::new();
        for (who, took) in order {
            let user = who % users + 1;
            let last = ends[user as usize - 1];
            let next = one.next(user, last);
            prop_assert_eq!(next, other.next(user, last), "the same seed and the same answers");
            let Some(next) = next else { continue };
            let thought = next.due - last.unwrap_or_default();
            prop_assert!(last.is_none() && next.due.is_zero() || thought >= think.least && thought <= think.most);
            prop_assert!(last.is_some() || next.request == u64::from(user), "its first is kept for each user");
            numbers.push(next.request);
            ends[user as usize - 1] = Some(next.due + ms(took));
        }
        numbers.sort_unstable();
        // What is kept for users who never came is not given to others.
        let absent = |number: &u64| ends.get(*number as usize - 1).is_some_and(Option::is_none);
        let last = numbers.last().copied().unwrap_or(0);
        prop_assert!(last <= requests);
        let kept: Vec<u64> = (1..=last).filter(|number| !absent(number)).collect();
        prop_assert_eq!(numbers, kept);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn thoughts_fill_their_range_and_no_two_users_think_alike(seed in any::<u64>()) {
        let load = Load::Closed { users: 40, until: Until::Requests(10_000), think: seconds(20, 40) };
        let case = Case { load, ..crate::scenario::example::case(1) };
        let arrivals = Arrivals::of(&case, seed, 1, 0);
        let mut dues = Vec::new();
        for user in 1..=40 {
            arrivals.next(user, None);
            dues.extend((0..20).filter_map(|_| arrivals.next(user, Some(Duration::ZERO))).map(|next| next.due));
        }
        let mean = dues.iter().sum::<Duration>().as_secs_f64() / dues.len() as f64;
        prop_assert!((28.0..32.0).contains(&mean), "{}", mean);
        dues.sort();
        dues.dedup();
        prop_assert_eq!(dues.len(), 800);
    }
}
