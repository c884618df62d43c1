//! `proxy`: through whom, with which credentials, and that nobody else's proxy is taken unasked.

use crate::authority::Authority;
use crate::between::Between;
use crate::ran::{Ran, column};
use crate::server::{Build, Server, hello};
use crate::support::{Folder, scenario};

const PLACE: &str = "lamb.example.invalid:9099";

fn target(proxy: &str) -> String {
    format!("url = \"http://{PLACE}\"\nproxy = \"{proxy}\"")
}

/// What every request that came through must look like.
#[track_caller]
fn came_through(ran: &Ran, server: &Server, proxy: &Between) {
    let hosts: Vec<String> = server.log.asked().iter().map(|asked| asked.header("host").to_owned()).collect();
    assert_eq!(hosts, [PLACE; 4], "a list, pre-flight and two users");
    assert_eq!(column(&ran.rows(), "remote_addr"), vec![proxy.address.to_string(); 3]);
    assert_eq!(ran.manifest()["targets"][0]["proxied"], true);
    assert_eq!(ran.notes(), serde_json::json!([]));
}

#[test]
fn an_http_proxy_makes_a_tunnel_for_every_user() {
    let server = Server::hello();
    let proxy = Between::http(server.address, None);
    let ran = Ran::target("users = [2]", &target(&format!("http://{}", proxy.address)), "").passed();
    came_through(&ran, &server, &proxy);
    let mut seen = proxy.seen();
    seen.retain(|head| head.starts_with("CONNECT "));
    assert_eq!(seen, [format!("CONNECT {PLACE} HTTP/1.1\r\nhost: {PLACE}\r\n\r\n"), seen[0].clone(), seen[0].clone()]);
}

#[test]
fn its_credentials_arrive_and_are_told_nowhere() {
    let server = Server::hello();
    let proxy = Between::http(server.address, None);
    let text = scenario("users = [2]", &target(&format!("http://ann:${{WORD}}@{}", proxy.address)), "");
    let ran = Ran::within(Folder::new(), &text, &[], &[("WORD", "p%40ss-of-ours")]).passed();
    came_through(&ran, &server, &proxy);
    // ann:p@ss-of-ours
    let basic = "YW5uOnBAc3Mtb2Ytb3Vycw==";
    for head in proxy.seen() {
        assert!(
            head.to_lowercase().contains(&format!("proxy-authorization: basic {}\r\n", basic.to_lowercase())),
            "{head}"
        );
    }
    assert!(server.log.asked().iter().all(|asked| !asked.headers.values().any(|value| value.contains(basic))));
    assert!(!ran.tells("p%40ss-of-ours") && !ran.tells("p@ss-of-ours") && !ran.tells(basic));
    let kept = format!("proxy = \"http://ann:${{WORD}}@{}\"", proxy.address);
    assert!(ran.file("scenario.toml").contains(&kept), "{}", ran.file("scenario.toml"));
}

#[test]
fn a_socks_proxy_finds_the_name_itself() {
    for scheme in ["socks5", "socks5h"] {
        let server = Server::hello();
        let proxy = Between::socks5(server.address, Some(("ann", "p@ss")));
        let ran = Ran::target("users = [2]", &target(&format!("{scheme}://ann:p%40ss@{}", proxy.address)), "").passed();
        came_through(&ran, &server, &proxy);
        assert_eq!(proxy.seen(), [PLACE; 4], "{scheme}");
        assert!(!ran.tells("p%40ss") && !ran.tells("p@ss"));
    }
    let server = Server::hello();
    let proxy = Between::socks5(server.address, None);
    let ran = Ran::target("users = [2]", &target(&format!("socks5://{}", proxy.address)), "").passed();
    came_through(&ran, &server, &proxy);
}

#[test]
fn tls_is_agreed_on_with_the_server_and_not_with_the_proxy() {
    let ours = Authority::new("ours");
    for socks in [false, true] {
        let server = Server::built(Build { tls: Some(ours.serving("lamb.test")), ..Build::default() }, hello);
        let (proxy, scheme) = match socks {
            false => (Between::http(server.address, None), "http"),
            true => (Between::socks5(server.address, None), "socks5"),
        };
        let folder = Folder::new();
        ours.file(&folder, "ca.pem");
        let target =
            format!("url = \"https://lamb.test\"\nca_file = \"ca.pem\"\nproxy = \"{scheme}://{}\"", proxy.address);
        let ran = Ran::within(folder, &scenario("users = [2]", &target, ""), &[], &[]).passed();
        assert_eq!((server.log.asked().len(), ran.notes()), (4, serde_json::json!([])));
        assert!(proxy.seen().iter().all(|seen| seen.contains("lamb.test:443")), "{:?}", proxy.seen());
    }
}

#[test]
fn resolve_decides_what_a_proxy_is_asked_for() {
    for place in [PLACE, "[2001:db8::7]:9099"] {
        let server = Server::hello();
        let proxy = Between::http(server.address, None);
        let resolve = format!("resolve = {{ \"{place}\" = \"192.0.2.9:81\" }}");
        let text = target(&format!("http://{}", proxy.address)).replace(PLACE, place) + "\n" + &resolve;
        Ran::target("users = [2]", &text, "").passed();
        let asked: Vec<String> = server.log.asked().iter().map(|asked| asked.header("host").to_owned()).collect();
        assert_eq!(asked, [place; 4], "the server is called by its name");
        for head in proxy.seen() {
            let line = head.lines().next().unwrap_or_default();
            assert!(line.contains(" 192.0.2.9:81 ") || line.contains("//192.0.2.9:81/"), "{head}");
        }
    }
}

/// Every name by which an environment may name a proxy, all leading to this one.
fn environment(proxy: &Between) -> Vec<(&'static str, String)> {
    let url = format!("http://ann:secret-of-ours@{}", proxy.address);
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        .into_iter()
        .map(|name| (name, url.clone()))
        .collect()
}

fn within(environment: &[(&'static str, String)], target: &str) -> Ran {
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let environment = [&environment[..], &[("no_proxy", ""), ("NO_PROXY", "")]].concat();
    Ran::within(Folder::new(), &scenario("users = [2]", target, ""), &[], &environment)
}

#[test]
fn the_environments_proxies_are_ignored_unless_asked_for() {
    let server = Server::hello();
    let proxy = Between::http(server.address, None);
    let ran = within(&environment(&proxy), &format!("url = \"{}\"", server.url())).passed();
    assert_eq!(proxy.seen(), Vec::<String>::new());
    assert_eq!((server.log.asked().len(), &ran.manifest()["targets"][0]["proxied"]), (4, &false.into()));

    let target = format!("url = \"http://{PLACE}\"\nproxy = \"env\"");
    let server = Server::hello();
    let proxy = Between::http(server.address, None);
    let ran = within(&environment(&proxy), &target).passed();
    came_through(&ran, &server, &proxy);
    assert_eq!(proxy.seen().len(), 4);
    assert!(!ran.tells("secret-of-ours"));
    assert!(ran.file("scenario.toml").contains("proxy = \"env\""));
}

#[test]
fn an_environment_without_a_proxy_or_with_an_exception_leads_straight_there() {
    let server = Server::hello();
    let proxy = Between::http(server.address, None);
    let target = format!("url = \"{}\"\nproxy = \"env\"", server.url());
    let ran = Ran::target("users = [2]", &target, "").passed();
    assert_eq!(ran.manifest()["targets"][0]["proxied"], false);
    let url = format!("http://{}", proxy.address);
    let except = [("http_proxy", url.as_str()), ("no_proxy", "localhost,127.0.0.1")];
    Ran::within(Folder::new(), &scenario("users = [2]", &target, ""), &[], &except).passed();
    assert_eq!(proxy.seen(), Vec::<String>::new());
    assert_eq!(server.log.asked().len(), 8);
}

#[test]
fn a_proxy_that_does_not_lead_on_is_the_one_that_is_named() {
    let server = Server::hello();
    for (refusal, said) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", "it refuses the credentials"),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "it answers with status 403"),
    ] {
        let proxy = Between::http(server.address, Some(refusal));
        let (what, sentence, hint) =
            Ran::target("users = [2]", &target(&format!("http://{}", proxy.address)), "").problem();
        assert_eq!((what.as_str(), sentence), ("connection", format!("the proxy does not lead to {PLACE}: {said}")));
        assert!(hint.contains("proxy"), "{hint}");
    }
    let proxy = Between::socks5(server.address, Some(("ann", "right")));
    let ran = Ran::target("users = [2]", &target(&format!("socks5://ann:wrong-one@{}", proxy.address)), "");
    let (_, sentence, _) = ran.problem();
    assert_eq!(sentence, format!("the proxy does not lead to {PLACE}: it refuses the credentials"));
    assert!(!ran.tells("wrong-one"));
    assert!(server.log.events().is_empty());
}

#[test]
fn a_proxy_that_is_not_there_is_not_blamed_on_the_server() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (what, sentence, hint) =
        Ran::target("users = [2]", &target(&format!("http://ann:word@{nobody}")), "").problem();
    let expected = format!("nothing listens at the proxy {nobody}: the connection was refused");
    assert_eq!((what.as_str(), sentence), ("connection", expected));
    assert!(hint.contains("`proxy`"), "{hint}");

    // It accepts, and never says a word.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = target(&format!("http://{}", mute.local_addr().unwrap()));
    let (what, sentence, _) = Ran::target("users = [2]", &proxy, "[timeouts]\nconnect = \"300ms\"").problem();
    let expected = format!("{PLACE} did not accept a connection within 0.3 s through the proxy");
    assert_eq!((what.as_str(), sentence), ("connection", expected));

    let ran = Ran::target("users = [2]", &target("http://no-such-proxy.invalid:3128"), "");
    let (what, sentence, hint) = ran.problem();
    assert_eq!((what.as_str(), sentence.as_str()), ("name", "the proxy's name no-such-proxy.invalid is not known"));
    assert!(hint.contains("`proxy`"), "{hint}");
}
