//! Answers that do not come, or not whole: each its own cause.

use std::sync::Arc;
use std::time::Duration;

use lamb_load::wire::{Connection, WireError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::support::*;

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Closes with a RST.
fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// The cause's name, without what it came from.
fn cause(error: &WireError) -> &'static str {
    match error {
        WireError::Stale(_) => "stale",
        WireError::Reset(_) => "reset",
        WireError::Incomplete(_) => "incomplete",
        WireError::Protocol(_) => "protocol",
        WireError::SpeaksTls(_) => "speaks tls",
        WireError::HeadersTooLarge(_) => "headers too large",
        WireError::Memory(_) => "memory",
        WireError::Other(_) => "other",
    }
}

/// Sends one request; the body so far, and the cause.
async fn ask(connection: &mut Connection) -> (String, &'static str) {
    match connection.send(request("{}")).await {
        Err(error) => (String::new(), cause(&error)),
        Ok(mut response) => {
            let (pieces, error) = rest(&mut response).await;
            (text(&pieces), error.as_ref().map_or("none", cause))
        }
    }
}

/// What a client makes of these bytes with the end of the connection behind them.
async fn closed_after(bytes: &[u8]) -> (String, &'static str) {
    ask(&mut open(scripted(vec![bytes.to_vec()], true).await).await).await
}

#[tokio::test]
async fn a_connection_closed_before_the_framing_ends_is_incomplete() {
    let cut: [(&[u8], &str); 6] = [
        (b"", ""),
        (b"HTTP/1.1 200 OK\r\nconte", ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", "hello"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel", "hel"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello"),
    ];
    for (bytes, body) in cut {
        let got = closed_after(bytes).await;
        assert_eq!(got, (body.to_owned(), "incomplete"), "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn a_reset_is_a_reset_wherever_it_comes() {
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"] {
        let address = server(move |mut stream| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            // Until the client has read what there is, for a reset throws away what waits.
            tokio::time::sleep(Duration::from_millis(30)).await;
            reset(stream);
        })
        .await;
        assert_eq!(ask(&mut open(address).await).await.1, "reset", "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn asking_how_sure_a_read_is_leaves_a_reset_for_the_next_read_to_find() {
    let (go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (when, then) = (Arc::clone(&go), Arc::clone(&done));
    let address = server(move |mut stream| {
        let (when, then) = (Arc::clone(&when), Arc::clone(&then));
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await.unwrap();
            when.notified().await;
            reset(stream);
            then.notify_one();
        }
    })
    .await;
    let mut connection = open(address).await;
    let mut response = connection.send(request("{}")).await.unwrap();
    response.next().await.unwrap().unwrap();
    go.notify_one();
    done.notified().await;
    response.doubt();
    let (_, error) = rest(&mut response).await;
    assert_eq!(error.as_ref().map(cause), Some("reset"));
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    let broken: [&[u8]; 5] = [
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ];
    for bytes in broken {
        assert_eq!(closed_after(bytes).await.1, "protocol", "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn a_tls_record_where_http_was_expected_is_recognised() {
    assert_eq!(closed_after(b"\x15\x03\x01\x00\x02\x02\x46").await.1, "speaks tls");
}

#[tokio::test]
async fn headers_are_bounded_in_number_and_size() {
    let head = |fields: usize, value: usize| {
        let fields: String = (0..fields).map(|nth| format!("x-{nth}: {}\r\n", "v".repeat(value))).collect();
        format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\nok").into_bytes()
    };
    assert_eq!(closed_after(&head(99, 10)).await, ("ok".to_owned(), "none"));
    assert_eq!(closed_after(&head(100, 10)).await.1, "headers too large");
    assert_eq!(closed_after(&head(60, 1000)).await, ("ok".to_owned(), "none"));
    assert_eq!(closed_after(&head(70, 1000)).await.1, "headers too large");
    assert_eq!(closed_after(&head(1, 70_000)).await.1, "headers too large");
}

#[tokio::test]
async fn an_endless_head_ends() {
    let address = server(|mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nx-endless: ").await.unwrap();
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
    })
    .await;
    let mut connection = open(address).await;
    assert_eq!(ask(&mut connection).await.1, "headers too large");
    let taken = connection.stamps().bytes_in;
    assert!(taken < 200_000, "{taken}");
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_stale_and_seen_before() {
    let (closed, mut told) = tokio::sync::mpsc::unbounded_channel();
    let address = server(move |mut stream| {
        let closed = closed.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(WHOLE).await.unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    })
    .await;
    for look in [true, false] {
        let mut connection = open(address).await;
        assert_eq!(ask(&mut connection).await, ("hello".to_owned(), "none"));
        told.recv().await.unwrap();
        if look {
            assert!(!connection.is_open().await);
        }
        assert_eq!(ask(&mut connection).await.1, "stale");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_is_quiet_until_a_turn_of_the_driver_tells_of_something() {
    let ends: [fn(TcpStream); 2] = [drop, |stream| {
        tokio::spawn(async move {
            let mut stream = stream;
            stream.write_all(b"unasked").await.unwrap();
            read_request(&mut stream).await;
        });
    }];
    for end in ends {
        let (release, held) = tokio::sync::watch::channel(false);
        let address = server(move |mut stream| {
            let mut held = held.clone();
            async move {
                read_request(&mut stream).await.unwrap();
                stream.write_all(WHOLE).await.unwrap();
                held.wait_for(|held| *held).await.unwrap();
                end(stream);
            }
        })
        .await;
        let mut connection = open(address).await;
        assert_eq!(ask(&mut connection).await, ("hello".to_owned(), "none"));
        tokio::task::yield_now().await;
        assert!(connection.is_quiet() && connection.is_open().await);
        release.send(true).unwrap();
        while connection.is_quiet() {
            tokio::task::yield_now().await;
        }
        assert!(!connection.is_open().await);
    }
}

#[tokio::test]
async fn a_warm_connection_that_was_closed_or_reset_before_its_request_is_stale() {
    for with_reset in [false, true] {
        let (closed, mut told) = tokio::sync::mpsc::unbounded_channel();
        let address = server(move |stream| {
            let closed = closed.clone();
            async move {
                if with_reset {
                    reset(stream)
                } else {
                    drop(stream)
                };
                closed.send(()).unwrap();
            }
        })
        .await;
        let mut connection = open(address).await;
        connection.keep();
        told.recv().await.unwrap();
        assert!(!connection.is_open().await, "{with_reset}");
        assert_eq!(ask(&mut connection).await.1, "stale", "{with_reset}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_takes_the_request_and_closes_is_not_called_stale() {
    // The kernel says that the request was received: the server had not closed before.
    for times in [1, 2] {
        let address = server(move |mut stream| async move {
            for _ in 1..times {
                read_request(&mut stream).await.unwrap();
                stream.write_all(WHOLE).await.unwrap();
            }
            read_request(&mut stream).await.unwrap();
        })
        .await;
        let mut connection = open(address).await;
        connection.keep();
        for _ in 1..times {
            assert_eq!(ask(&mut connection).await, ("hello".to_owned(), "none"));
        }
        assert_eq!(ask(&mut connection).await.1, "incomplete");
    }
}

#[tokio::test]
async fn where_the_kernel_says_nothing_a_kept_connection_closed_without_a_byte_is_stale() {
    for kept in [false, true] {
        let (near, far) = tokio::io::duplex(1024);
        let mut connection = Connection::over(near, false).await.unwrap();
        if kept {
            connection.keep();
        }
        assert!(connection.is_open().await);
        drop(far);
        assert!(!connection.is_open().await);
        assert_eq!(ask(&mut connection).await.1, if kept { "stale" } else { "incomplete" });
    }
}

#[tokio::test]
async fn words_that_nobody_asked_for_make_a_connection_useless() {
    let (said, mut told) = tokio::sync::mpsc::unbounded_channel();
    let address = server(move |mut stream| {
        let said = said.clone();
        async move {
            stream.write_all(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            said.send(()).unwrap();
            read_request(&mut stream).await;
        }
    })
    .await;
    let mut connection = open(address).await;
    told.recv().await.unwrap();
    // tokio has to learn of the bytes first.
    while connection.is_open().await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_whose_answer_was_not_read_to_the_end_is_not_open() {
    let address = scripted(vec![WHOLE.to_vec()], false).await;
    let mut connection = open(address).await;
    drop(connection.send(request("{}")).await.unwrap());
    assert!(!connection.is_open().await);
}
