//! HTTP/2, one connection a user.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lamb_load::wire::{self, WireError, connect};

use super::support::*;

/// Echoes each request in two frames; `/reset` ends in an error after the first, `/many` brings too many headers.
async fn echo(
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = std::io::Error>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let second = if path == "/reset" { Err(std::io::ErrorKind::Other.into()) } else { Ok(Frame::data("!".into())) };
    let mut response = Response::builder();
    for nth in 0..if path == "/many" { 101 } else { 1 } {
        response = response.header(format!("x-{nth}"), "1");
    }
    Ok(response.body(StreamBody::new(stream::iter([Ok(Frame::data(body)), second]))).unwrap())
}

async fn echo_server() -> SocketAddr {
    server(|stream| async move {
        let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = serving.serve_connection(TokioIo::new(stream), service_fn(echo)).await;
    })
    .await
}

fn to(path: &str, body: Vec<u8>) -> wire::Request {
    let head = wire::Head::post(format!("http://lamb.test{path}").parse().unwrap(), hyper::HeaderMap::new());
    wire::Request::new(Arc::new(head), body.into())
}

#[tokio::test]
async fn requests_go_one_after_another_over_one_http2_connection() {
    let mut route = route(echo_server().await);
    route.http2 = true;
    let mut connection = connect(&route).await.unwrap();
    for size in [1, 10, 300_000] {
        assert!(connection.is_open().await);
        let mut response = connection.send(to("/", vec![b'a'; size])).await.unwrap();
        assert_eq!(response.version, hyper::Version::HTTP_2);
        let (pieces, error) = rest(&mut response).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(text(&pieces).len(), size + 1);
        let stamps = response.stamps();
        let order = [stamps.first_write, stamps.last_write, Some(response.head_at), stamps.last_read];
        assert!(order.is_sorted(), "{order:?}");
        assert!(pieces.is_sorted_by_key(|piece| (piece.at, piece.read)));
        assert!(connection.used());
    }
}

#[tokio::test]
async fn a_stream_that_the_server_ends_early_is_reset() {
    let mut route = route(echo_server().await);
    route.http2 = true;
    let mut connection = connect(&route).await.unwrap();
    // Whether the head or the end comes first to hand is the server's business.
    let error = match connection.send(to("/reset", b"a".to_vec())).await {
        Ok(mut response) => rest(&mut response).await.1,
        Err(error) => Some(error),
    };
    assert!(matches!(error, Some(WireError::Reset(_))), "{error:?}");
}

#[tokio::test]
async fn headers_are_bounded_in_number() {
    let mut route = route(echo_server().await);
    route.http2 = true;
    let mut connection = connect(&route).await.unwrap();
    let error = connection.send(to("/many", Vec::new())).await.err();
    assert!(matches!(error, Some(WireError::HeadersTooLarge(_))), "{error:?}");
}

#[tokio::test]
async fn a_server_that_speaks_http1_only_is_a_protocol_error() {
    let mut route = route(scripted(vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()], true).await);
    route.http2 = true;
    let mut connection = connect(&route).await.unwrap();
    let error = connection.send(to("/", Vec::new())).await.err();
    assert!(matches!(error, Some(WireError::Protocol(_))), "{error:?}");
}
