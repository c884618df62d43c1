//! A key is in no file and in no line, whatever a server echoes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use base64::Engine;

use crate::support::{Folder, done, scenario};

const KEY: &str = "sk-a/very\"secret+key=0123456789";

/// A server that answers every request with everything it was told, in every spelling, and with this status.
fn echo(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, status));
        }
    });
    url
}

/// One request, one answer that holds the whole head of the request.
fn answer(mut stream: TcpStream, status: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    let base64 = base64::engine::general_purpose::STANDARD.encode(KEY);
    let percent: String = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let said = format!("you said {head} which is {base64} and {percent} and {KEY}");
    let body = serde_json::json!({
        "error": { "message": said },
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": said } }],
        "model": format!("model-{KEY}"),
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-request-id: {KEY}\r\nserver: {KEY}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()
}

/// Every spelling of the key.
fn spellings() -> Vec<String> {
    let json = serde_json::to_string(KEY).unwrap();
    let percent: String = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    vec![
        KEY.to_owned(),
        json.trim_matches('"').to_owned(),
        base64::engine::general_purpose::STANDARD.encode(KEY).trim_end_matches('=').to_owned(),
        percent,
        // A row of a CSV doubles its quotes.
        KEY.replace('"', "\"\""),
    ]
}

fn assert_clean(what: &str, text: &str) {
    for spelling in spellings() {
        assert!(!text.contains(&spelling), "{what} holds the key as {spelling}:\n{text}");
    }
}

/// Reads every file below a folder.
fn assert_clean_folder(folder: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        files += 1;
        if path.is_dir() {
            files += assert_clean_folder(&path);
        } else {
            assert_clean(&path.display().to_string(), &String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
    files
}

#[test]
fn a_key_from_the_environment_is_nowhere() {
    for status in ["401 Unauthorized", "500 Oops", "200 OK"] {
        for preflight in ["", "[preflight]\nrequests = 0"] {
            let folder = Folder::new();
            let target = format!("url = \"{}\"\napi_key = \"${{LAMB_API_KEY}}\"", echo(status));
            folder.write("s.toml", &scenario("users = [3]", &target, preflight));
            let done = done(folder.command(&["run", "s.toml", "-v"]).env("LAMB_API_KEY", KEY));
            assert_ne!(done.code, Some(0), "an error in a 200 is no answer: {}", done.said());
            assert_clean(&format!("stdout of {status}"), &done.out);
            assert_clean(&format!("stderr of {status}"), &done.err);
            assert!(assert_clean_folder(&folder.path().join("results")) >= 4);
        }
    }
}

#[test]
fn a_key_in_a_header_is_nowhere() {
    let folder = Folder::new();
    let target = format!("url = \"{}\"\nheaders = {{ \"x-api-key\" = \"${{LAMB_API_KEY}}\" }}", echo("403 Forbidden"));
    folder.write("s.toml", &scenario("users = [3]", &target, "[preflight]\nrequests = 0"));
    let done = done(folder.command(&["run", "s.toml"]).env("LAMB_API_KEY", KEY));
    assert_eq!(done.code, Some(1), "{}", done.said());
    assert_clean("what was said", &done.said());
    assert_clean_folder(&folder.path().join("results"));
}

#[test]
fn a_key_on_the_command_line_is_nowhere() {
    let folder = Folder::new();
    let url = echo("401 Unauthorized");
    let done = folder.run(&["burst", "--url", &url, "--api-key", KEY, "--users", "2"]);
    assert_eq!(done.code, Some(3), "{}", done.said());
    assert_clean("what was said", &done.said());
    assert_clean_folder(&folder.path().join("results"));
    let shown = folder.run(&["burst", "--url", &url, "--api-key", KEY, "--users", "2", "--print-scenario"]);
    assert_eq!(shown.code, Some(0), "{}", shown.said());
    assert_clean("the scenario of the flags", &shown.said());
}

#[test]
fn a_key_is_not_shown_by_help_check_or_origin() {
    let folder = Folder::new();
    let target = "url = \"http://127.0.0.1:1\"\napi_key = \"${LAMB_API_KEY}\"";
    folder.write("s.toml", &scenario("users = [3]", target, ""));
    for arguments in [
        &["check", "s.toml"][..],
        &["check", "s.toml", "--origin"],
        &["run", "s.toml", "--dry-run"],
        &["run", "s.toml", "--print-scenario"],
        &["burst", "--help"],
        &["models", "s.toml"],
    ] {
        let done = done(folder.command(arguments).env("LAMB_API_KEY", KEY));
        assert_clean(&format!("{arguments:?}"), &done.said());
    }
}
