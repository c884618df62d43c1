//! Every fault's bytes, streamed and not, as a client that shares nothing with the endpoint reads them: one golden file.

use std::io::{Read, Write};
use std::net::Shutdown;

use lamb_load::mock::{Settings, StartOptions, faults, start};
use serde_json::{Value, json};

use crate::client::{ask, connect};

/// As much as is read of an answer that has no end.
const ENOUGH: usize = 4_096;

#[test]
fn every_fault_sends_the_bytes_that_it_is_known_for() {
    let honest = play("honest", false);
    let mut all = format!("## honest\nstreamed: {}\nplain: {honest}\n", play("honest", true));
    for (name, sentence) in faults() {
        let model = format!("fault.{name}");
        let (streamed, plain) = (play(&model, true), play(&model, false));
        let plain = if without_length(&plain) == without_length(&honest) { "as honest\n" } else { &plain };
        all += &format!("## {name}: {sentence}\nstreamed: {streamed}\nplain: {plain}\n");
    }
    insta::assert_snapshot!(all);
}

fn without_length(text: &str) -> String {
    text.lines().filter(|line| !line.contains("content-length: ")).collect()
}

/// The bytes that a model sends, and what the log says of them.
fn play(model: &str, stream: bool) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("mock.jsonl");
    // No time passes: every pause is multiplied by nothing.
    let settings = Settings::from_json(json!({ "tokens": 3, "time_scale": 0.0 })).expect("right settings");
    let options = StartOptions { log: Some(log.clone()), ..StartOptions::default() };
    let endpoint = start(settings, vec!["a".into(), "b".into()], &options).expect("an endpoint");
    let more = if stream { json!({ "stream": true, "stream_options": { "include_usage": true } }) } else { json!({}) };
    let endless = model.starts_with("fault.endless");
    let mut client = connect(endpoint.addr());
    client.write_all(&ask(model, more)).expect("the request goes out");
    if !endless {
        // This side says that it is done: the endpoint closes as soon as it has played.
        // A reset may have been faster, and then nothing is left to close.
        let _ = client.shutdown(Shutdown::Write);
    }
    let (bytes, ended) = read(client, endless);
    endpoint.stop().expect("a whole log");
    let line = std::fs::read_to_string(&log).expect("a log");
    let record: Value = serde_json::from_str(line.trim_end()).expect("one line of JSON");
    assert_eq!(record["fault"].as_str(), model.strip_prefix("fault."));
    let field = |name: &str| record[name].to_string();
    let log = if endless {
        // Whether it noticed that this side has left is a race with its end.
        format!("log: status {}, {} tokens", field("status"), field("tokens"))
    } else {
        assert_eq!(field("bytes"), bytes.len().to_string());
        let (ended, status) = (field("ended"), field("status"));
        format!("log: {ended}, status {status}, {} tokens, {} writes", field("tokens"), field("writes_total"))
    };
    format!("[{ended}; {log}]\n{}", shown(model, &bytes))
}

fn read(mut client: std::net::TcpStream, endless: bool) -> (Vec<u8>, &'static str) {
    let (mut bytes, mut part) = (Vec::new(), [0; 65_536]);
    loop {
        match client.read(&mut part) {
            Ok(0) => return (bytes, "closed"),
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return (bytes, "reset"),
            Err(error) => panic!("{error}"),
        }
        if endless && bytes.len() > ENOUGH {
            bytes.truncate(ENOUGH);
            return (bytes, "goes on");
        }
    }
}

/// Bytes as lines that a person can read: what is the same in every answer is shortened to `…`, long runs are cut.
fn shown(model: &str, bytes: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    hide_checksum(&mut bytes);
    let text = bytes.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'");
    let mut text = text.replace("\\r\\n", "\\r\\n\n").replace("\\n\\n", "\\n\\n\n");
    while let Some(start) = text.find("\"created\":1") {
        let end = start + text[start..].find(',').expect("more fields");
        text.replace_range(start..end, "\"created\":0");
    }
    let model = format!("\"model\":\"{model}\",\"system_fingerprint\":\"fp_44709d6fcb\",");
    for object in ["chat.completion.chunk", "chat.completion"] {
        let usual = format!("{{\"id\":\"chatcmpl-8f0a6837389a34a6\",\"object\":\"{object}\",\"created\":0,{model}");
        text = text.replace(&usual, "{…");
    }
    let usual = ["openai-version: ", "server: cloudflare", "x-request-id: req_", "openai-processing-ms: "];
    let lines: Vec<&str> = text.lines().filter(|line| !usual.iter().any(|start| line.starts_with(start))).collect();
    let shortened = |line: &&str| match line.char_indices().nth(700) {
        Some((cut, _)) => format!("    {} … {} more\n", &line[..80], line.len() - cut),
        None => format!("    {line}\n"),
    };
    if lines.len() > 60 {
        let first: String = lines[..12].iter().map(shortened).collect();
        return format!("{first}    … {} more lines\n", lines.len() - 12);
    }
    lines.iter().map(shortened).collect()
}

/// The checksum of a compressed body covers the second in which it was made.
fn hide_checksum(bytes: &mut [u8]) {
    let last_block = b"\x01\x00\x00\xff\xff";
    if let Some(at) = bytes.windows(5).position(|window| window == last_block) {
        bytes[at + 5..at + 9].copy_from_slice(b"CRC-");
    }
}
