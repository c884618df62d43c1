//! Statuses, connections that fail, and servers that speak something else.

use std::time::Duration;

use lamb_load::sample::Sample;
use lamb_load::wire::Route;
use tokio::net::TcpListener;

use super::row::row;
use super::script::{
    Act, KEY, Script, arrival, document, endpoint, endpoint_over, plain, read_request, shot, streamed, whole,
};
use super::{Behaviour, hold};

const JSON: &str = "Content-Type: application/json\r\n";
const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;

fn case(name: &'static str, script: Script, row: &'static str) -> Behaviour {
    Behaviour { name, ask: streamed(), script, row }
}

fn says(bytes: &[u8]) -> Script {
    Script(vec![Act::Say(bytes.to_vec())])
}

#[tokio::test]
async fn statuses_with_what_the_server_says_of_them() {
    let behaviours = vec![
        case(
            "429",
            plain("429 Too Many Requests", JSON, r#"{"error":{"message":"slow down","type":"rate_limit"}}"#),
            "rate_limited 429 | HTTP 429: slow down (rate_limit)",
        ),
        case(
            "429 with Retry-After",
            plain("429 Too Many Requests", "Retry-After: 20\r\n", ""),
            "rate_limited 429 | HTTP 429, retry after 20",
        ),
        case(
            "LAMB's quota",
            plain(
                "429 Too Many Requests",
                JSON,
                r#"{"detail":{"error":{"message":"quota used up","type":"quota_exceeded"}}}"#,
            ),
            "rate_limited 429 | HTTP 429: quota used up (quota_exceeded)",
        ),
        case(
            "503 with Retry-After",
            plain("503 Service Unavailable", "Retry-After: 5\r\n", "busy"),
            "rate_limited 503 | HTTP 503, retry after 5: busy",
        ),
        case(
            "uvicorn --limit-concurrency",
            plain("503 Service Unavailable", "Content-Type: text/plain\r\n", "Service Unavailable"),
            "http_error 503 | HTTP 503: Service Unavailable",
        ),
        case(
            "wrong key at LAMB",
            plain("401 Unauthorized", JSON, r#"{"detail":"Invalid Authorization header"}"#),
            "http_error 401 | HTTP 401: Invalid Authorization header",
        ),
        case(
            "wrong key at LiteLLM without a database",
            plain(
                "400 Bad Request",
                JSON,
                r#"{"error":{"message":"No connected db.","type":"no_db_connection","code":"400"}}"#,
            ),
            "http_error 400 | HTTP 400: No connected db. (no_db_connection)",
        ),
        case(
            "no key at LiteLLM without a database",
            plain("500 Internal Server Error", "Content-Type: text/plain\r\n", "Internal Server Error"),
            "http_error 500 | HTTP 500: Internal Server Error",
        ),
        case(
            "unknown assistant at LAMB",
            plain(
                "422 Unprocessable Entity",
                JSON,
                r#"{"detail":"Traceback (most recent call last):\n  File \"main.py\""}"#,
            ),
            r#"http_error 422 | HTTP 422: Traceback (most recent call last):\n  File "main.py""#,
        ),
        case(
            "FastAPI's list of details",
            plain(
                "422 Unprocessable Entity",
                JSON,
                r#"{"detail":[{"type":"missing","loc":["body","model"],"msg":"Field required"}]}"#,
            ),
            "http_error 422 | HTTP 422: Field required (missing)",
        ),
        case(
            "LAMB: a body that is meant as an event, with a literal \\n",
            plain(
                "500 Internal Server Error",
                "Content-Type: text/event-stream\r\n",
                r#"data: {"error": {"message": "no key", "type": "api_error"}}\n\n"#,
            ),
            "http_error 500 | HTTP 500: no key (api_error)",
        ),
        case(
            "a redirect is not followed",
            plain("307 Temporary Redirect", "Location: https://example.org/v1\r\n", ""),
            "http_error 307 | HTTP 307, to https://example.org/v1",
        ),
        case(
            "a proxy's page",
            plain("502 Bad Gateway", "Content-Type: text/html\r\n", "<html>\r\n<title>502</title>"),
            r"http_error 502 | HTTP 502: <html>\r\n<title>502</title>",
        ),
        case("an error without a body", plain("404 Not Found", "", ""), "http_error 404 | HTTP 404"),
        case(
            "an error whose body breaks off",
            says(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 99\r\n\r\nboom"),
            "http_error 500 | HTTP 500: boom",
        ),
        case(
            "a vLLM error",
            plain(
                "404 Not Found",
                JSON,
                r#"{"object":"error","message":"The model does not exist.","type":"NotFoundError","code":404}"#,
            ),
            "http_error 404 | HTTP 404: The model does not exist.",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn servers_that_speak_something_else() {
    let behaviours = vec![
        case("SSH", says(b"SSH-2.0-OpenSSH_9.9\r\n"), "malformed | the answer is not HTTP: invalid HTTP version"),
        case(
            "a TLS alert where plain HTTP was sent",
            says(b"\x15\x03\x01\x00\x02\x02\x46"),
            "malformed | the server speaks TLS: invalid HTTP version",
        ),
        case(
            "nothing: the connection closes",
            Script(vec![]),
            "truncated | the connection ended before the answer did: nothing of it came",
        ),
        case(
            "a reset instead of an answer",
            Script(vec![Act::Reset]),
            "reset | the connection was reset: Connection reset by peer (os error 104)",
        ),
        case(
            "a chunk size that is none",
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "truncated 200 | the answer is not HTTP: a chunk does not begin with its size",
        ),
        case(
            "brotli, though none was accepted",
            plain("200 OK", "Content-Type: application/json\r\nContent-Encoding: br\r\n", b"\x0b\x02\x80"),
            "malformed 200 | content-encoding br, though none was accepted",
        ),
    ];
    hold(behaviours).await;
}

async fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_connect_failed() {
    let endpoint = endpoint(nobody().await);
    let (sample, connection) = endpoint.send(arrival(), &shot(&endpoint, &whole()), None).await;
    assert_eq!(row(&sample), "connect_failed | the connection was refused: Connection refused (os error 111)");
    assert!(connection.is_none() && sample.at.sent.is_none() && sample.at.issued.is_some());
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_beforehand_is_told_the_same_way() {
    let endpoint = endpoint(nobody().await);
    let shot = shot(&endpoint, &whole());
    let unreached = endpoint.connect(&shot.brief.case.timeouts).await.err().unwrap();
    let sample = endpoint.unreached(arrival(), &shot, &unreached);
    assert_eq!(row(&sample), "connect_failed | the connection was refused: Connection refused (os error 111)");
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_connect_failed() {
    let mut route = Route::new("name.invalid", 80);
    route.addresses.clear();
    let sample = send_over(route).await;
    assert!(row(&sample).starts_with("connect_failed | the name was not found"), "{}", row(&sample));
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_tls_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut route = Route::new("127.0.0.1", port);
    route.tls = Some(lamb_load::wire::tls_config(None, true, false).unwrap());
    let sample = send_over(route).await;
    assert!(row(&sample).starts_with("tls_failed | TLS: the server does not speak TLS"), "{}", row(&sample));
}

async fn send_over(route: Route) -> Sample {
    let endpoint = endpoint_over(route);
    *endpoint.send(arrival(), &shot(&endpoint, &whole()), None).await.0
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_stale_and_not_the_servers_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap().port());
    let shot = shot(&endpoint, &whole());
    let connection = endpoint.connect(&shot.brief.case.timeouts).await.unwrap();
    drop(listener.accept().await.unwrap());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (sample, connection) = endpoint.send(arrival(), &shot, Some(connection)).await;
    assert!(row(&sample).starts_with("stale_connection | the server had closed the connection"), "{}", row(&sample));
    assert!(connection.is_none());
}

#[tokio::test]
async fn a_warm_connection_bears_one_request_after_another() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut requests = Vec::new();
        for _ in 0..2 {
            requests.push(read_request(&mut stream).await);
            let Script(acts) = document("application/json", ANSWER);
            let Act::Say(bytes) = &acts[0] else { unreachable!() };
            stream.write_all(bytes).await.unwrap();
        }
        requests
    });
    let shot = shot(&endpoint, &whole());
    let connection = endpoint.connect(&shot.brief.case.timeouts).await.unwrap();
    let shot = lamb_load::chat::Shot { start: tokio::time::Instant::now(), ..shot };
    let (first, connection) = endpoint.send(arrival(), &shot, Some(connection)).await;
    let (second, _) = endpoint.send(arrival(), &shot, connection).await;
    assert!(first.outcome.is_ok() && second.outcome.is_ok());
    assert_eq!((first.reused, second.reused), (false, true));
    assert!(first.connect.age_at_start.is_some() && first.at.connected.is_none());
    let request = &server.await.unwrap()[0];
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/chat/completions http/1.1\r\n"), "{head}");
    for line in [&format!("authorization: bearer {KEY}"), "accept-encoding: identity", "accept: application/json"] {
        assert!(head.contains(line), "{head}");
    }
    assert_eq!(body, r#"{"model":"m","messages":[{"role":"user","content":"Hi (request 1)"}],"stream":false}"#);
}

/// In a process of its own, since a limit is a process's.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn running_out_of_descriptors_is_our_own_failure_and_not_the_servers() {
    const CHILD: &str = "LAMB_LOAD_WITHOUT_DESCRIPTORS";
    if std::env::var_os(CHILD).is_none() {
        let this = "errors::running_out_of_descriptors_is_our_own_failure_and_not_the_servers";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        assert!(child.args([this, "--exact"]).env(CHILD, "1").status().unwrap().success());
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap().port());
    let shot = shot(&endpoint, &whole());
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let none = rustix::process::Rlimit { current: Some(3), ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, none).unwrap();
    let (sample, _) = endpoint.send(arrival(), &shot, None).await;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    assert_eq!(row(&sample), "client_failed | no more file descriptors: Too many open files (os error 24)");
}
