//! `resolve`: a name that is sent to an address of our own choosing, by everything that sends.

use crate::authority::Authority;
use crate::ran::{Ran, column};
use crate::server::{Build, Server, hello};
use crate::support::{Folder, scenario};

/// A run against a url whose place is this server's; whom it was said to be meant for.
fn hosts(url: &str, place: &str, server: &Server, more: &str) -> Vec<String> {
    let target = format!("url = \"{url}\"\nresolve = {{ \"{place}\" = \"{}\" }}\n{more}", server.address);
    let ran = Ran::target("users = [2]", &target, "").passed();
    assert_eq!(column(&ran.rows(), "remote_addr"), vec![server.address.to_string(); 3], "{url}");
    assert_eq!(ran.notes(), serde_json::json!([]), "{url}: the list was asked for there too");
    let asked = server.log.asked();
    let methods: Vec<&str> = asked.iter().map(|asked| asked.method.as_str()).collect();
    assert_eq!(methods, ["GET", "POST", "POST", "POST"], "{url}");
    asked.iter().map(|asked| asked.header("host").to_owned()).collect()
}

#[test]
fn a_name_with_and_without_a_port_goes_to_the_address_and_keeps_its_own_name() {
    for (url, place, host) in [
        ("http://lamb.example.invalid:9099", "lamb.example.invalid:9099", "lamb.example.invalid:9099"),
        ("http://lamb.example.invalid", "lamb.example.invalid:80", "lamb.example.invalid"),
        ("http://Lamb.Example.invalid:9099/v1", "LAMB.example.invalid:9099", "lamb.example.invalid:9099"),
        ("http://192.0.2.7:9099", "192.0.2.7:9099", "192.0.2.7:9099"),
        ("http://[2001:db8::7]:9099", "[2001:db8::7]:9099", "[2001:db8::7]:9099"),
    ] {
        let server = Server::hello();
        assert_eq!(hosts(url, place, &server, ""), [host; 4]);
    }
}

#[test]
fn a_certificate_must_bear_the_name_and_not_the_address() {
    let ours = Authority::new("ours");
    for (url, place) in [("https://lamb.test", "lamb.test:443"), ("https://lamb.test:8443", "lamb.test:8443")] {
        let server = Server::built(Build { tls: Some(ours.serving("lamb.test")), ..Build::default() }, hello);
        let folder = Folder::new();
        ours.file(&folder, "ca.pem");
        let resolve = format!("resolve = {{ \"{place}\" = \"{}\" }}", server.address);
        let target = format!("url = \"{url}\"\nca_file = \"ca.pem\"\n{resolve}");
        let ran = Ran::within(folder, &scenario("users = [2]", &target, ""), &[], &[]).passed();
        assert_eq!((server.log.asked().len(), ran.notes()), (4, serde_json::json!([])));
        let hosts: Vec<String> = server.log.asked().iter().map(|asked| asked.header("host").to_owned()).collect();
        assert_eq!(hosts, [url.trim_start_matches("https://"); 4]);
    }
}

#[test]
fn the_verb_that_lists_models_goes_there_too() {
    let server = Server::hello();
    let folder = Folder::new();
    let resolve = format!("resolve = {{ \"lamb.example.invalid:9099\" = \"{}\" }}", server.address);
    let target = format!("url = \"http://lamb.example.invalid:9099\"\n{resolve}");
    folder.write("s.toml", &scenario("users = [2]", &target, ""));
    let done = folder.run(&["models", "s.toml"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(done.out.contains("1 model"), "{}", done.out);
    assert_eq!(server.log.asked().len(), 1);
}

#[test]
fn another_name_or_port_is_not_sent_there() {
    let server = Server::hello();
    let elsewhere = format!("resolve = {{ \"lamb.example.invalid:9100\" = \"{}\" }}", server.address);
    let target = format!("url = \"http://lamb.example.invalid:9099\"\n{elsewhere}");
    let ran = Ran::target("users = [2]", &target, "");
    let (what, sentence, _) = ran.problem();
    assert_eq!((what.as_str(), sentence.as_str()), ("name", "the name lamb.example.invalid is not known"));
    assert!(ran.done.err.contains("nothing is sent to this name"), "{}", ran.done.err);
    assert!(server.log.events().is_empty());
}

#[test]
fn the_address_that_answered_is_the_one_for_the_whole_run() {
    // Two addresses stand for localhost on many machines; the server has one of them.
    let server = Server::hello();
    let target = format!("url = \"http://localhost:{}\"", server.address.port());
    let ran = Ran::target("users = [3]", &target, "").passed();
    assert_eq!(ran.manifest()["targets"][0]["addresses"], serde_json::json!([server.address.to_string()]));
    assert_eq!(column(&ran.rows(), "remote_addr"), vec![server.address.to_string(); 4]);
    assert_eq!(column(&ran.load(), "dns_ms"), ["", "", ""], "the name is not asked for again");
    assert!(!ran.rows()[0]["dns_ms"].is_empty());
}
