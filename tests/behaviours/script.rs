//! Little servers that play a script, and the request that meets them.

use std::sync::Arc;
use std::time::Duration;

use lamb_load::chat::{Endpoint, Learnt, Shot};
use lamb_load::sample::{Arrival, Phase, Sample};
use lamb_load::scenario::plan::{
    AnswerSpec, CacheBust, Case, CaseKey, Connections, Load, Order, Place, Prompt, PromptContent, RequestSpec, Secrets,
    ServerKind, Target, Timeouts, Url,
};
use lamb_load::wire::{Connection, Route};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) const KEY: &str = "sk-very-secret-0123456789";

/// What is asked, and how.
pub(super) struct Ask {
    pub(super) stream: bool,
    pub(super) kind: ServerKind,
    pub(super) answer: AnswerSpec,
    pub(super) finishes_without_reason: bool,
    pub(super) timeouts: Timeouts,
}

/// A whole answer.
pub(super) fn whole() -> Ask {
    let seconds = Duration::from_secs;
    let timeouts = Timeouts { connect: seconds(10), first_token: None, idle: None, total: seconds(60) };
    Ask {
        stream: false,
        kind: ServerKind::OpenAi,
        answer: AnswerSpec::default(),
        finishes_without_reason: false,
        timeouts,
    }
}

/// A streamed one.
pub(super) fn streamed() -> Ask {
    Ask { stream: true, ..whole() }
}

/// One thing that a server does.
#[derive(Clone)]
pub(super) enum Act {
    Say(Vec<u8>),
    /// Lets what was said arrive in a read of its own.
    Rest,
    /// Goes on saying this until the client hangs up.
    Forever(Vec<u8>),
    /// Keeps the connection open until the client hangs up.
    Hold,
    Reset,
}

/// What a server does with a request; then it closes.
#[derive(Clone)]
pub(super) struct Script(pub(super) Vec<Act>);

/// An answer of this type, its body framed by chunks and ended properly.
pub(super) fn chunked(content_type: &str, parts: &[&str]) -> Script {
    let mut script = unended(content_type, parts);
    script.0.push(Act::Say(b"0\r\n\r\n".to_vec()));
    script
}

/// The same without the last chunk.
pub(super) fn unended(content_type: &str, parts: &[&str]) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut acts = vec![Act::Say(head.into_bytes())];
    for part in parts {
        acts.push(Act::Say(format!("{:x}\r\n{part}\r\n", part.len()).into_bytes()));
        acts.push(Act::Rest);
    }
    Script(acts)
}

/// A stream of events, ended properly.
pub(super) fn events(datas: &[&str]) -> Script {
    chunked("text/event-stream", &framed(datas).iter().map(String::as_str).collect::<Vec<_>>())
}

/// `data: …`, each with its blank line.
pub(super) fn framed(datas: &[&str]) -> Vec<String> {
    datas.iter().map(|data| format!("data: {data}\n\n")).collect()
}

/// An answer with a status line of its own, further headers, and a body of known length.
pub(super) fn plain(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Script {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Script(vec![Act::Say(bytes)])
}

/// A 200 of this type.
pub(super) fn document(content_type: &str, body: impl AsRef<[u8]>) -> Script {
    plain("200 OK", &format!("Content-Type: {content_type}\r\n"), body)
}

/// A chunk of choice 0 with this delta.
pub(super) fn delta(delta: &str) -> String {
    format!(r#"{{"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

/// A chunk of choice 0 with this content.
pub(super) fn content(text: &str) -> String {
    delta(&format!(r#"{{"content":"{text}"}}"#))
}

pub(super) const STOP: &str = r#"{"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
pub(super) const USAGE: &str = r#"{"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

/// Plays the script over a real socket and asks once.
pub(super) async fn play(ask: &Ask, script: Script) -> Sample {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, script).await;
    });
    let endpoint = endpoint(port);
    let (sample, connection) = endpoint.send(arrival(), &shot(&endpoint, ask), None).await;
    drop(connection);
    server.await.unwrap();
    *sample
}

/// Asks once over a connection that is no socket: time may stand still.
pub(super) async fn ask_over(ask: &Ask, connection: Connection) -> Sample {
    let endpoint = endpoint(80);
    *endpoint.send(arrival(), &shot(&endpoint, ask), Some(Box::new(connection))).await.0
}

pub(super) fn endpoint(port: u16) -> Endpoint {
    endpoint_over(Route::new("127.0.0.1", port))
}

pub(super) fn endpoint_over(route: Route) -> Endpoint {
    endpoint_at("127.0.0.1", false, route)
}

pub(super) fn endpoint_at(host: &str, https: bool, route: Route) -> Endpoint {
    let port = route.port;
    let url = Url {
        https,
        host: host.to_owned(),
        port,
        chat_path: "/v1/chat/completions".to_owned(),
        models_path: "/v1/models".to_owned(),
        display: format!("http://{host}:{port}"),
        authority: format!("{host}:{port}"),
    };
    let secrets = Secrets(vec![KEY.into()]);
    Endpoint::new(&target(url.clone()), &url, route, &secrets, "20261123T233104Z-3f2a", false).unwrap()
}

pub(super) fn target(url: Url) -> Target {
    Target {
        name: "local".to_owned(),
        place: Place::Url(url),
        api_key: Some(KEY.into()),
        headers: Vec::new(),
        server: ServerKind::Auto,
        connections: Connections::Cold,
        http2: false,
        proxy: None,
        ca_file: None,
        insecure: false,
        resolve: Default::default(),
        local_addresses: Vec::new(),
    }
}

pub(super) fn arrival() -> Arrival {
    Arrival { request: 1, user: 1, turn: 1, due: Duration::ZERO, prompt: 0, serial: 1 }
}

pub(super) fn shot(endpoint: &Endpoint, ask: &Ask) -> Shot {
    let case = Case {
        key: CaseKey {
            target: "local".to_owned(),
            model: "m".to_owned(),
            prompts: "all".to_owned(),
            load: "1".to_owned(),
        },
        target: Arc::new(target(dummy())),
        prompts: [Prompt { name: "p1".to_owned(), content: PromptContent::Text("Hi".to_owned()) }].into(),
        order: Order::Sequential,
        load: Load::Burst { users: 1, spread: Duration::ZERO },
        timeouts: ask.timeouts,
        request: Arc::new(RequestSpec {
            stream: ask.stream,
            system: None,
            cache_bust: CacheBust::Suffix,
            extra: Default::default(),
        }),
        answer: Arc::new(ask.answer.clone()),
    };
    let learnt = Learnt { finishes_without_reason: ask.finishes_without_reason, ..Learnt::nothing(ask.kind) };
    Shot {
        brief: Arc::new(endpoint.brief(&Arc::new(case), &learnt)),
        phase: Phase::Load,
        round: 1,
        start: Instant::now(),
        cancel: CancellationToken::new(),
    }
}

/// One request whose prompt has so many bytes.
pub(super) fn long_prompt(endpoint: &Endpoint, bytes: usize) -> Shot {
    let mut shot = shot(endpoint, &whole());
    let mut case = Case::clone(&shot.brief.case);
    case.prompts = [Prompt { name: "p1".to_owned(), content: PromptContent::Text("a".repeat(bytes)) }].into();
    shot.brief = Arc::new(endpoint.brief(&Arc::new(case), &Learnt::nothing(ServerKind::OpenAi)));
    shot
}

fn dummy() -> Url {
    Url {
        https: false,
        host: String::new(),
        port: 0,
        chat_path: String::new(),
        models_path: String::new(),
        display: String::new(),
        authority: String::new(),
    }
}

async fn serve(mut stream: TcpStream, script: Script) {
    stream.set_nodelay(true).unwrap();
    read_request(&mut stream).await;
    act(stream, script).await;
}

/// Plays the script now that the request is read.
pub(super) async fn act(mut stream: TcpStream, Script(acts): Script) {
    for act in acts {
        // A client that has seen enough hangs up: that is no failure of the server's.
        let said = match act {
            Act::Say(bytes) => stream.write_all(&bytes).await,
            Act::Rest => {
                tokio::time::sleep(Duration::from_millis(2)).await;
                Ok(())
            }
            Act::Forever(bytes) => loop {
                if let Err(error) = stream.write_all(&bytes).await {
                    break Err(error);
                }
            },
            Act::Hold => stream.read(&mut [0; 64]).await.map(|_| ()),
            Act::Reset => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let socket = stream.into_std().unwrap();
                // Closing with a linger of zero sends RST.
                let socket = socket2::Socket::from(socket);
                socket.set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
        };
        if said.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
    // The client's end first: closing with unread bytes would be a reset.
    while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
}

/// One whole request, head and body.
pub(super) async fn read_request<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the client hung up in the middle of its request");
        request.extend_from_slice(&buffer[..read]);
    }
}
