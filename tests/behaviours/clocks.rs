//! Time limits, each apart from the others and exact, on a stopped clock.

use std::time::Duration;

use lamb_load::sample::{Outcome, Sample};
use lamb_load::scenario::plan::Timeouts;
use lamb_load::wire::Connection;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

use super::row::row;
use super::script::{Ask, STOP, ask_over, content, endpoint, framed, read_request, shot, streamed, whole};

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;
pub(super) const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

pub(super) fn limits(first_token: Option<u64>, idle: Option<u64>, total: u64) -> Timeouts {
    Timeouts { connect: MS(10_000), first_token: first_token.map(MS), idle: idle.map(MS), total: MS(total) }
}

/// Says each text after so many milliseconds, then holds the connection open; the time stands still otherwise.
pub(super) async fn over(ask: Ask, script: Vec<(u64, String)>) -> Sample {
    let (near, far) = duplex(1 << 16);
    let server = tokio::spawn(say(far, script));
    let connection = Connection::over(near, false).await.unwrap();
    let sample = ask_over(&ask, connection).await;
    server.abort();
    sample
}

pub(super) async fn say(mut stream: DuplexStream, script: Vec<(u64, String)>) {
    read_request(&mut stream).await;
    for (after, text) in script {
        sleep(MS(after)).await;
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
    std::future::pending::<()>().await;
}

pub(super) fn event(text: &str) -> String {
    framed(&[text]).concat()
}

#[tokio::test(start_paused = true)]
async fn no_answer_at_all_ends_with_the_total() {
    let sample = over(Ask { timeouts: limits(None, None, 180_000), ..streamed() }, vec![]).await;
    assert_eq!(row(&sample), "timeout_total | no complete answer within 180 s, no answer at all");
    assert_eq!(sample.at.end, MS(180_000));
}

#[tokio::test(start_paused = true)]
async fn no_first_token_though_headers_and_events_came() {
    let ask = Ask { timeouts: limits(Some(1_000), None, 180_000), ..streamed() };
    let role = event(r#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#);
    let script = vec![(50, HEAD.to_owned()), (10, role), (500, ": ping\n\n".to_owned())];
    let sample = over(ask, script).await;
    assert_eq!(row(&sample), "timeout_first_token 200 | 1 events | ttfe | no token within 1 s, 70 bytes in 1 events");
    assert_eq!((sample.at.end, sample.at.headers), (MS(1_000), Some(MS(50))));
}

#[tokio::test(start_paused = true)]
async fn a_first_token_in_time_ends_that_limit() {
    let ask = Ask { timeouts: limits(Some(1_000), None, 180_000), ..streamed() };
    let script = vec![(50, HEAD.to_owned()), (940, event(&content("Hi"))), (5_010, event(STOP)), (1, event("[DONE]"))];
    let sample = over(ask, script).await;
    assert_eq!(sample.outcome, Outcome::Ok);
    assert_eq!((sample.ttft(), sample.latency()), (Some(MS(990)), Some(MS(6_000))));
    assert_eq!((sample.at.end, sample.tail()), (MS(6_001), Some(MS(1))));
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_has_no_first_token_to_wait_for() {
    let body = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let ask = Ask { timeouts: limits(Some(1_000), None, 180_000), ..whole() };
    let sample = over(ask, vec![(3_000, head), (2_000, body.to_owned())]).await;
    assert_eq!((sample.outcome, sample.latency(), sample.ttft()), (Outcome::Ok, Some(MS(5_000)), None));
}

#[tokio::test(start_paused = true)]
async fn silence_in_the_middle_is_idle_and_comments_break_it() {
    let ask = || Ask { timeouts: limits(None, Some(500), 180_000), ..streamed() };
    let script = vec![(3_000, HEAD.to_owned()), (400, event(&content("Hi"))), (400, ": ping\n\n".to_owned())];
    let sample = over(ask(), script).await;
    assert_eq!(sample.outcome, Outcome::TimeoutIdle);
    assert_eq!(sample.error.as_deref(), Some("nothing for 0.5 s, 99 bytes in 1 events"));
    assert_eq!(sample.at.end, MS(4_300));
}

#[tokio::test(start_paused = true)]
async fn one_byte_a_minute_ends_with_the_total() {
    let letters: Vec<(u64, String)> = "data: aaaaaaaaaa".chars().map(|char| (60_000, char.to_string())).collect();
    let script = [vec![(0, HEAD.to_owned())], letters].concat();
    let sample = over(Ask { timeouts: limits(None, None, 180_000), ..streamed() }, script).await;
    assert_eq!((sample.outcome, sample.at.end), (Outcome::TimeoutTotal, MS(180_000)));
}

#[tokio::test(start_paused = true)]
async fn tokens_without_end_end_with_the_total() {
    let tokens = vec![(100, event(&content("a"))); 100];
    let script = [vec![(0, HEAD.to_owned())], tokens].concat();
    let sample = over(Ask { timeouts: limits(Some(500), Some(500), 2_050), ..streamed() }, script).await;
    assert_eq!((sample.outcome, sample.at.end, sample.events), (Outcome::TimeoutTotal, MS(2_050), 20));
    assert_eq!((sample.max_gap, sample.gaps_us.len(), sample.token_reads), (Some(MS(100)), 19, 20));
}

#[tokio::test(start_paused = true)]
async fn an_error_page_that_never_ends_is_an_error_after_five_seconds() {
    let head = "HTTP/1.1 500 Oops\r\nContent-Length: 999\r\n\r\nboom".to_owned();
    let sample = over(Ask { timeouts: limits(None, None, 180_000), ..streamed() }, vec![(100, head)]).await;
    assert_eq!(row(&sample), "http_error 500 | HTTP 500: boom");
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_never_accepted_is_timeout_connect() {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    // The first ones fill the queue; whoever comes after them waits for a place in it.
    let mut queue = Vec::new();
    for _ in 0..8 {
        let connecting = Box::pin(tokio::net::TcpStream::connect(address));
        queue.push(futures_util::future::maybe_done(connecting));
        let _ = futures_util::poll!(queue.last_mut().unwrap());
    }
    let mut limits = limits(None, None, 180_000);
    limits.connect = MS(250);
    let endpoint = endpoint(address.port());
    let shot = shot(&endpoint, &Ask { timeouts: limits, ..whole() });
    let (sample, _) = endpoint.send(super::script::arrival(), &shot, None).await;
    assert_eq!(row(&sample), "timeout_connect | not connected within 0.25 s");
    assert_eq!(sample.at.end, MS(250));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_called_off_keeps_what_was_seen_of_it() {
    let (near, far) = duplex(1 << 16);
    let server = tokio::spawn(say(far, vec![(100, HEAD.to_owned()), (100, event(&content("Hel")))]));
    let connection = Connection::over(near, false).await.unwrap();
    let endpoint = endpoint(80);
    let shot = shot(&endpoint, &streamed());
    let cancel = shot.cancel.clone();
    tokio::spawn(async move {
        sleep(MS(300)).await;
        cancel.cancel();
    });
    let (sample, connection) = endpoint.send(super::script::arrival(), &shot, Some(Box::new(connection))).await;
    let expected = "cancelled 200 | m | 3 chars | 1 events | ttfe ttft ttfo | called off, 92 bytes in 1 events";
    assert_eq!(row(&sample), expected);
    assert!(connection.is_none() && sample.at.end == MS(300));
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn instants_and_gaps_are_those_of_the_reads() {
    let both = format!("{}{}", event(&content("a")), event(&content("b")));
    let script = vec![
        (50, HEAD.to_owned()),
        (50, event(r#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#)),
        (100, event(r#"{"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}"#)),
        (100, both),
        (30, ": ping\n\n".to_owned()),
        (70, event(&content("c"))),
        (100, event(STOP)),
        (200, event(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#)),
        (200, event("[DONE]")),
    ];
    let began = Instant::now();
    let sample = over(streamed(), script).await;
    assert_eq!(began.elapsed(), MS(900));
    assert_eq!((sample.ttfe(), sample.ttft(), sample.ttfo()), (Some(MS(100)), Some(MS(200)), Some(MS(300))));
    assert_eq!((sample.at.last_token, sample.at.finish), (Some(MS(400)), Some(MS(500))));
    assert_eq!((sample.latency(), sample.tail(), sample.at.end), (Some(MS(500)), Some(MS(400)), MS(900)));
    assert_eq!((sample.gaps_us.as_slice(), sample.max_gap), ([100_000, 100_000].as_slice(), Some(MS(100))));
    assert_eq!((sample.events, sample.reads, sample.token_reads), (8, 8, 3));
    assert_eq!(sample.tpot_s(), Some(0.2 / 3.0));
    assert_eq!(sample.send_lag(), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn two_chunks_of_one_read_are_one_read() {
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    let pair = |a: &str, b: &str| format!("{}{}", chunk(&event(a)), chunk(&event(b)));
    let script = vec![
        (50, head),
        (50, pair(&content("a"), &content("b"))),
        (100, pair(&content("c"), STOP)),
        (1, format!("{}0\r\n\r\n", chunk(&event("[DONE]")))),
    ];
    let sample = over(streamed(), script).await;
    assert_eq!((sample.outcome, sample.events, sample.reads, sample.token_reads), (Outcome::Ok, 5, 3, 2));
    assert_eq!((sample.gaps_us.as_slice(), sample.max_gap), ([100_000].as_slice(), Some(MS(100))));
    assert_eq!((sample.ttft(), sample.latency()), (Some(MS(100)), Some(MS(200))));
}
