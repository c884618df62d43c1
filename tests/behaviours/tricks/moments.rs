//! Tricks with time, on a clock that stands still between them.

use std::time::Duration;

use lamb_load::sample::Outcome;

use super::super::clocks::{HEAD, MS, event, limits, over};
use super::super::script::{STOP, content};
use super::*;

fn patient(first_token: Option<u64>, idle: Option<u64>, total: u64) -> Ask {
    Ask { timeouts: limits(first_token, idle, total), ..streamed() }
}

#[tokio::test(start_paused = true)]
async fn comments_for_minutes_keep_a_line_open_but_are_no_token() {
    let storm = |then: &[(u64, String)]| {
        let comments = vec![(900, ": still thinking\n\n".to_owned()); 300];
        [vec![(0, HEAD.to_owned())], comments, then.to_vec()].concat()
    };
    let answered = storm(&[(900, event(&content("Hi"))), (900, event(STOP)), (0, event(DONE))]);
    let sample = over(patient(None, Some(1000), 600_000), answered.clone()).await;
    assert_eq!((sample.outcome, sample.ttft(), sample.ttfe()), (Outcome::Ok, Some(MS(270_900)), Some(MS(270_900))));
    let sample = over(patient(Some(60_000), Some(1000), 600_000), answered).await;
    assert_eq!((sample.outcome, sample.at.end), (Outcome::TimeoutFirstToken, MS(60_000)));
}

#[tokio::test(start_paused = true)]
async fn one_token_and_then_silence_is_idle_and_not_what_was_said_so_far() {
    let script = vec![(0, HEAD.to_owned()), (100, event(&content("Hi")))];
    let sample = over(patient(Some(1000), Some(5000), 60_000), script).await;
    assert_eq!((sample.outcome, sample.at.end, sample.latency()), (Outcome::TimeoutIdle, MS(5_100), None));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_late_however_busy_it_looks() {
    let drip: Vec<(u64, String)> =
        "HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyy".chars().map(|char| (1_000, char.to_string())).collect();
    let sample = over(patient(Some(10_000), Some(2_000), 60_000), drip.clone()).await;
    assert_eq!((sample.outcome, sample.at.end), (Outcome::TimeoutFirstToken, MS(10_000)));
    let sample = over(patient(None, Some(2_000), 20_000), drip).await;
    assert_eq!((sample.outcome, sample.at.end), (Outcome::TimeoutTotal, MS(20_000)));
}

#[tokio::test(start_paused = true)]
async fn continue_and_continue_and_continue_is_no_answer() {
    let calm = vec![(100, "HTTP/1.1 100 Continue\r\n\r\n".to_owned()); 100];
    let sample = over(patient(None, Some(1_000), 2_000), calm).await;
    assert_eq!((sample.outcome, sample.status, sample.at.end), (Outcome::TimeoutTotal, None, MS(2_000)));
    let storm = vec![(1, "HTTP/1.1 100 Continue\r\n\r\n".repeat(50)); 3_000];
    let sample = over(patient(None, Some(1_000), 2_000), storm).await;
    assert_eq!((sample.outcome, sample.status), (Outcome::TooLarge, None));
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_drips_within_idle_and_is_one() {
    let drip = ANSWER.chars().map(|char| (900, char.to_string()));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", ANSWER.len());
    let script: Vec<(u64, String)> = std::iter::once((900, head)).chain(drip).collect();
    let ask = Ask { timeouts: limits(Some(2_000), Some(1_000), 600_000), ..whole() };
    let sample = over(ask, script).await;
    let took = Duration::from_millis(900) * (1 + ANSWER.len() as u32);
    assert_eq!((sample.outcome, sample.latency(), sample.max_gap), (Outcome::Ok, Some(took), None));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_after_the_finish_still_counts_as_time() {
    let script = vec![
        (0, HEAD.to_owned()),
        (100, event(&content("H"))),
        (100, event(STOP)),
        (100, event(&content("i"))),
        (5_000, event(DONE)),
    ];
    let sample = over(patient(None, None, 60_000), script).await;
    assert_eq!((sample.outcome, sample.latency(), sample.tail()), (Outcome::Ok, Some(MS(300)), Some(MS(5_000))));
}
