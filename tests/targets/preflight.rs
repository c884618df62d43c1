//! Pre-flight: each broken link of the chain has a sentence and a hint of its own, exit 3, and no load.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::ran::{Ran, column};
use crate::server::{Answer, Server, listing, saying};

/// A server that lists these models and answers every chat request so.
fn server(models: &'static [&'static str], answer: (u16, &'static str, &'static str)) -> Server {
    Server::answering(move |asked| -> Answer {
        match asked.method.as_str() {
            "GET" => listing(models),
            _ => (answer.0, answer.1, answer.2.to_owned()),
        }
    })
}

const JSON: &str = "application/json";

#[test]
fn what_a_server_says_no_with_names_the_link_that_is_broken() {
    let table = [
        (
            &["m"][..],
            (401, JSON, r#"{"error":{"message":"Incorrect API key"}}"#),
            "key",
            "HTTP 401: Incorrect API key",
            "`api_key`",
        ),
        (&["m"], (403, JSON, r#"{"detail":"Forbidden"}"#), "key", "HTTP 403: Forbidden", "`api_key`"),
        (
            &["n"],
            (404, JSON, r#"{"error":{"message":"no model m"}}"#),
            "model",
            "HTTP 404: no model m",
            "does not list m",
        ),
        (&["n"], (422, JSON, r#"{"detail":"Traceback"}"#), "model", "HTTP 422: Traceback", "`lamb-load models`"),
        (&["m"], (404, JSON, r#"{"detail":"Not Found"}"#), "model", "HTTP 404: Not Found", "/v1/chat/completions"),
        (
            &["m"],
            (400, JSON, r#"{"error":{"message":"bad temperature"}}"#),
            "body",
            "HTTP 400: bad temperature",
            "[request]",
        ),
        (&["m"], (413, JSON, "{}"), "body", "HTTP 413", "prompt"),
        (&["m"], (500, "text/plain", "oops"), "answer", "HTTP 500: oops", "log"),
        (&["m"], (503, "text/html", "<h1>busy</h1>"), "answer", "HTTP 503", "proxy in front"),
        (&["m"], (429, JSON, "{}"), "answer", "rate_limited: HTTP 429", "fewer users"),
        (
            &["m"],
            (200, "text/html", "<!DOCTYPE html><title>LAMB</title>"),
            "answer",
            "malformed: HTML where an answer was due",
            "web page",
        ),
        (&["m"], (200, JSON, r#"{"status":"ok"}"#), "answer", "malformed", "does `url` lead to the API"),
        (
            &["m"],
            (200, JSON, r#"{"error":{"message":"upstream is down"}}"#),
            "answer",
            "error_in_body: upstream is down",
            "log",
        ),
    ];
    for (models, answer, what, sentence, hint) in table {
        let server = server(models, answer);
        let target = format!("url = \"{}\"\napi_key = \"a-key-of-ours\"", server.url());
        let ran = Ran::target("users = [3]", &target, "");
        let (found, told, advised) = ran.problem();
        assert_eq!(found, what, "{told}");
        assert!(told.starts_with(sentence), "{told}");
        assert!(advised.contains(hint), "{told}: {advised}");
        assert_eq!(server.chats().len(), 1, "one request, and no load");
        assert_eq!(column(&ran.rows(), "phase"), ["preflight"]);
        assert!(
            ran.done.out.contains(&format!("pre-flight t / m: FAILED: {told}\n  hint: {advised}\n")),
            "{}",
            ran.done.out
        );
    }
}

#[test]
fn a_redirect_is_not_followed_and_says_where_it_leads() {
    let answer = |listener: &TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        let head = "HTTP/1.1 307 Temporary Redirect\r\nlocation: https://elsewhere.example/v1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
    };
    let address = raw(answer);
    let ran = Ran::target("users = [3]", &format!("url = \"http://{address}\""), "[preflight]\nmodels = false");
    let (what, sentence, hint) = ran.problem();
    assert_eq!((what.as_str(), sentence.as_str()), ("answer", "HTTP 307, to https://elsewhere.example/v1"));
    assert!(hint.contains("redirects are not followed"), "{hint}");
}

/// A whole chat request, so that what follows resets nothing.
fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        let mut more = [0; 4096];
        match stream.read(&mut more) {
            Ok(read @ 1..) => request.extend_from_slice(&more[..read]),
            _ => return,
        }
    }
}

/// A server that does with each connection as it is told.
fn raw(serve: impl Fn(&TcpListener) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        loop {
            serve(&listener);
        }
    });
    address
}

#[test]
fn a_connection_that_is_cut_is_told_as_that() {
    let cut = |listener: &TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
    };
    let half = |listener: &TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{").unwrap();
    };
    for (address, what, said) in
        [(raw(cut), "connection", "ended the connection without an answer"), (raw(half), "answer", "truncated: ")]
    {
        let ran = Ran::target("users = [3]", &format!("url = \"http://{address}\""), "[preflight]\nmodels = false");
        let (found, sentence, hint) = ran.problem();
        assert_eq!(found, what, "{sentence}");
        assert!(sentence.contains(said) && hint.contains("look for"), "{sentence}: {hint}");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_so_long_and_no_longer() {
    let held: std::sync::Mutex<Vec<TcpStream>> = std::sync::Mutex::default();
    let address = raw(move |listener| held.lock().unwrap().push(listener.accept().unwrap().0));
    let rest = "[preflight]\nmodels = false\n[timeouts]\nconnect = \"300ms\"\ntotal = \"400ms\"";
    let with = |url: String| {
        let text = crate::support::scenario("users = [3]", &format!("url = \"{url}\""), rest);
        Ran::within(crate::support::Folder::new(), &text.replace("timeout = \"30s\"\n", ""), &[], &[])
    };
    let (what, sentence, hint) = with(format!("https://{address}")).problem();
    assert_eq!(
        (what.as_str(), sentence),
        ("connection", format!("{address} did not complete a TLS handshake within 0.3 s"))
    );
    assert!(hint.contains("timeouts.connect"), "{hint}");
    let (what, sentence, hint) = with(format!("http://{address}")).problem();
    assert_eq!(
        (what.as_str(), sentence.as_str()),
        ("answer", "timeout_total: no complete answer within 0.4 s, no answer at all")
    );
    assert!(hint.contains("timeout"), "{hint}");
}

#[test]
fn what_is_not_http_is_told_as_that() {
    let address = raw(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").unwrap();
    });
    let ran = Ran::target("users = [3]", &format!("url = \"http://{address}\""), "[preflight]\nmodels = false");
    let (what, sentence, hint) = ran.problem();
    assert_eq!(what, "answer", "{sentence}");
    assert!(sentence.contains("not HTTP") && !hint.is_empty(), "{sentence}: {hint}");
}

#[test]
fn another_model_than_was_demanded_is_a_problem_of_the_model() {
    let server = Server::answering(|asked| {
        let (status, kind, body) = saying("Hello.", asked);
        (status, kind, body.replace("\"model\":\"m\"", "\"model\":\"the-default\""))
    });
    let target = format!("url = \"{}\"", server.url());
    let (what, sentence, hint) = Ran::target("users = [3]", &target, "[answer]\nmodel = \"m\"").problem();
    assert_eq!(what, "model");
    assert!(sentence.contains("the-default") && hint.contains("fell back"), "{sentence}: {hint}");
    // Without the demand it is a note.
    let ran = Ran::target("users = [3]", &target, "").passed();
    assert_eq!(ran.notes(), serde_json::json!(["m is answered by the-default"]));
}

#[test]
fn a_model_that_fails_leaves_the_other_models_their_load() {
    let server = Server::answering(|asked| match asked.body["model"] == "bad" {
        true => (404, JSON, r#"{"error":{"message":"no model bad"}}"#.to_owned()),
        false => saying("Hello.", asked),
    });
    let text = crate::support::scenario("users = [1, 2]", &format!("url = \"{}\"", server.url()), "");
    let text = text.replace("[\"m\"]", "[\"bad\", \"m\"]");
    let ran = Ran::within(crate::support::Folder::new(), &text, &[], &[]);
    assert_eq!(ran.done.code, Some(3), "{}", ran.done.said());
    assert_eq!(column(&ran.load(), "model"), ["m", "m", "m"]);
    assert_eq!(
        server.chats().iter().filter(|asked| asked.body["model"] == "bad").count(),
        1,
        "asked once for both cases"
    );
}

#[test]
fn a_further_request_that_fails_fails_pre_flight() {
    let served = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::answering(move |asked| match asked.method.as_str() {
        "POST" if served.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 => {
            (500, "text/plain", "second".to_owned())
        }
        _ => saying("Hello.", asked),
    });
    let target = format!("url = \"{}\"", server.url());
    let ran = Ran::target("users = [3]", &target, "[preflight]\nrequests = 4");
    let (what, sentence, _) = ran.problem();
    assert_eq!((what.as_str(), sentence.as_str()), ("answer", "HTTP 500: second"));
    assert_eq!(column(&ran.rows(), "outcome"), ["ok", "http_error"], "the first that fails is the last");
}
