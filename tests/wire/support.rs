//! Little servers that do exactly what they are told.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use lamb_load::wire::{Connection, Head, Piece, Request, Response, Route, WireError, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves every connection on a port of 127.0.0.1 with `serve`.
pub(super) async fn server<F, S>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Answers each request on each connection with these bytes, cut as they are here; then closes, or waits.
pub(super) async fn scripted(parts: Vec<Vec<u8>>, close: bool) -> SocketAddr {
    server(move |mut stream| {
        let parts = parts.clone();
        async move {
            stream.set_nodelay(true).unwrap();
            while read_request(&mut stream).await.is_some() {
                for part in &parts {
                    stream.write_all(part).await.unwrap();
                    tokio::task::yield_now().await;
                }
                if close {
                    return;
                }
            }
        }
    })
    .await
}

/// One whole request, head and body; `None` if the client is gone.
pub(super) async fn read_request<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_string();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => request.extend_from_slice(&more[..n]),
        }
    }
}

pub(super) fn route(address: SocketAddr) -> Route {
    Route::new(address.ip().to_string(), address.port())
}

pub(super) async fn open(address: SocketAddr) -> Connection {
    connect(&route(address)).await.unwrap()
}

pub(super) fn request(body: &'static str) -> Request {
    let fields = HeaderMap::from_iter([(HOST, HeaderValue::from_static("test"))]);
    let head = Head::post("/v1/chat/completions".parse().unwrap(), fields);
    Request::new(Arc::new(head), Bytes::from_static(body.as_bytes()))
}

/// A piece that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    pub(super) at: tokio::time::Instant,
    pub(super) lag: Option<Duration>,
    pub(super) read: u64,
}

impl From<Piece<'_>> for Kept {
    fn from(piece: Piece<'_>) -> Kept {
        Kept { bytes: piece.bytes.to_vec(), at: piece.at, lag: piece.lag, read: piece.read }
    }
}

/// The rest of an answer: its pieces, and how it ended.
pub(super) async fn rest(response: &mut Response<'_>) -> (Vec<Kept>, Option<WireError>) {
    let mut pieces = Vec::new();
    while let Some(next) = response.next().await {
        match next {
            Ok(piece) => pieces.push(piece.into()),
            Err(error) => return (pieces, Some(error)),
        }
    }
    (pieces, None)
}

pub(super) fn text(pieces: &[Kept]) -> String {
    pieces.iter().map(|piece| String::from_utf8_lossy(&piece.bytes).into_owned()).collect()
}
