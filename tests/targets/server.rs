//! A chat server of the test's own that remembers everything it was asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// One request, as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Which connection of the server's, counted from 1 as they were accepted.
    pub(crate) connection: usize,
    pub(crate) version: Version,
    pub(crate) method: String,
    /// Path and query; with HTTP/2 and through a forwarding proxy the whole URI.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// `null` where there was none.
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

impl Asked {
    /// What the last message says.
    pub(crate) fn said(&self) -> &str {
        let messages = self.body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        messages.last().and_then(|message| message["content"].as_str()).unwrap_or_default()
    }

    /// A header, empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What happened at the server, in order.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A connection was accepted and is held no longer; nothing was read of it or written to it yet.
    Begun,
    /// A whole request came.
    Asked(Box<Asked>),
}

/// An answer: status, content type, body.
pub(crate) type Answer = (u16, &'static str, String);

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a server is built.
#[derive(Clone, Default)]
pub(crate) struct Build {
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) http2: bool,
    /// What a new connection waits for before its first byte is read: a TLS handshake is not answered meanwhile.
    pub(crate) hold: Option<Arc<dyn Fn(usize, Log) -> Waiting + Send + Sync>>,
}

/// What happened so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    fn push(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    /// Every chat request: pre-flight's first, then as they came.
    pub(crate) fn chats(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.method == "POST").collect()
    }

    /// Every request.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let asked = |event| match event {
            Event::Asked(asked) => Some(*asked),
            Event::Begun => None,
        };
        self.events().into_iter().filter_map(asked).collect()
    }
}

/// A running server; it ends with the value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
    _runtime: Runtime,
}

impl Server {
    /// Says hello over plain HTTP/1.1.
    pub(crate) fn hello() -> Server {
        Server::answering(hello)
    }

    /// Answers as told over plain HTTP/1.1.
    pub(crate) fn answering(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        Server::built(Build::default(), answer)
    }

    /// Answers as told.
    pub(crate) fn built(build: Build, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let log = Log::default();
        runtime.spawn(accept(listener, build, log.clone(), Arc::new(answer)));
        Server { address, log, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every chat request: pre-flight's first, then as they came.
    pub(crate) fn chats(&self) -> Vec<Asked> {
        self.log.chats()
    }

    /// What the chat requests said.
    pub(crate) fn said(&self) -> Vec<String> {
        self.chats().iter().map(|asked| asked.said().to_owned()).collect()
    }
}

async fn accept<A>(listener: TcpListener, build: Build, log: Log, answer: Arc<A>)
where
    A: Fn(&Asked) -> Answer + Send + Sync + 'static,
{
    for connection in 1.. {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, connection, build.clone(), log.clone(), answer.clone()));
    }
}

async fn serve<A>(stream: TcpStream, connection: usize, build: Build, log: Log, answer: Arc<A>)
where
    A: Fn(&Asked) -> Answer + Send + Sync + 'static,
{
    if let Some(hold) = &build.hold {
        hold(connection, log.clone()).await;
    }
    log.push(Event::Begun);
    match &build.tls {
        None => speak(stream, connection, build.http2, log, answer).await,
        Some(config) => {
            let Ok(stream) = TlsAcceptor::from(config.clone()).accept(stream).await else { return };
            speak(stream, connection, build.http2, log, answer).await;
        }
    }
}

async fn speak<S, A>(stream: S, connection: usize, http2: bool, log: Log, answer: Arc<A>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(&Asked) -> Answer + Send + Sync + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (log, answer) = (log.clone(), answer.clone());
        async move {
            let asked = read(connection, request).await;
            log.push(Event::Asked(Box::new(asked.clone())));
            let (status, kind, body) = answer(&asked);
            let response = Response::builder().status(status).header("content-type", kind);
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
        }
    });
    let stream = TokioIo::new(stream);
    // A client that leaves is no failure of the server.
    if http2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await.ok();
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await.ok();
    }
}

async fn read(connection: usize, request: Request<Incoming>) -> Asked {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Asked {
        connection,
        version: head.version,
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        at: Instant::now(),
    }
}

/// A well-behaved server: lists `m`, and says hello in the way it was asked.
pub(crate) fn hello(asked: &Asked) -> Answer {
    saying("Hello.", asked)
}

/// The same with other words.
pub(crate) fn saying(words: &str, asked: &Asked) -> Answer {
    let usage = json!({ "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 });
    let model = &asked.body["model"];
    if asked.method == "GET" {
        return listing(&["m"]);
    }
    if asked.body["stream"] == true {
        let choice = |delta: Value, finish: Value| json!({ "model": model, "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        let events = [
            choice(json!({ "role": "assistant", "content": words }), Value::Null),
            choice(json!({}), json!("stop")),
            json!({ "model": model, "choices": [], "usage": usage }),
        ];
        let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        return (200, "text/event-stream", text + "data: [DONE]\n\n");
    }
    let message = json!({ "role": "assistant", "content": words });
    let choices = json!([{ "index": 0, "message": message, "finish_reason": "stop" }]);
    (200, "application/json", json!({ "model": model, "choices": choices, "usage": usage }).to_string())
}

/// `/v1/models` with these.
pub(crate) fn listing(models: &[&str]) -> Answer {
    let data: Vec<Value> = models.iter().map(|id| json!({ "id": id, "owned_by": "somebody" })).collect();
    (200, "application/json", json!({ "object": "list", "data": data }).to_string())
}
