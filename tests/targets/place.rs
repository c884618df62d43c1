//! `url`, `path`, `api_key`, `headers`: where a request goes and what it bears.

use crate::ran::{Ran, column};
use crate::server::Server;
use crate::support::{Folder, scenario};

#[test]
fn the_chat_path_follows_from_the_url() {
    for (base, chat, models) in [
        ("", "/v1/chat/completions", "/v1/models"),
        ("/", "/v1/chat/completions", "/v1/models"),
        ("/v1", "/v1/chat/completions", "/v1/models"),
        ("/v1//", "/v1/chat/completions", "/v1/models"),
        ("/lamb", "/lamb/v1/chat/completions", "/lamb/v1/models"),
        ("/api/v3/", "/api/v3/chat/completions", "/api/v3/models"),
        ("/own/chat/completions", "/own/chat/completions", "/own/models"),
    ] {
        let server = Server::hello();
        let ran = Ran::target("users = [2]", &format!("url = \"{}{base}\"", server.url()), "").passed();
        let mut targets: Vec<String> =
            server.log.asked().into_iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect();
        targets.dedup();
        assert_eq!(targets, [format!("GET {models}"), format!("POST {chat}")], "{base}");
        assert_eq!(ran.load().len(), 2);
        assert_eq!(column(&ran.rows(), "remote_addr"), vec![server.address.to_string(); 3]);
    }
}

#[test]
fn path_stands_in_place_of_the_chat_path_with_its_query() {
    let server = Server::hello();
    let target = format!("url = \"{}\"\npath = \"/creator/assistant/58/chat/completions?x=1\"", server.url());
    Ran::target("users = [2]", &target, "").passed();
    let targets: Vec<String> = server.chats().into_iter().map(|asked| asked.target).collect();
    assert_eq!(targets, ["/creator/assistant/58/chat/completions?x=1"; 3]);
}

#[test]
fn a_request_bears_these_headers_and_no_others() {
    let server = Server::hello();
    Ran::target("users = [2]", &format!("url = \"{}\"", server.url()), "").passed();
    for asked in server.chats() {
        let names: Vec<&str> = asked.headers.keys().map(String::as_str).collect();
        assert_eq!(names, ["accept", "accept-encoding", "content-length", "content-type", "host", "user-agent"]);
        assert_eq!(asked.header("host"), server.address.to_string());
        assert_eq!(asked.header("content-type"), "application/json");
        assert_eq!((asked.header("accept"), asked.header("accept-encoding")), ("application/json", "identity"));
        assert!(asked.header("user-agent").starts_with("lamb-load/"));
    }
}

#[test]
fn a_key_is_a_bearer_token_of_every_request_and_is_told_nowhere() {
    for (typed, environment, key) in [
        ("${OUR_KEY}", &[("OUR_KEY", "from-the-environment-1")][..], "from-the-environment-1"),
        ("${OUR_KEY:-the-default-12}", &[], "the-default-12"),
        ("${OUR_KEY:-the-default-12}", &[("OUR_KEY", "stands-over-it")], "stands-over-it"),
        ("literal-key-1234", &[], "literal-key-1234"),
    ] {
        let server = Server::hello();
        let target = format!("url = \"{}\"\napi_key = \"{typed}\"", server.url());
        let ran = Ran::within(Folder::new(), &scenario("users = [2]", &target, ""), &[], environment).passed();
        let bearer: Vec<String> =
            server.log.asked().iter().map(|asked| asked.header("authorization").to_owned()).collect();
        assert_eq!(
            bearer,
            [format!("Bearer {key}"), format!("Bearer {key}"), format!("Bearer {key}"), format!("Bearer {key}")]
        );
        assert!(!ran.tells(key), "{typed}");
        let kept = if typed.contains("OUR_KEY") { "api_key = \"${OUR_KEY}\"" } else { "api_key = \"${LAMB_API_KEY}\"" };
        assert!(ran.file("scenario.toml").contains(kept), "{}", ran.file("scenario.toml"));
    }
}

#[test]
fn a_key_whose_variable_is_not_set_sends_nothing() {
    let server = Server::hello();
    let target = format!("url = \"{}\"\napi_key = \"${{OUR_KEY}}\"", server.url());
    let ran = Ran::target("users = [2]", &target, "");
    assert_eq!(ran.done.code, Some(2), "{}", ran.done.said());
    assert!(ran.done.err.contains("OUR_KEY is not set") && ran.done.err.contains("s.toml:8:"), "{}", ran.done.err);
    assert!(server.log.events().is_empty());
}

#[test]
fn headers_arrive_and_those_named_like_a_secret_are_told_nowhere() {
    let server = Server::hello();
    let headers = r#"{ "x-org" = "uni", "X-Api-Token" = "${TOKEN}", "accept-encoding" = "gzip" }"#;
    let target = format!("url = \"{}\"\nheaders = {headers}", server.url());
    let text = scenario("users = [2]", &target, "");
    let ran = Ran::within(Folder::new(), &text, &[], &[("TOKEN", "tick-tock-99")]).passed();
    for asked in server.log.asked() {
        assert_eq!(asked.header("x-org"), "uni");
        assert_eq!(asked.header("x-api-token"), "tick-tock-99");
        assert_eq!(asked.header("accept-encoding"), "gzip", "the scenario's stands in place of ours");
    }
    assert!(!ran.tells("tick-tock-99"));
    assert!(ran.file("scenario.toml").contains("${TOKEN}"));
}

#[test]
fn userinfo_of_the_url_is_basic_authentication() {
    let server = Server::hello();
    let target = format!("url = \"http://ann:${{WORD}}@{}\"", server.address);
    let text = scenario("users = [1]", &target, "");
    let ran = Ran::within(Folder::new(), &text, &[], &[("WORD", "open-sesame")]).passed();
    for asked in server.log.asked() {
        // ann:open-sesame
        assert_eq!(asked.header("authorization"), "Basic YW5uOm9wZW4tc2VzYW1l");
    }
    assert!(!ran.tells("open-sesame") && !ran.tells("YW5uOm9wZW4tc2VzYW1l"));
    assert_eq!(ran.manifest()["targets"][0]["url"], server.url());
}
