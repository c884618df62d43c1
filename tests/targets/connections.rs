//! `connections` and `http2`: when a user's connection is opened, how many at once, and what is spoken on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use hyper::Version;

use crate::authority::Authority;
use crate::ran::{Ran, column};
use crate::server::{Build, Event, Log, Server, hello};
use crate::support::{Folder, outcomes, scenario};

/// A TLS server that keeps the handshake of each connection waiting as `hold` says.
fn holding<F, W>(authority: &Authority, hold: F) -> Server
where
    F: Fn(usize, Log) -> W + Send + Sync + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let hold = Arc::new(move |connection, log| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(hold(connection, log))
    });
    Server::built(Build { tls: Some(authority.serving("127.0.0.1")), hold: Some(hold), ..Build::default() }, hello)
}

/// Runs so many users against it; its list of models is not asked for, so that connections can be counted.
fn against(server: &Server, authority: &Authority, users: usize, connections: &str) -> Ran {
    let folder = Folder::new();
    authority.file(&folder, "ca.pem");
    let target = format!("url = \"https://{}\"\nca_file = \"ca.pem\"\nconnections = \"{connections}\"", server.address);
    let text = scenario(&format!("users = [{users}]"), &target, "[preflight]\nmodels = false");
    Ran::within(folder, &text, &[], &[])
}

#[test]
fn warm_connections_all_stand_before_the_first_request_of_the_burst() {
    let authority = Authority::new("ours");
    // The last user's handshake begins late: were nobody waiting for it, the others' requests would be there before.
    let server = holding(&authority, |connection, _| async move {
        if connection == 21 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let ran = against(&server, &authority, 20, "warm").passed();
    let events = server.log.events();
    // The first request is pre-flight's. No connection stands before the server begins its handshake.
    let asked = |event: &Event| matches!(event, Event::Asked(_));
    let first = events.iter().position(asked).unwrap();
    let burst = first + 1 + events[first + 1..].iter().position(asked).unwrap();
    let begun = |events: &[Event]| events.iter().filter(|event| !asked(event)).count();
    assert_eq!((begun(&events[..first]), begun(&events[first..burst]), begun(&events[burst..])), (1, 20, 0));
    for row in ran.load() {
        assert!(!row["connect_ms"].is_empty() && !row["tls_ms"].is_empty());
    }
}

#[test]
fn each_round_opens_its_own_connections_and_each_user_has_one() {
    let server = Server::hello();
    let target = format!("url = \"{}\"", server.url());
    let rest = "[preflight]\nmodels = false\n[warmup]\nrequests = 2";
    let ran = Ran::target("users = [5]\nrepeat = 2", &target, rest).passed();
    let connections: BTreeSet<usize> = server.chats().iter().map(|asked| asked.connection).collect();
    assert_eq!((server.chats().len(), connections.len()), (13, 13), "pre-flight, 2 to warm up, 2 rounds of 5");
    assert_eq!(column(&ran.load(), "reused"), ["false"; 10]);
}

#[test]
fn a_cold_connection_is_opened_when_its_user_is_due() {
    // The second user's handshake waits for the first user's request: with warm connections nobody would ever send.
    let authority = Authority::new("ours");
    let server = holding(&authority, |connection, log| async move {
        while connection == 3 && log.chats().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let ran = against(&server, &authority, 2, "cold").passed();
    assert_eq!(outcomes(&ran.load()), [("ok".to_owned(), 2)].into());
    let manifest = ran.manifest();
    assert_eq!(manifest["cases"][0]["cold"], true);
    assert_eq!(manifest["cases"][0]["rounds"][0]["client"]["oldest_connection_ms"], serde_json::Value::Null);
    for row in ran.load() {
        let ms = |column: &str| row[column].parse::<f64>().unwrap();
        assert!(ms("tls_ms") <= ms("connect_ms") && ms("connect_ms") <= ms("sent_ms"), "{row:?}");
    }
}

#[test]
fn connections_are_opened_a_few_at_a_time() {
    // One thread a core opens them, 32 at once.
    let crews = std::thread::available_parallelism().unwrap().get().min(16);
    let users = crews * 32 + 64;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let authority = Authority::new("ours");
    let seen = most.clone();
    let server = holding(&authority, move |_, _| {
        let (now, most) = (now.clone(), most.clone());
        async move {
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
            now.fetch_sub(1, SeqCst);
        }
    });
    let ran = against(&server, &authority, users, "warm").passed();
    assert_eq!(outcomes(&ran.load()), [("ok".to_owned(), users)].into());
    assert!(seen.load(SeqCst) <= crews * 32, "{} at once", seen.load(SeqCst));
}

#[test]
fn the_age_of_the_oldest_connection_is_told_and_an_old_one_is_advice() {
    // Of two users' handshakes one is kept waiting for 3 s after the other's.
    let authority = Authority::new("ours");
    let server = holding(&authority, |connection, _| async move {
        if connection == 3 {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    });
    let ran = against(&server, &authority, 2, "warm").passed();
    let age = ran.manifest()["cases"][0]["rounds"][0]["client"]["oldest_connection_ms"].as_f64().unwrap();
    assert!(age > 2000.0, "{age}");
    for text in [&ran.done.out, &ran.file("summary.md")] {
        assert!(text.contains("at the start") && text.contains("the oldest "), "{text}");
        assert!(text.contains("old at the start: servers such as uvicorn close idle ones after 5 s"), "{text}");
    }
}

#[test]
fn a_warm_connection_that_does_not_stand_in_time_is_its_users_failure_alone() {
    let authority = Authority::new("ours");
    let server = holding(&authority, |connection, _| async move {
        if connection == 3 {
            std::future::pending::<()>().await;
        }
    });
    let folder = Folder::new();
    authority.file(&folder, "ca.pem");
    let target = format!("url = \"https://{}\"\nca_file = \"ca.pem\"", server.address);
    let text = scenario("users = [2]", &target, "[preflight]\nmodels = false\n[timeouts]\nconnect = \"4s\"")
        .replace("timeout = \"30s\"\n", "");
    let ran = Ran::within(folder, &text, &[], &[]);
    assert_eq!(ran.done.code, Some(1), "{}", ran.done.said());
    let expected = [("ok".to_owned(), 1), ("timeout_connect".to_owned(), 1)];
    assert_eq!(outcomes(&ran.load()), expected.into());
}

#[test]
fn http2_is_spoken_by_pre_flight_list_and_load_alike() {
    let server = Server::built(Build { http2: true, ..Build::default() }, hello);
    let target = format!("url = \"{}\"\nhttp2 = true\napi_key = \"a-key-of-ours\"", server.url());
    let ran = Ran::target("users = [3]", &target, "[request]\nstream = true").passed();
    let asked = server.log.asked();
    assert_eq!(asked.len(), 5, "a list, pre-flight and three users");
    for asked in &asked {
        assert_eq!((asked.version, asked.header("authorization")), (Version::HTTP_2, "Bearer a-key-of-ours"));
        let path = if asked.method == "GET" { "/v1/models" } else { "/v1/chat/completions" };
        assert_eq!(asked.target, format!("{}{path}", server.url()));
    }
    let connections: BTreeSet<usize> = server.chats().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections.len(), 4, "each user has a connection of its own");
    assert_eq!(ran.manifest()["targets"][0]["http2"], true);
}

#[test]
fn http2_over_tls_is_agreed_on_in_the_handshake() {
    let authority = Authority::new("ours");
    for (alpn, speaks) in [(&["h2"][..], true), (&["http/1.1"], false), (&[], false)] {
        let tls = Some(authority.server("127.0.0.1", (2020, 2999), alpn));
        let server = Server::built(Build { tls, http2: speaks, hold: None }, hello);
        let folder = Folder::new();
        authority.file(&folder, "ca.pem");
        let target = format!("url = \"https://{}\"\nhttp2 = true\nca_file = \"ca.pem\"", server.address);
        let ran = Ran::within(folder, &scenario("users = [2]", &target, ""), &[], &[]);
        if speaks {
            let ran = ran.passed();
            assert!(server.log.asked().iter().all(|asked| asked.version == Version::HTTP_2));
            assert_eq!((server.log.asked().len(), ran.notes()), (4, serde_json::json!([])));
        } else {
            let (what, sentence, hint) = ran.problem();
            assert_eq!((what, sentence), ("tls".into(), format!("{} does not offer HTTP/2", server.address)));
            assert!(hint.contains("http2"), "{hint}");
        }
    }
}

#[test]
fn http2_to_a_server_that_does_not_speak_it_says_so() {
    let server = Server::hello();
    let ran = Ran::target("users = [2]", &format!("url = \"{}\"\nhttp2 = true", server.url()), "");
    let (_, sentence, hint) = ran.problem();
    assert!(hint.contains("http2"), "{sentence}: {hint}");
}
