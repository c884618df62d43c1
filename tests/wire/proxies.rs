//! Through proxies.

use std::net::SocketAddr;

use lamb_load::wire::{ConnectError, Proxy, ProxyError, Route, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use super::support::*;

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// An HTTP proxy that tells each `CONNECT` it gets, answers with `head` and, if that is a 200, leads to `target`.
async fn connect_proxy(target: SocketAddr, head: &'static str, told: UnboundedSender<String>) -> SocketAddr {
    server(move |mut stream| {
        let told = told.clone();
        async move {
            told.send(read_request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            if head.contains(" 200 ") {
                let mut onward = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            }
        }
    })
    .await
}

/// A SOCKS5 proxy that wants `ann`/`p@ss` and answers a request with `code`; tells what was asked for.
async fn socks_proxy(target: SocketAddr, code: u8, told: UnboundedSender<Vec<u8>>) -> SocketAddr {
    server(move |mut stream| {
        let told = told.clone();
        async move {
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).await.unwrap();
            if greeting != [5, 1, 2] {
                stream.write_all(&[5, 0xff]).await.unwrap();
                return;
            }
            stream.write_all(&[5, 2]).await.unwrap();
            let mut login = [0; 11];
            stream.read_exact(&mut login).await.unwrap();
            let known = login[..] == *b"\x01\x03ann\x05p@ss!";
            stream.write_all(&[1, u8::from(!known)]).await.unwrap();
            let mut asked = vec![0; 256];
            let length = stream.read(&mut asked).await.unwrap();
            asked.truncate(length);
            told.send(asked).unwrap();
            stream.write_all(&[5, code, 0, 1, 127, 0, 0, 1, 0, 80]).await.unwrap();
            if code == 0 {
                let mut onward = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            }
        }
    })
    .await
}

fn through(url: String) -> Route {
    let mut route = Route::new("lamb.example.invalid", 9099);
    route.proxy = Some(Proxy::parse(&url).unwrap());
    route
}

async fn hello(route: &Route) -> String {
    let mut connection = connect(route).await.unwrap();
    let mut response = connection.send(request("{}")).await.unwrap();
    text(&rest(&mut response).await.0)
}

#[tokio::test]
async fn plain_http_goes_through_a_tunnel_with_credentials() {
    let target = scripted(vec![WHOLE.to_vec()], false).await;
    let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let proxy = connect_proxy(target, "HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n", told).await;
    assert_eq!(hello(&through(format!("http://ann:p%40ss@{proxy}"))).await, "hello");
    let credentials = "proxy-authorization: Basic YW5uOnBAc3M=\r\n";
    let place = "lamb.example.invalid:9099";
    assert_eq!(seen.recv().await.unwrap(), format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n{credentials}\r\n"));
}

#[tokio::test]
async fn the_request_itself_is_stamped_and_not_the_talk_with_the_proxy() {
    let target = scripted(vec![WHOLE.to_vec()], false).await;
    let (told, _seen) = tokio::sync::mpsc::unbounded_channel();
    let proxy = connect_proxy(target, "HTTP/1.1 200 OK\r\n\r\n", told).await;
    let mut connection = connect(&through(format!("http://{proxy}"))).await.unwrap();
    assert_eq!(connection.info().remote, Some(proxy));
    let connected = connection.info().at;
    let mut response = connection.send(request("{}")).await.unwrap();
    rest(&mut response).await;
    let stamps = response.stamps();
    assert!(stamps.first_write.unwrap() >= connected);
    assert_eq!(stamps.bytes_in, WHOLE.len() as u64);
}

#[tokio::test]
async fn an_override_of_the_target_is_what_the_proxy_is_asked_for() {
    let target = scripted(vec![WHOLE.to_vec()], false).await;
    let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let proxy = connect_proxy(target, "HTTP/1.1 200 OK\r\n\r\n", told).await;
    let mut route = through(format!("http://{proxy}"));
    route.overrides.insert("lamb.example.invalid:9099".to_owned(), "[::1]:80".parse().unwrap());
    assert_eq!(hello(&route).await, "hello");
    assert!(seen.recv().await.unwrap().starts_with("CONNECT [::1]:80 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_proxy_that_does_not_lead_on_is_its_own_cause() {
    let heads = [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "it refuses the credentials"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "it answers with status 502"),
        ("hello\r\n\r\n", "it does not speak the protocol"),
        ("HTTP/1.1 200", "the connection to it failed"),
    ];
    for (head, sentence) in heads {
        let (told, _seen) = tokio::sync::mpsc::unbounded_channel();
        let proxy = connect_proxy("127.0.0.1:1".parse().unwrap(), head, told).await;
        let failed = connect(&through(format!("http://{proxy}"))).await.err().unwrap();
        let ConnectError::Proxy(why) = failed else { panic!("{failed:?}") };
        assert_eq!(why.to_string(), sentence);
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_refused_like_any_host() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failed = connect(&through(format!("http://{nobody}"))).await.err().unwrap();
    assert!(matches!(failed, ConnectError::Refused(_)), "{failed:?}");
}

#[tokio::test]
async fn socks5_leads_on_by_name_with_credentials() {
    let target = scripted(vec![WHOLE.to_vec()], false).await;
    let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let proxy = socks_proxy(target, 0, told).await;
    assert_eq!(hello(&through(format!("socks5://ann:p%40ss%21@{proxy}"))).await, "hello");
    assert_eq!(seen.recv().await.unwrap(), b"\x05\x01\x00\x03\x14lamb.example.invalid\x23\x8b");
}

#[tokio::test]
async fn socks5_refusals_tell_their_reason() {
    let refusals =
        [("ann:wrong", 0, ProxyError::Credentials.to_string()), ("ann:p%40ss%21", 5, ProxyError::Code(5).to_string())];
    for (user, code, sentence) in refusals {
        let (told, _seen) = tokio::sync::mpsc::unbounded_channel();
        let proxy = socks_proxy("127.0.0.1:1".parse().unwrap(), code, told).await;
        let failed = connect(&through(format!("socks5h://{user}@{proxy}"))).await.err().unwrap();
        let ConnectError::Proxy(why) = failed else { panic!("{failed:?}") };
        assert_eq!(why.to_string(), sentence);
    }
    let (told, _seen) = tokio::sync::mpsc::unbounded_channel();
    let proxy = socks_proxy("127.0.0.1:1".parse().unwrap(), 0, told).await;
    let failed = connect(&through(format!("socks5://{proxy}"))).await.err().unwrap();
    assert!(matches!(failed, ConnectError::Proxy(ProxyError::Credentials)), "{failed:?}");
}

#[test]
fn only_urls_of_known_proxies_are_read_and_no_password_is_shown() {
    for url in ["ftp://proxy", "proxy:3128", "http://", "socks4://proxy", "https://proxy"] {
        assert!(matches!(Proxy::parse(url), Err(ProxyError::Url)), "{url}");
    }
    let proxy = Proxy::parse("http://ann:secret@[::1]").unwrap();
    assert_eq!((proxy.host(), proxy.port()), ("::1", 80));
    assert_eq!(format!("{proxy:?}"), "Proxy(Http, ::1:80, Some(\"…\"))");
    assert_eq!(Proxy::parse("socks5://proxy").unwrap().port(), 1080);
}
