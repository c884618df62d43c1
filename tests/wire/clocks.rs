//! What the stamps say: exactly on a stopped clock, and with the kernel's own times on a real one.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use lamb_load::wire::{Connection, connect};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep, timeout};

use super::support::*;

#[tokio::test(start_paused = true)]
async fn every_instant_is_that_of_its_own_read() {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let begin = Instant::now();
    let mut connection = Connection::over(near, false).await.unwrap();
    sleep(Duration::from_millis(5)).await;
    let server = async move {
        read_request(&mut far).await.unwrap();
        let script: [(u64, &[u8]); 4] = [
            (10, b"HTTP/1.1 200 OK\r\ntransfer-"),
            (20, b"encoding: chunked\r\n\r\n1\r\na\r\n"),
            (30, b"1\r\nb\r\n"),
            (40, b"0\r\n\r\n"),
        ];
        for (pause, part) in script {
            sleep(Duration::from_millis(pause)).await;
            far.write_all(part).await.unwrap();
        }
        far
    };
    let client = async {
        let mut response = connection.send(request("{}")).await.unwrap();
        let (pieces, _) = rest(&mut response).await;
        let stamps = response.stamps();
        let at = |instant: Option<Instant>| instant.unwrap().duration_since(begin).as_millis();
        assert_eq!((at(stamps.first_write), at(stamps.last_write)), (5, 5));
        assert_eq!(at(Some(response.head_at)), 35);
        assert_eq!(pieces.iter().map(|piece| at(Some(piece.at))).collect::<Vec<_>>(), [35, 65]);
        assert_eq!(pieces[0].lag, None);
        assert_eq!(at(stamps.last_read), 105);
    };
    tokio::join!(server, client);
}

/// Once something was written, every read brings the next part, and none has to be waited for.
struct AllThere(VecDeque<&'static [u8]>, bool);

impl AsyncRead for AllThere {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        buf.put_slice(self.0.pop_front().unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for AllThere {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.1 = true;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn what_waits_together_keeps_the_stamps_of_its_own_reads() {
    // Who reads on for the body as the head is handed out gives the head the body's instant.
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let parts: [&[u8]; 5] = [head, b"1\r\na\r\n", b"1\r\nb\r", b"\n1\r\nc\r\n", b"0\r\n\r\n"];
    let mut connection = Connection::over(AllThere(parts.into(), false), false).await.unwrap();
    let mut response = connection.send(request("{}")).await.unwrap();
    assert_eq!(response.stamps().reads, 1);
    assert_eq!(response.stamps().last_read, Some(response.head_at));
    let (pieces, error) = rest(&mut response).await;
    assert!(error.is_none());
    assert_eq!(pieces.iter().map(|piece| piece.read).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(response.stamps().reads, 5);
}

#[tokio::test(start_paused = true)]
async fn stamps_can_be_read_while_and_after_a_request_fails_to_answer() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut connection = Connection::over(near, false).await.unwrap();
    let (probe, begin) = (connection.probe(), Instant::now());
    assert!(timeout(Duration::from_secs(180), connection.send(request("{}"))).await.is_err());
    assert_eq!(connection.stamps().first_write, Some(begin));
    assert_eq!(probe.stamps(), connection.stamps());
    assert_eq!(connection.stamps().last_read, None);
    drop(connection);
    drop(far);
}

#[tokio::test]
async fn dropping_a_connection_in_the_middle_of_an_answer_closes_it() {
    let (gone, mut told) = tokio::sync::mpsc::unbounded_channel();
    let address = server(move |mut stream| {
        let gone = gone.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await.unwrap();
            gone.send(read_request(&mut stream).await).unwrap();
        }
    })
    .await;
    for stop_at in ["head", "body"] {
        let mut connection = open(address).await;
        let probe = connection.probe();
        let mut response = connection.send(request("{}")).await.unwrap();
        if stop_at == "body" {
            response.next().await.unwrap().unwrap();
            assert!(timeout(Duration::from_millis(1), response.next()).await.is_err());
        }
        drop(connection);
        assert_eq!(told.recv().await, Some(None), "{stop_at}");
        assert!(probe.stamps().first_write.is_some());
    }
}

/// One piece whose bytes are there long before the client looks: it sleeps (its whole thread does) until `woke`.
async fn read_late(kernel_time: bool) -> (Kept, std::time::Instant) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go, gone) = mpsc::channel();
    let (wrote, written) = mpsc::channel();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream.read_exact(&mut [0; 10]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").unwrap();
        gone.recv().unwrap();
        stream.write_all(b"hello").unwrap();
        wrote.send(()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let mut route = route(address);
    route.kernel_time = kernel_time;
    let mut connection = connect(&route).await.unwrap();
    assert_eq!(connection.info().kernel_time, kernel_time && cfg!(target_os = "linux"));
    let mut response = connection.send(request("{}")).await.unwrap();
    go.send(()).unwrap();
    written.recv().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let woke = std::time::Instant::now();
    let piece: Kept = response.next().await.unwrap().unwrap().into();
    drop(connection);
    server.join().unwrap();
    (piece, woke)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn bytes_are_stamped_when_they_reached_the_kernel_however_late_they_are_read() {
    // The kernel begins to stamp a moment after the first socket has asked for it.
    let mut tries = 0;
    let (piece, woke) = loop {
        let (piece, woke) = read_late(true).await;
        tries += 1;
        if piece.lag.is_some() || tries == 20 {
            break (piece, woke);
        }
    };
    assert!(piece.lag.is_some(), "the kernel does not stamp");
    assert!(piece.at.into_std() <= woke, "the stamp is from after the client woke");
}

#[tokio::test]
async fn without_kernel_time_bytes_are_stamped_when_they_are_read() {
    let (piece, woke) = read_late(false).await;
    assert_eq!(piece.lag, None);
    assert!(piece.at.into_std() >= woke);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_read_of_one_segment_leaves_no_doubt_and_one_of_several_as_much_as_lay_between_them() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel::<&[&[u8]]>();
    let (wrote, written) = mpsc::channel();
    let pause = Duration::from_millis(5);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        for parts in told {
            for part in parts {
                stream.write_all(part).unwrap();
                std::thread::sleep(pause);
            }
            wrote.send(()).unwrap();
        }
    });
    let mut connection = open(address).await;
    tell.send(&[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]).unwrap();
    let mut response = connection.send(request("{}")).await.unwrap();
    written.recv().unwrap();
    let mut doubts = Vec::new();
    for parts in [&[b"1\r\na\r\n1\r\nb\r\n" as &[u8]] as &[&[u8]], &[b"1\r\na\r\n", b"1\r\nb\r\n"], &[b"2\r\nab\r\n"]] {
        tell.send(parts).unwrap();
        // Nobody reads meanwhile: this thread is the runtime.
        written.recv().unwrap();
        let first: Kept = response.next().await.unwrap().unwrap().into();
        if first.bytes.len() == 1 {
            assert_eq!(response.next().await.unwrap().unwrap().read, first.read);
        }
        doubts.push(response.doubt());
    }
    assert_eq!((doubts[0], doubts[2]), (Duration::ZERO, Duration::ZERO));
    assert!(doubts[1] >= pause, "{doubts:?}");
}
