//! How late each time limit rings, by hand: `cargo bench --bench timeouts [requests] [limit in ms]`.
//!
//! Servers on real sockets that never accept, never answer, never say a token, or fall silent after one; so many
//! requests, one after another and then all at once. Printed is the time from the limit to the decided outcome: what the
//! clock of the runtime and the machine add, which the tests on a stopped clock cannot see.

#[allow(dead_code, unreachable_pub)]
#[path = "../tests/behaviours/script.rs"]
mod script;

use std::time::Duration;

use futures_util::future::join_all;
use lamb_load::sample::{Outcome, Sample};
use lamb_load::scenario::plan::Timeouts;
use script::{Act, Ask, Script, act, arrival, content, delta, endpoint, framed, read_request, shot, streamed, unended};
use tokio::net::{TcpListener, TcpStream};

const LONG: Duration = Duration::from_secs(60);
const SSE: &str = "text/event-stream";

/// One time limit and the server that lets it ring.
struct Limit {
    name: &'static str,
    outcome: Outcome,
    /// The limits of which this is the shortest.
    timeouts: fn(Duration) -> Timeouts,
    /// What the server says before it falls silent; `None` for one that does not even accept.
    says: Option<Script>,
    /// From when on it counts.
    from: fn(&Sample) -> Option<Duration>,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let requests = numbers.next().unwrap_or(50);
    let after = Duration::from_millis(numbers.next().unwrap_or(200) as u64);
    println!("{requests} requests, limits of {after:?}: how late they ring, in ms");
    println!("  limit         one after another: median      max   all at once: median      max");
    for limit in limits() {
        let alone = one_after_another(&limit, requests, after).await;
        let together = all_at_once(&limit, requests, after).await;
        println!("  {:<12} {:>26.3} {:>8.3} {:>21.3} {:>8.3}", limit.name, alone.0, alone.1, together.0, together.1);
    }
}

fn limits() -> [Limit; 4] {
    const BASE: Timeouts = Timeouts { connect: LONG, first_token: None, idle: None, total: LONG };
    let silent = |parts: &[String]| {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Some(Script([unended(SSE, &parts).0, vec![Act::Hold]].concat()))
    };
    [
        Limit {
            name: "connect",
            outcome: Outcome::TimeoutConnect,
            timeouts: |after| Timeouts { connect: after, ..BASE },
            says: None,
            from: |sample| sample.at.issued,
        },
        Limit {
            name: "first token",
            outcome: Outcome::TimeoutFirstToken,
            timeouts: |after| Timeouts { first_token: Some(after), ..BASE },
            says: silent(&framed(&[&delta(r#"{"role":"assistant"}"#)])),
            from: |sample| sample.at.sent,
        },
        Limit {
            name: "idle",
            outcome: Outcome::TimeoutIdle,
            timeouts: |after| Timeouts { idle: Some(after), ..BASE },
            says: silent(&framed(&[&content("Hi")])),
            from: |sample| sample.at.last_byte,
        },
        Limit {
            name: "total",
            outcome: Outcome::TimeoutTotal,
            timeouts: |after| Timeouts { total: after, ..BASE },
            says: Some(Script(vec![Act::Hold])),
            from: |sample| sample.at.issued,
        },
    ]
}

async fn one_after_another(limit: &Limit, requests: usize, after: Duration) -> (f64, f64) {
    let server = serve(limit.says.clone()).await;
    let mut late = Vec::new();
    for _ in 0..requests {
        late.push(lateness(limit, server.port, after).await);
    }
    median_and_max(late)
}

async fn all_at_once(limit: &Limit, requests: usize, after: Duration) -> (f64, f64) {
    let server = serve(limit.says.clone()).await;
    median_and_max(join_all((0..requests).map(|_| lateness(limit, server.port, after))).await)
}

/// Milliseconds from the limit to the outcome of one request.
async fn lateness(limit: &Limit, port: u16, after: Duration) -> f64 {
    let endpoint = endpoint(port);
    let ask = Ask { timeouts: (limit.timeouts)(after), ..streamed() };
    let (sample, _) = endpoint.send(arrival(), &shot(&endpoint, &ask), None).await;
    assert_eq!(sample.outcome, limit.outcome, "{sample:?}");
    let from = (limit.from)(&sample).expect("the limit counts from an instant that there was");
    let late = sample.at.end.checked_sub(from + after).expect("no limit rings early");
    late.as_secs_f64() * 1000.0
}

fn median_and_max(mut late: Vec<f64>) -> (f64, f64) {
    late.sort_by(f64::total_cmp);
    (late[late.len() / 2], late[late.len() - 1])
}

/// A server, and what must live as long as it.
struct Server {
    port: u16,
    _full: Option<(socket2::Socket, Vec<TcpStream>)>,
}

async fn serve(says: Option<Script>) -> Server {
    let Some(says) = says else { return full().await };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let says = says.clone();
            tokio::spawn(async move {
                read_request(&mut stream).await;
                act(stream, says).await;
            });
        }
    });
    Server { port, _full: None }
}

/// A listener whose queue is full and which never accepts.
async fn full() -> Server {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    listener.listen(0).expect("a listener");
    let address = listener.local_addr().expect("an address").as_socket().expect("an IP address");
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(stream);
    }
    Server { port: address.port(), _full: Some((listener, queue)) }
}
