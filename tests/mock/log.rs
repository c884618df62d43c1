//! What the log says, and what can be proved with it: queues, pace, chance. Orders and instants of the log, never our clock.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;

use lamb_load::mock::{Handle, Settings, StartOptions, start};
use serde_json::{Value, json};

use crate::client::{answer, ask, connect, exchange, get, once};

/// An endpoint with a log.
struct Logged {
    endpoint: Handle,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Logged {
    fn new(settings: Value) -> Logged {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mock.jsonl");
        let options = StartOptions { log: Some(path.clone()), ..StartOptions::default() };
        let settings = Settings::from_json(settings).expect("right settings");
        let endpoint = start(settings, vec!["a".into()], &options).expect("an endpoint");
        Logged { endpoint, path, _folder: folder }
    }

    /// Sends a request on a connection of its own and does not wait for an answer.
    fn send(&self, model: &str) -> TcpStream {
        let mut stream = connect(self.endpoint.addr());
        stream.write_all(&ask(model, json!({}))).expect("the request goes out");
        stream
    }

    /// Ends the endpoint and reads its log.
    fn lines(self) -> Vec<Value> {
        self.endpoint.stop().expect("a whole log");
        let text = std::fs::read_to_string(&self.path).expect("a log");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn number(record: &Value, field: &str) -> u64 {
    record[field].as_u64().unwrap_or_else(|| panic!("no {field} in {record}"))
}

/// Nanoseconds from the beginning of service to each write's due.
fn dues(record: &Value) -> Vec<u64> {
    let writes = record["writes"].as_array().expect("writes");
    writes.iter().map(|write| write[0].as_u64().expect("due") - number(record, "service_ns")).collect()
}

#[test]
fn a_line_holds_the_story_of_a_request_in_order() {
    let logged = Logged::new(json!({ "first_token": "2ms", "per_token": "1ms", "tokens": 3 }));
    let mut stream = connect(logged.endpoint.addr());
    exchange(&mut stream, &get("/v1/models"));
    exchange(&mut stream, &ask("m", json!({ "stream": true })));
    let lines = logged.lines();
    assert_eq!(
        (&lines[0]["serial"], &lines[0]["path"], &lines[0]["request"]),
        (&json!(null), &json!("/v1/models"), &json!(1))
    );
    let record = &lines[1];
    let facts = [
        "serial",
        "connection",
        "request",
        "method",
        "model",
        "stream",
        "marker",
        "status",
        "tokens",
        "ended",
        "fault",
    ];
    let facts: Vec<&Value> = facts.iter().map(|field| &record[field]).collect();
    let wanted = json!([1, 1, 2, "POST", "m", true, "say hello (request 1)", 200, 3, "complete", null]);
    assert_eq!(json!(facts), wanted);
    let instants = ["accept_ns", "first_byte_ns", "read_ns", "service_ns"].map(|field| number(record, field));
    assert!(instants.is_sorted(), "{instants:?}");
    assert_eq!(dues(record), [0, 2_000_000, 3_000_000, 4_000_000, 5_000_000]);
    let mut last = number(record, "service_ns");
    for write in record["writes"].as_array().expect("writes") {
        let [due, begun, done] = [0, 1, 2].map(|index| write[index].as_u64().expect("an instant"));
        assert!(due <= begun && last <= begun && begun <= done, "a write before it was due: {write}");
        last = done;
    }
    assert_eq!(number(record, "end_ns"), last);
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_had_the_request_before_the_endpoint_read_it() {
    let logged = Logged::new(json!({ "first_token": "0s", "per_token": "0s" }));
    // The kernel begins to stamp a moment after it is asked to.
    for _ in 0..20 {
        once(logged.endpoint.addr(), &ask("m", json!({})));
    }
    let lines = logged.lines();
    let stamped: Vec<&Value> = lines.iter().filter(|line| line["first_byte_kernel_ns"].is_u64()).collect();
    assert!(!stamped.is_empty());
    assert!(stamped.iter().all(|line| number(line, "first_byte_kernel_ns") <= number(line, "first_byte_ns")));
}

#[test]
fn one_slot_serves_one_at_a_time_in_the_order_of_arrival() {
    let logged = Logged::new(json!({ "first_token": "1ms", "per_token": "0s", "tokens": 2, "slots": 1 }));
    let addr = logged.endpoint.addr();
    let clients: Vec<_> =
        (0..8).map(|n| std::thread::spawn(move || once(addr, &ask("m", json!({ "stream": n % 2 == 0 }))))).collect();
    clients.into_iter().for_each(|client| assert_eq!(client.join().expect("an answer").status, 200));
    let mut lines = logged.lines();
    lines.sort_by_key(|line| number(line, "service_ns"));
    let serials: Vec<u64> = lines.iter().map(|line| number(line, "serial")).collect();
    assert_eq!(serials, (1..=8).collect::<Vec<u64>>());
    for pair in lines.windows(2) {
        let (end, next) = (number(&pair[0], "end_ns"), number(&pair[1], "service_ns"));
        assert!(end <= next, "one began {} ns before the other had ended", end - next);
    }
}

#[test]
fn two_slots_serve_two_at_once_and_never_three() {
    let logged = Logged::new(json!({ "first_token": "0s", "per_token": "0s", "tokens": 1, "slots": 2 }));
    let mut clients: Vec<_> = ["fault.stall", "fault.stall", "m"].map(|model| logged.send(model)).into();
    // Once the third is seen to have left, all three were read; and the first two hold their slots for as long as they stay.
    clients[2].shutdown(Shutdown::Write).expect("a half-open connection");
    assert_eq!(clients[2].read(&mut [0]).expect("a proper end"), 0);
    let mut lines = logged.lines();
    lines.sort_by_key(|line| number(line, "serial"));
    let served: Vec<bool> = lines.iter().map(|line| line["service_ns"].is_u64()).collect();
    assert_eq!(served, [true, true, false]);
}

#[test]
fn a_client_that_leaves_the_queue_frees_its_place() {
    let logged = Logged::new(json!({ "first_token": "0s", "per_token": "0s", "tokens": 1, "slots": 1 }));
    // The first holds the slot for as long as it stays.
    let first = logged.send("fault.stall");
    let mut impatient = logged.send("impatient");
    impatient.shutdown(Shutdown::Write).expect("a half-open connection");
    assert_eq!(impatient.read(&mut [0]).expect("a proper end"), 0);
    let mut patient = logged.send("patient");
    drop(first);
    assert_eq!(answer(&mut patient).status, 200);
    let lines = logged.lines();
    let fates: Vec<_> =
        lines.iter().map(|line| (&line["model"], &line["ended"], line["service_ns"].is_u64())).collect();
    let wanted =
        [("impatient", "client_left", false), ("fault.stall", "client_left", true), ("patient", "complete", true)];
    assert_eq!(json!(fates), json!(wanted));
}

#[test]
fn the_same_seed_gives_the_same_latencies_tokens_faults_and_words() {
    let settings = json!({
        "first_token": { "lognormal": { "median": "300us", "sigma": 1.0 } },
        "per_token": { "bimodal": { "fast": "10us", "slow": "200us", "share": "30%" } },
        "tokens": { "min": 1, "max": 9 }, "seed": 42, "faults": { "status_429": "20%", "truncated": "20%" },
    });
    let run = |seed: u64| -> Vec<(Value, Vec<u64>, Value)> {
        let mut settings = settings.clone();
        settings["seed"] = json!(seed);
        let logged = Logged::new(settings);
        for _ in 0..40 {
            let mut stream = connect(logged.endpoint.addr());
            stream.write_all(&ask("m", json!({ "stream": true }))).expect("the request goes out");
            stream.shutdown(Shutdown::Write).expect("a half-open connection");
            std::io::copy(&mut stream, &mut std::io::sink()).expect("the end");
        }
        let mut lines = logged.lines();
        lines.sort_by_key(|line| number(line, "serial"));
        let served = |line: &Value| if line["service_ns"].is_u64() { dues(line) } else { Vec::new() };
        lines.iter().map(|line| (line["fault"].clone(), served(line), line["tokens"].clone())).collect()
    };
    let (first, again, other) = (run(42), run(42), run(43));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let faulty = first.iter().filter(|(fault, ..)| !fault.is_null()).count();
    assert!((8..=24).contains(&faulty), "{faulty} of 40 at 40 %");
}

#[test]
fn an_endpoint_that_ends_in_the_middle_still_logs_what_it_was_at() {
    let logged = Logged::new(json!({ "first_token": "0s", "per_token": "1h", "tokens": 2 }));
    let mut stream = connect(logged.endpoint.addr());
    stream.write_all(&ask("m", json!({ "stream": true }))).expect("the request goes out");
    let mut first = [0];
    stream.read_exact(&mut first).expect("a first byte");
    let lines = logged.lines();
    assert_eq!((&lines[0]["ended"], &lines[0]["status"]), (&json!("shutdown"), &json!(200)));
}

#[test]
fn lateness_counts_every_paced_write() {
    let logged = Logged::new(json!({ "first_token": "0s", "per_token": "0s", "tokens": 5 }));
    once(logged.endpoint.addr(), &ask("m", json!({ "stream": true })));
    once(logged.endpoint.addr(), &get("/v1/models"));
    once(logged.endpoint.addr(), &ask("fault.split_bytes", json!({})));
    let lateness = logged.endpoint.stop().expect("a whole log");
    // Head and role, five tokens, and the end; of an answer byte by byte the first; the list of models has no instant to keep.
    assert_eq!(lateness.writes, 8);
    assert!(lateness.p50 <= lateness.p99 && lateness.p99 <= lateness.max);
}
