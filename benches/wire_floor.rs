//! What the wire costs, by hand: `cargo bench --bench wire_floor [streams] [seconds]`.
//!
//! A server on a thread of its own sends every stream a chunk of 230 bytes 100 times a second; the client reads them on
//! one thread, whose own CPU time is divided by the chunks read: over the wire with and without kernel time, and as a
//! floor over plain tokio sockets that only count bytes. Then memory: so many connections, idle and waiting for an
//! answer.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use lamb_load::wire::{Connection, Head, Request, Route, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n";
const CHUNK: usize = 230;
const PER_SECOND: u32 = 100;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let streams: usize = arguments.next().unwrap_or(500);
    let seconds: usize = arguments.next().unwrap_or(3);
    let chunks = seconds * PER_SECOND as usize;
    println!("{streams} streams, {PER_SECOND} chunks/s each, {seconds} s");
    println!("  client           chunks   µs CPU/chunk   chunks/read");
    for (name, kernel_time) in [("wire, kernel", true), ("wire, user", false), ("wire, kernel", true)] {
        measure(name, streams, chunks, |address| over_the_wire(address, kernel_time));
    }
    measure("plain tokio", streams, chunks, plainly);
    memory(streams.max(2000));
}

/// Runs one client task a stream and prints what the thread spent.
fn measure<F>(name: &str, streams: usize, chunks: usize, client: impl Fn(SocketAddr) -> F)
where
    F: Future<Output = (u64, u64)>,
{
    let address = serve(streams, chunks);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let before = thread_cpu();
    let counts = runtime.block_on(join_all((0..streams).map(|_| client(address))));
    let spent = thread_cpu() - before;
    let (chunks, reads) = counts.into_iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    let micros = spent.as_nanos() as f64 / 1000.0 / chunks as f64;
    println!("  {name:<12} {chunks:>10} {micros:>14.2} {:>13.2}", chunks as f64 / reads as f64);
}

async fn over_the_wire(address: SocketAddr, kernel_time: bool) -> (u64, u64) {
    let mut connection = open(address, kernel_time).await;
    let mut response = connection.send(request()).await.expect("an answer");
    let (mut chunks, mut reads, mut last) = (0, 0, 0);
    while let Some(piece) = response.next().await {
        let piece = piece.expect("a whole answer");
        chunks += 1;
        reads += u64::from(piece.read != last);
        last = piece.read;
    }
    (chunks, reads)
}

async fn plainly(address: SocketAddr) -> (u64, u64) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"POST / HTTP/1.1\r\n\r\n").await.expect("a write");
    let mut buffer = [0; 8192];
    let (mut bytes, mut reads) = (0, 0);
    loop {
        match stream.read(&mut buffer).await.expect("a read") {
            0 => return (bytes / (CHUNK as u64 + 6), reads),
            n => (bytes, reads) = (bytes + n as u64, reads + 1),
        }
    }
}

async fn open(address: SocketAddr, kernel_time: bool) -> Connection {
    let mut route = Route::new(address.ip().to_string(), address.port());
    route.kernel_time = kernel_time;
    connect(&route).await.expect("a connection")
}

fn request() -> Request {
    let fields = HeaderMap::from_iter([(HOST, HeaderValue::from_static("floor"))]);
    Request::new(Arc::new(Head::post(hyper::Uri::from_static("/"), fields)), Bytes::from_static(b"{}"))
}

/// Waits for `streams` requests, then paces `chunks` chunks to all of them, and closes.
fn serve(streams: usize, chunks: usize) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    listener.set_nonblocking(true).expect("a listener for tokio");
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            let mut clients = Vec::with_capacity(streams);
            for _ in 0..streams {
                let (mut stream, _) = listener.accept().await.expect("a client");
                stream.set_nodelay(true).expect("an option");
                stream.read_buf(&mut Vec::with_capacity(4096)).await.expect("a request");
                stream.write_all(HEAD).await.expect("a client that reads");
                clients.push(stream);
            }
            let chunk = [format!("{CHUNK:x}\r\n").as_bytes(), &[b'x'; CHUNK], b"\r\n"].concat();
            let mut tick = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
            for _ in 0..chunks {
                tick.tick().await;
                for client in &mut clients {
                    client.write_all(&chunk).await.expect("a client that reads");
                }
            }
            for client in &mut clients {
                client.write_all(b"0\r\n\r\n").await.expect("a client that reads");
            }
        });
    });
    address
}

/// Takes every connection and says nothing.
fn mute() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    address
}

/// What a connection costs in memory: idle, and waiting for its answer.
fn memory(connections: usize) {
    let address = mute();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let empty = resident();
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            opened.push(open(address, true).await);
        }
        let idle = resident() - empty;
        let waiting = opened.iter_mut().map(|connection| async {
            let answer = tokio::time::timeout(Duration::from_secs(2), connection.send(request())).await;
            assert!(answer.is_err(), "the server is mute");
        });
        let watch = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            resident() - empty
        };
        let (sent, _) = tokio::join!(watch, join_all(waiting));
        let each = |bytes: usize| bytes as f64 / 1024.0 / connections as f64;
        println!("{connections} connections, KiB each: {:.1} idle, {:.1} waiting", each(idle), each(sent));
    });
}

/// CPU time of this thread.
fn thread_cpu() -> Duration {
    let mut text = String::new();
    let read = std::fs::File::open("/proc/thread-self/schedstat").and_then(|mut file| file.read_to_string(&mut text));
    match (read, text.split(' ').next().and_then(|nanos| nanos.parse().ok())) {
        (Ok(_), Some(nanos)) => Duration::from_nanos(nanos),
        // Off Linux: the time that passed, which is an upper bound.
        _ => started().elapsed(),
    }
}

fn started() -> Instant {
    static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}

/// Resident memory of this process in bytes; 0 off Linux.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}
