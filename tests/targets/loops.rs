//! `[closed]`: users who ask again, each on a connection of its own, which is kept while the server keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::ran::{Ran, column};
use crate::server::{Server, hello};
use crate::support::outcomes;

const ONLY_LOAD: &str = "[preflight]\nrequests = 0\n";

fn looped(top: &str, url: &str, closed: &str) -> Ran {
    Ran::target(top, &format!("url = \"{url}\""), &format!("{ONLY_LOAD}[closed]\n{closed}"))
}

/// Answers one request of each connection and then closes it, without having said so.
fn forgetful() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut request = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if request.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    request.read_exact(&mut vec![0; length])?;
    stream.write_all(ANSWER.as_bytes())
}

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 87\r\n\r\n\
    {\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"Hello there.\"},\"finish_reason\":\"stop\"}]}";

#[test]
fn every_user_keeps_its_connection_and_the_requests_are_as_many_as_were_asked_for() {
    let server = Server::hello();
    let ran = looped("users = [5]\nrepeat = 2", &server.url(), "requests = 100").passed();
    let load = ran.load();
    let mut of_connection: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for asked in server.chats() {
        of_connection.entry(asked.connection).or_default().insert(asked.said().to_owned());
    }
    assert_eq!(of_connection.len(), 10, "two rounds of five");
    assert_eq!(of_connection.values().flatten().count(), 200, "every message is another");
    assert_eq!(server.chats().iter().filter(|asked| asked.said().ends_with("(request 200)")).count(), 1);
    for round in ["1", "2"] {
        let rows: Vec<_> = load.iter().filter(|row| row["round"] == round).collect();
        let numbers: BTreeSet<u64> = rows.iter().map(|row| row["request"].parse().unwrap()).collect();
        assert_eq!(numbers, (1..=100).collect());
        let mut turns: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        rows.iter().for_each(|row| turns.entry(&row["user"]).or_default().push(row["turn"].parse().unwrap()));
        assert_eq!(turns.len(), 5);
        assert!(turns.values_mut().all(|turns| turns.is_sorted() && turns.last() == Some(&(turns.len() as u32))));
        for row in rows {
            let first = row["turn"] == "1";
            assert_eq!((row["reused"] == "true", row["connect_ms"].is_empty()), (!first, !first), "{row:?}");
        }
    }
    assert_eq!(column(&load, "case")[0], "t/m/all/closed-5");
}

#[test]
fn a_loop_by_time_begins_nothing_after_it_and_what_users_think_is_theirs() {
    let server = Server::hello();
    let ran = looped("users = [3]", &server.url(), "duration = \"600ms\"\nthink_time = \"50ms..60ms\"").passed();
    let load = ran.load();
    let ms = |row: &crate::support::Row, name: &str| row[name].parse::<f64>().unwrap();
    assert!(load.iter().all(|row| ms(row, "due_ms") < 600.0));
    assert!((3..=3 * 13).contains(&load.len()), "{}", load.len());
    let mut ends: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &load {
        if let Some(end) = ends.insert(&row["user"], ms(row, "end_ms")) {
            let thought = ms(row, "due_ms") - end;
            assert!((49.999..60.001).contains(&thought), "{thought}");
        }
    }
}

#[test]
fn a_connection_that_the_server_closed_meanwhile_is_opened_anew_in_time() {
    let address = forgetful();
    let ran = looped("users = [2]", &format!("http://{address}"), "requests = 8\nthink_time = \"100ms\"").passed();
    let load = ran.load();
    assert_eq!(outcomes(&load), [("ok".to_owned(), 8)].into());
    assert!(load.iter().all(|row| row["reused"] == "false" && !row["connect_ms"].is_empty()));
    let client = ran.manifest()["cases"][0]["rounds"][0]["client"].clone();
    assert_eq!((&client["reconnected"], &client["stale_replaced"]), (&6.into(), &0.into()));
    assert!(ran.done.out.contains("6 times the server closed a connection after an answer"), "{}", ran.done.out);
}

#[test]
fn with_cold_connections_every_request_opens_its_own() {
    let server = Server::hello();
    let target = format!("url = \"{}\"\nconnections = \"cold\"", server.url());
    let ran = Ran::target("users = [2]", &target, &format!("{ONLY_LOAD}[closed]\nrequests = 6")).passed();
    let connections: BTreeSet<usize> = server.chats().iter().map(|asked| asked.connection).collect();
    assert_eq!((connections.len(), column(&ran.load(), "reused")), (6, vec!["false"; 6]));
}

#[test]
fn failures_do_not_end_a_loop() {
    let server = Server::answering(|asked| {
        if asked.said().ends_with("1)") { (500, "text/plain", "no".to_owned()) } else { hello(asked) }
    });
    let ran = looped("users = [2]", &server.url(), "requests = 40");
    let load = ran.load();
    assert_eq!(outcomes(&load), [("http_error".to_owned(), 4), ("ok".to_owned(), 36)].into());
    assert_eq!(column(&load, "reused").iter().filter(|cell| **cell == "false").count(), 2);
}
