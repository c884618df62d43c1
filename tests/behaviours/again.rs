//! Whether a connection can be used again when a stream's answer is in before its framing ends, on a stopped clock.

use std::sync::Arc;
use std::time::Duration;

use lamb_load::chat::{Learnt, Shot};
use lamb_load::scenario::plan::{Case, Connections, Load, ServerKind, Target, Think, Until};
use lamb_load::wire::Connection;

use super::clocks::{MS, event, say};
use super::script::{STOP, arrival, content, endpoint, shot, streamed};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Of a user with this load: whether its connection is kept, and when its answer was over, where the rest of the framing
/// comes so long after `[DONE]`.
async fn kept(load: Load, rest: &str, after: u64) -> (bool, Duration) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let body = event(&content("Hi")) + &event(STOP) + &event("[DONE]");
    let answer = format!("{HEAD}{:x}\r\n{body}\r\n", body.len());
    let server = tokio::spawn(say(far, vec![(100, answer), (after, rest.to_owned())]));
    let connection = Connection::over(near, false).await.unwrap();
    let endpoint = endpoint(9);
    let shot = shot(&endpoint, &streamed());
    let target = Arc::new(Target { connections: Connections::Warm, ..Target::clone(&shot.brief.case.target) });
    let case = Arc::new(Case { load, target, ..Case::clone(&shot.brief.case) });
    let shot = Shot { brief: Arc::new(endpoint.brief(&case, &Learnt::nothing(ServerKind::OpenAi))), ..shot };
    let (sample, connection) = endpoint.send(arrival(), &shot, Some(Box::new(connection))).await;
    server.abort();
    assert!(sample.outcome.is_ok() && sample.latency() == Some(MS(100)), "{sample:?}");
    (connection.is_some(), sample.at.end)
}

#[tokio::test(start_paused = true)]
async fn only_who_asks_again_waits_for_the_end_of_the_framing_and_not_for_long() {
    let closed = Load::Closed { users: 1, until: Until::Requests(9), think: Think::default() };
    let burst = Load::Burst { users: 1, spread: Duration::ZERO };
    let end = "0\r\n\r\n";
    assert_eq!(kept(closed, end, 0).await, (true, MS(100)));
    assert_eq!(kept(closed, end, 9).await, (true, MS(109)), "the tail is the server's");
    assert_eq!(kept(closed, end, 11).await, (false, MS(100)), "a new connection is faster");
    assert!(!kept(closed, "no chunk\r\n", 5).await.0, "broken behind its end");
    assert_eq!(kept(burst, end, 9).await, (false, MS(100)), "nobody asks again");
}
