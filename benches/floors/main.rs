//! How cheap and how exact a client can be that does nothing but its work: the floors of `benches/side_by_side`.
//!
//! `floors KIND LOAD HOST:PORT CONNECTIONS REQUESTS [CSV]`, built by `cargo bench --bench floors --no-run`. KIND is `raw`
//! (bytes by hand over tokio), `hyper` (its client over a socket that stamps) or `kernel` (the same with the kernel's
//! receive time). LOAD is `whole` or `stream`. All connections are opened, then all of them ask at once, and again until
//! so many requests are answered. What was measured goes to the CSV, a row a request, as durations; the sums to stdout.
//!
//! It uses nothing of the crate that it stands beside: no record, no check, no outcome. An answer that is not what the
//! embedded endpoint sends ends it with a panic.

mod raw;
mod scan;
mod socket;
mod stamped;

use std::cell::Cell;
use std::fmt::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What became of one request.
struct Answer {
    sent: Instant,
    /// The read that brought the first token; none of an answer that came whole.
    first: Option<Instant>,
    end: Instant,
    events: u64,
}

/// What to do, as it was typed.
#[derive(Clone)]
struct Work {
    kind: String,
    stream: bool,
    address: SocketAddr,
    connections: usize,
    requests: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [kind, load, address, connections, requests, csv @ ..] = &arguments[..] else {
        println!(
            "floors raw|hyper|kernel whole|stream HOST:PORT CONNECTIONS REQUESTS [CSV]: python3 benches/side_by_side"
        );
        return;
    };
    let work = Work {
        kind: kind.clone(),
        stream: load == "stream",
        address: address.parse().expect("HOST:PORT"),
        connections: connections.parse().expect("a number of connections"),
        requests: requests.parse().expect("a number of requests"),
    };
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).expect("a runtime");
    let (barrier, answers) = runtime.block_on(run(work));
    if let [path] = csv {
        std::fs::write(path, rows(barrier, &answers)).expect("a file to write");
    }
    let sum = answers.iter().map(|(_, answer)| answer.end - answer.sent).sum::<Duration>();
    let events: u64 = answers.iter().map(|(_, answer)| answer.events).sum();
    let mean = sum.as_secs_f64() * 1e3 / answers.len() as f64;
    println!(r#"{{"requests":{},"events":{events},"latency_mean_ms":{mean:.6}}}"#, answers.len());
}

/// Opens, releases, and waits for all: the barrier's instant, and every answer by the number of its request.
async fn run(work: Work) -> (Instant, Vec<(usize, Answer)>) {
    let next = Rc::new(Cell::new(1));
    let (barrier, released) = watch::channel(false);
    let mut users = Vec::with_capacity(work.connections);
    for _ in 0..work.connections {
        let socket = TcpStream::connect(work.address).await.expect("a connection");
        socket.set_nodelay(true).expect("an option");
        users.push(tokio::task::spawn_local(user(socket, work.clone(), next.clone(), released.clone())));
    }
    // The other side may still be accepting the last of them; a single one has nobody to wait for.
    if work.connections > 1 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let begun = Instant::now();
    barrier.send(true).expect("users that wait");
    let mut answers = Vec::with_capacity(work.requests);
    for user in users {
        answers.extend(user.await.expect("a user that ends"));
    }
    (begun, answers)
}

/// One connection, from the barrier on, until there is nothing left to ask.
async fn user(
    socket: TcpStream,
    work: Work,
    next: Rc<Cell<usize>>,
    mut released: watch::Receiver<bool>,
) -> Vec<(usize, Answer)> {
    let take = || {
        let number = next.replace(next.get() + 1);
        (number <= work.requests).then_some(number)
    };
    let mut answers = Vec::with_capacity(work.requests / work.connections + 1);
    if work.kind == "raw" {
        let mut client = raw::Client::new(socket);
        released.wait_for(|released| *released).await.expect("a barrier");
        while let Some(number) = take() {
            answers.push((number, client.ask(&body(number, work.stream)).await));
        }
    } else {
        let mut client = stamped::Client::new(socket, work.kind == "kernel").await;
        released.wait_for(|released| *released).await.expect("a barrier");
        while let Some(number) = take() {
            answers.push((number, client.ask(body(number, work.stream)).await));
        }
    }
    answers
}

/// What is asked; the number at its end is how the endpoint's log knows it.
fn body(number: usize, stream: bool) -> String {
    let said = format!("Say hello. (request {number})");
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{said}"}}],"stream":{stream}}}"#)
}

fn rows(barrier: Instant, answers: &[(usize, Answer)]) -> String {
    let mut rows = String::from("request,sent_ms,ttft_ms,latency_ms,events\n");
    let ms = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1e3;
    for (number, answer) in answers {
        let first = answer.first.map_or(String::new(), |first| format!("{:.6}", ms(answer.sent, first)));
        let (sent, whole) = (ms(barrier, answer.sent), ms(answer.sent, answer.end));
        writeln!(rows, "{number},{sent:.6},{first},{whole:.6},{}", answer.events).expect("a string grows");
    }
    rows
}
