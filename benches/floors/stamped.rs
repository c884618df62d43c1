//! The middle floors: hyper's HTTP/1.1 client over a socket that stamps what it writes and reads.

use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Answer;
use crate::scan::Scan;
use crate::socket::{Socket, Stamps};

/// One connection, hyper's task for it running beside.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    stamps: Stamps,
}

impl Client {
    pub(crate) async fn new(socket: TcpStream, kernel_time: bool) -> Client {
        let stamps = Stamps::default();
        let socket = Socket::new(socket, stamps.clone(), kernel_time);
        let (sender, connection) = handshake(TokioIo::new(socket)).await.expect("a connection");
        tokio::task::spawn_local(connection);
        Client { sender, stamps }
    }

    /// Asks, and reads to the end of the answer.
    pub(crate) async fn ask(&mut self, body: String) -> Answer {
        self.sender.ready().await.expect("a connection that is kept");
        let request = Request::post("/v1/chat/completions")
            .header("host", "floor")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        self.stamps.expect_write();
        let response = self.sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        let (mut body, mut scan, mut first) = (response.into_body(), Scan::default(), None);
        let mut end: Instant = self.stamps.read();
        while let Some(frame) = body.frame().await {
            let frame = frame.expect("a whole answer");
            // hyper reads on only when this frame was taken, so the last read is the one that brought it.
            end = self.stamps.read();
            scan.feed(frame.data_ref().expect("no trailers"));
            if scan.has_token && first.is_none() {
                first = Some(end);
            }
        }
        let events = scan.events;
        Answer { sent: self.stamps.written(), first: first.filter(|_| events > 0), end, events }
    }
}
