//! What the embedded endpoint can carry on one core: events a second with their lateness, requests a second.
//!
//! The endpoint runs in a process of its own, pinned to the first core; the client, which only reads and counts, to the second.
//! Both tell how busy they were: an endpoint that is not, with a client that is, was not what was measured.
//! `cargo bench --bench mock_capacity`, on an idle machine, takes about 20 s; a word behind `--` chooses the lines that hold it.
//! Nothing here is a test: it prints.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lamb_load::mock::{Settings, StartOptions, start};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => serve(&arguments[2], arguments.get(3)),
        // Cargo says so when it means to measure; a test run that comes by is over at once.
        _ if arguments.iter().any(|argument| argument == "--bench") => {
            let chosen = arguments[1..].iter().find(|argument| !argument.starts_with("--"));
            measure(chosen.map_or("", |word| word));
        }
        _ => println!("to measure: cargo bench --bench mock_capacity"),
    }
}

/// The endpoint's process: prints its address, ends with its input, then prints how it went.
fn serve(settings: &str, log: Option<&String>) {
    pin(0);
    let settings = Settings::from_json(serde_json::from_str(settings).expect("JSON")).expect("right settings");
    let options = StartOptions { log: log.map(Into::into), ..StartOptions::default() };
    let endpoint = start(settings, Vec::new(), &options).expect("an endpoint");
    println!("{}", endpoint.addr());
    std::io::stdin().read_to_end(&mut Vec::new()).expect("an end");
    let lateness = endpoint.stop().expect("a whole log");
    let (user, kernel) = cpu_seconds();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{}",
        json!({
            "writes": lateness.writes, "p50_us": micros(lateness.p50), "p99_us": micros(lateness.p99),
            "max_us": micros(lateness.max), "user_s": user, "kernel_s": kernel,
        })
    );
}

fn measure(chosen: &str) {
    pin(1);
    let log = std::env::temp_dir().join(format!("mock-capacity-{}.jsonl", std::process::id()));
    for (streams, logged) in [(500, false), (700, false), (700, true), (1_000, false), (1_200, false)] {
        let what = format!("{streams} streams, a token each 10 ms{}", if logged { ", logged" } else { "" });
        if what.contains(chosen) {
            let first = json!({ "lognormal": { "median": "300ms", "sigma": 0.5 } });
            let settings = json!({ "first_token": first, "per_token": "10ms", "tokens": 200 });
            let (addr, child) = endpoint(&settings, logged.then_some(&log));
            report(&what, client(read_streams(addr, streams)), child);
        }
    }
    for (connections, logged) in [(50, false), (50, true), (500, false)] {
        let what = format!("{connections} connections in a loop{}", if logged { ", logged" } else { "" });
        if what.contains(chosen) {
            let settings = json!({ "first_token": "0s", "per_token": "0s", "tokens": 1 });
            let (addr, child) = endpoint(&settings, logged.then_some(&log));
            report(&what, client(ask_in_a_loop(addr, connections, Duration::from_secs(2))), child);
        }
    }
    let _ = std::fs::remove_file(log);
}

fn endpoint(settings: &Value, log: Option<&std::path::PathBuf>) -> (SocketAddr, Child) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["serve", &settings.to_string()]).args(log).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("a second process");
    let mut line = Vec::new();
    let output = child.stdout.as_mut().expect("piped");
    // Byte by byte, so that nothing of what comes later is swallowed.
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        output.read_exact(&mut byte).expect("an address");
        line.push(byte[0]);
    }
    (String::from_utf8_lossy(&line).trim().parse().expect("an address"), child)
}

fn report(what: &str, (seconds, client_s): (f64, f64), mut child: Child) {
    drop(child.stdin.take());
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a report");
    child.wait().expect("an end");
    let report: Value = serde_json::from_str(&line).expect("JSON");
    let number = |field: &str| report[field].as_f64().expect("a number");
    println!(
        "{what}: {:.0} writes/s; late by {:.0} µs (P50), {:.0} µs (P99), {:.0} µs (max); CPU a write {:.1} µs and {:.1} µs in the kernel; busy {:.0} %, the client {:.0} %",
        number("writes") / seconds,
        number("p50_us"),
        number("p99_us"),
        number("max_us"),
        number("user_s") * 1e6 / number("writes"),
        number("kernel_s") * 1e6 / number("writes"),
        (number("user_s") + number("kernel_s")) * 100.0 / seconds,
        client_s * 100.0 / seconds,
    );
}

/// Seconds that the work took, and of CPU that this process spent on it.
fn client(work: impl Future<Output = ()>) -> (f64, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cpu = || {
        let (user, kernel) = cpu_seconds();
        user + kernel
    };
    let (start, before) = (Instant::now(), cpu());
    runtime.block_on(work);
    (start.elapsed().as_secs_f64(), cpu() - before)
}

fn request(stream: bool) -> Vec<u8> {
    let body =
        json!({ "model": "m", "messages": [{ "role": "user", "content": "say hello" }], "stream": stream }).to_string();
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// The last bytes of a stream.
const END: &[u8] = b"\r\n0\r\n\r\n";

async fn read_streams(addr: SocketAddr, streams: usize) {
    let tasks: Vec<_> = (0..streams)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(addr).await.expect("a connection");
                stream.write_all(&request(true)).await.expect("a request");
                // Bytes of an earlier read stay in front, since the end may be split over two.
                let (mut buffer, mut kept) = ([0; 4_096], 0);
                loop {
                    let count = kept + stream.read(&mut buffer[kept..]).await.expect("bytes");
                    if count == kept || buffer[..count].ends_with(END) {
                        return;
                    }
                    kept = count.min(END.len());
                    buffer.copy_within(count - kept..count, 0);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a whole stream");
    }
}

async fn ask_in_a_loop(addr: SocketAddr, connections: usize, time: Duration) {
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(addr).await.expect("a connection");
                stream.set_nodelay(true).expect("an option");
                let (request, mut buffer) = (request(false), [0; 4_096]);
                while Instant::now() < end {
                    stream.write_all(&request).await.expect("a request");
                    // The endpoint answers in one write, which one read takes.
                    let count = stream.read(&mut buffer).await.expect("bytes");
                    assert!(buffer[..count].ends_with(b"}"), "a whole answer");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("an orderly end");
    }
}

fn pin(core: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: a zeroed set is an empty one, and it is passed with its size; 0 is this thread, whose children inherit it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}

/// Seconds of CPU in user mode and in the kernel.
fn cpu_seconds() -> (f64, f64) {
    #[cfg(unix)]
    {
        // SAFETY: a zeroed rusage is valid, and the call fills it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            usage
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        (seconds(usage.ru_utime), seconds(usage.ru_stime))
    }
    #[cfg(not(unix))]
    (0.0, 0.0)
}
