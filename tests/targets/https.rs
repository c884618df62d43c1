//! `https://`, `ca_file`, `insecure`: whom to trust, and a sentence for each way in which trust fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::authority::Authority;
use crate::ran::{Ran, column};
use crate::server::{Build, Server, hello};
use crate::support::{Folder, scenario};

fn tls(config: Arc<rustls::ServerConfig>) -> Server {
    Server::built(Build { tls: Some(config), ..Build::default() }, hello)
}

/// Runs against `https://lamb.test:<port>`, which is this address; trusting this authority, and what else is said.
fn https(server: &Server, trusted: &Authority, more: &str) -> Ran {
    let folder = Folder::new();
    trusted.file(&folder, "ca.pem");
    let port = server.address.port();
    let resolve = format!("resolve = {{ \"lamb.test:{port}\" = \"{}\" }}", server.address);
    let target = format!("url = \"https://lamb.test:{port}\"\n{resolve}\n{more}");
    Ran::within(folder, &scenario("users = [2]", &target, ""), &[], &[])
}

#[test]
fn an_authority_of_ones_own_is_trusted_by_list_pre_flight_and_load() {
    let ours = Authority::new("ours");
    let server = tls(ours.serving("lamb.test"));
    let ran = https(&server, &ours, "ca_file = \"ca.pem\"").passed();
    let methods: Vec<String> = server.log.asked().into_iter().map(|asked| asked.method).collect();
    assert_eq!(methods, ["GET", "POST", "POST", "POST"]);
    for asked in server.log.asked() {
        assert_eq!(asked.header("host"), format!("lamb.test:{}", server.address.port()));
    }
    assert_eq!(ran.notes(), serde_json::json!([]));
    assert!(ran.load().iter().all(|row| !row["tls_ms"].is_empty()));
    // The file is found again from the run's folder.
    let again = ran.folder.run(&["run", ran.path().join("scenario.toml").to_str().unwrap(), "--dry-run"]);
    assert_eq!(again.code, Some(0), "{}", again.said());
}

#[test]
fn insecure_trusts_anybody_and_the_run_says_so() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for config in [theirs.serving("lamb.test"), ours.serving("other.test"), ours.server("lamb.test", (2001, 2002), &[])]
    {
        let server = tls(config);
        let ran = https(&server, &ours, "insecure = true").passed();
        assert_eq!((server.log.asked().len(), &ran.manifest()["targets"][0]["insecure"]), (4, &true.into()));
        assert_eq!(column(&ran.load(), "outcome"), ["ok", "ok"]);
    }
}

#[test]
fn each_way_not_to_be_trusted_has_its_sentence() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let table = [
        (
            theirs.serving("lamb.test"),
            "the certificate of AT is signed by an authority that this machine does not trust",
            "ca_file",
        ),
        (ours.serving("other.test"), "the certificate of AT is for other.test, not for lamb.test", "resolve"),
        (ours.server("lamb.test", (2001, 2002), &[]), "the certificate of AT has expired", "renew"),
        (ours.server("lamb.test", (2200, 2201), &[]), "the certificate of AT is not valid yet", "clock"),
    ];
    let mut hints = BTreeSet::new();
    for (config, expected, part) in table {
        let server = tls(config);
        let ran = https(&server, &ours, "ca_file = \"ca.pem\"");
        let (what, sentence, hint) = ran.problem();
        let at = format!("lamb.test:{}", server.address.port());
        assert_eq!((what.as_str(), sentence), ("tls", expected.replace("AT", &at)));
        assert!(hint.contains(part) && hints.insert(hint.clone()), "{hint}");
        assert_eq!(column(&ran.rows(), "outcome"), ["tls_failed"]);
        assert!(server.log.asked().is_empty(), "nothing is said to somebody who is not trusted");
    }
}

#[test]
fn without_ca_file_the_platform_alone_is_trusted() {
    let ours = Authority::new("ours");
    let server = tls(ours.serving("lamb.test"));
    let (what, sentence, _) = https(&server, &ours, "").problem();
    assert_eq!(what, "tls");
    assert!(sentence.ends_with("signed by an authority that this machine does not trust"), "{sentence}");
}

#[test]
fn plain_http_on_a_port_where_tls_was_expected_has_its_sentence() {
    let server = Server::hello();
    let (what, sentence, hint) =
        Ran::target("users = [2]", &format!("url = \"https://{}\"", server.address), "").problem();
    let expected = format!("{} does not speak TLS: plain HTTP on a port where `https://` was expected", server.address);
    assert_eq!((what.as_str(), sentence), ("tls", expected));
    assert!(hint.contains("http://"), "{hint}");
}

#[test]
fn tls_on_a_port_where_plain_http_was_expected_has_its_sentence() {
    let server = tls(Authority::new("ours").serving("lamb.test"));
    let (what, sentence, hint) =
        Ran::target("users = [2]", &format!("url = \"http://{}\"", server.address), "").problem();
    assert_eq!((what.as_str(), sentence), ("tls", format!("{} speaks TLS, and `url` says `http://`", server.address)));
    assert!(hint.contains("https://"), "{hint}");
    assert!(server.log.asked().is_empty());
}

#[test]
fn a_ca_file_that_is_none_sends_nothing() {
    let server = tls(Authority::new("ours").serving("lamb.test"));
    let folder = Folder::new();
    folder.write("ca.pem", "not a certificate");
    for (file, said) in [("ca.pem", "no certificate in it"), ("nowhere.pem", "no such file")] {
        let target = format!("url = \"https://{}\"\nca_file = \"{file}\"", server.address);
        folder.write("s.toml", &scenario("users = [2]", &target, ""));
        let done = folder.run(&["run", "s.toml"]);
        assert_eq!(done.code, Some(2), "{}", done.said());
        assert!(done.err.contains(said) && done.err.contains("ca_file"), "{}", done.err);
    }
    assert!(server.log.events().is_empty());
}
