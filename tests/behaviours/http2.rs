//! The same over HTTP/2, where the authority stands in the request's target.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lamb_load::wire::Route;
use tokio::net::TcpListener;

use super::row::row;
use super::script::{KEY, STOP, USAGE, arrival, content, endpoint_over, framed, shot, streamed};

#[tokio::test]
async fn a_stream_over_http2_gives_the_same_row() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let hears = Arc::clone(&hears);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let key = head.headers.get("authorization").cloned();
                hears.lock().unwrap().push((head.uri.to_string(), key, body));
                let text = framed(&[&content("Hello"), STOP, USAGE, "[DONE]"]).concat();
                let answer = Response::builder().header("content-type", "text/event-stream");
                Ok::<_, hyper::Error>(answer.body(Full::new(Bytes::from(text))).unwrap())
            }
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        server.serve_connection(TokioIo::new(stream), service).await.unwrap();
    });
    let mut route = Route::new("127.0.0.1", port);
    route.http2 = true;
    let endpoint = endpoint_over(route);
    let (sample, _) = endpoint.send(arrival(), &shot(&endpoint, &streamed()), None).await;
    assert_eq!(row(&sample), "ok 200 stop | m | in 3 out 2 | 5 chars | 4 events | ttfe ttft ttfo latency");
    let (uri, key, body) = heard.lock().unwrap().remove(0);
    assert_eq!(uri, format!("http://127.0.0.1:{port}/v1/chat/completions"));
    assert_eq!(key.unwrap(), format!("Bearer {KEY}").as_str());
    assert!(body.starts_with(br#"{"model":"m","messages":["#));
}
