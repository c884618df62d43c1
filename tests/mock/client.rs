//! A client that shares nothing with ours: raw sockets, blocking reads, every byte as it came.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// A connection that never waits longer than a minute: a test that would hang fails instead.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the endpoint listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// A chat completion's bytes; `more` goes into its body.
pub(crate) fn ask(model: &str, more: Value) -> Vec<u8> {
    let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": "say hello (request 1)" }] });
    for (key, value) in more.as_object().expect("an object") {
        body[key] = value.clone();
    }
    post("/v1/chat/completions", "", &body.to_string())
}

/// A POST with these extra header lines.
pub(crate) fn post(path: &str, lines: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: mock\r\n{lines}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A GET.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: mock\r\n\r\n").into_bytes()
}

/// What one request on a connection of its own brings until the server closes it: text, and whether it was reset.
pub(crate) fn until_close(addr: SocketAddr, request: &[u8]) -> (String, bool) {
    let mut stream = connect(addr);
    stream.write_all(request).expect("the request goes out");
    let (mut bytes, mut part) = (Vec::new(), [0; 65_536]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => return (lossy(&bytes), false),
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return (lossy(&bytes), true),
            Err(error) => panic!("after {:?}: {error}", lossy(&bytes)),
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One answer, framed as its head says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With a `\r\n` before each line.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.split("\r\n").find(|line| line.starts_with(&format!("{name}: ")))?;
        Some(&line[name.len() + 2..])
    }

    /// The data of each event, as one that is split at blank lines.
    pub(crate) fn events(&self) -> Vec<&str> {
        let events = self.body.split("\n\n").filter(|event| !event.is_empty());
        events.map(|event| event.strip_prefix("data: ").unwrap_or_else(|| panic!("no data: {event:?}"))).collect()
    }
}

/// Sends a request on this connection and reads one answer.
pub(crate) fn exchange(stream: &mut TcpStream, request: &[u8]) -> Answer {
    stream.write_all(request).expect("the request goes out");
    answer(stream)
}

/// Sends a request on a connection of its own and reads one answer.
pub(crate) fn once(addr: SocketAddr, request: &[u8]) -> Answer {
    exchange(&mut connect(addr), request)
}

/// Reads one answer: by length, by chunks, or to the end.
pub(crate) fn answer(stream: &mut TcpStream) -> Answer {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(byte(stream) as char);
    }
    let status = head[9..12].parse().expect("a status");
    let mut answer = Answer { status, head, body: String::new() };
    let mut body = Vec::new();
    if let Some(length) = answer.header("content-length") {
        body.resize(length.parse().expect("a length"), 0);
        stream.read_exact(&mut body).expect("a whole body");
    } else if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            while !line.ends_with("\r\n") {
                line.push(byte(stream) as char);
            }
            let mut chunk = vec![0; usize::from_str_radix(line.trim_end(), 16).expect("a chunk's size") + 2];
            stream.read_exact(&mut chunk).expect("a whole chunk");
            assert!(chunk.ends_with(b"\r\n"), "a chunk ends with its line");
            if chunk.len() == 2 {
                break;
            }
            body.extend_from_slice(&chunk[..chunk.len() - 2]);
        }
    } else {
        stream.read_to_end(&mut body).expect("the end");
    }
    answer.body = String::from_utf8(body).expect("UTF-8");
    answer
}

fn byte(stream: &mut TcpStream) -> u8 {
    let mut byte = [0];
    stream.read_exact(&mut byte).expect("another byte");
    byte[0]
}
