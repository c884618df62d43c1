//! Answers that are whole: framings, reads and pieces, connections used again.

use std::time::Duration;

use lamb_load::wire::Connection;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::support::*;

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
    6;name=value\r\ndata: \r\n7\r\nhello\r\n\r\n0\r\nx-trailer: 1\r\n\r\n";

/// What a client makes of an answer that arrives in these parts, one read each; the connection stays open.
async fn over_duplex(parts: &[&[u8]]) -> (u16, String, bool) {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
    let mut connection = Connection::over(near, false).await.unwrap();
    let server = async move {
        read_request(&mut far).await.unwrap();
        for part in parts {
            far.write_all(&part).await.unwrap();
            // On the stopped clock: until the client has read it.
            sleep(Duration::from_millis(1)).await;
        }
        far
    };
    let client = async move {
        let mut response = connection.send(request("{}")).await.unwrap();
        let (pieces, error) = rest(&mut response).await;
        assert!(error.is_none(), "{error:?}");
        let status = response.status.as_u16();
        (status, text(&pieces), connection.is_open().await)
    };
    let (_far, answer) = tokio::join!(server, client);
    answer
}

#[tokio::test]
async fn an_answer_is_read_to_its_end_and_stamped_in_order() {
    let address = scripted(vec![WHOLE.to_vec()], false).await;
    let mut connection = open(address).await;
    let connected = *connection.info();
    let mut response = connection.send(request("{}")).await.unwrap();
    assert_eq!(response.status, 200);
    let (pieces, error) = rest(&mut response).await;
    assert!(error.is_none());
    assert_eq!(text(&pieces), "hello");
    let stamps = response.stamps();
    let order = [
        Some(connected.at),
        stamps.first_write,
        stamps.last_write,
        Some(response.head_at),
        Some(pieces[0].at),
        stamps.last_read,
    ];
    assert!(order.iter().all(Option::is_some), "{order:?}");
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(connected.remote, Some(address));
    assert_eq!((stamps.bytes_in, stamps.reads, stamps.distrusted), (WHOLE.len() as u64, 1, 0));
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    for answer in [WHOLE, CHUNKED] {
        let address = scripted(vec![answer.to_vec()], false).await;
        let mut connection = open(address).await;
        for nth in 0..3 {
            assert_eq!(connection.used(), nth > 0);
            assert!(connection.is_open().await);
            let mut response = connection.send(request("{}")).await.unwrap();
            let (_, error) = rest(&mut response).await;
            assert!(error.is_none());
            let stamps = response.stamps();
            assert_eq!(stamps.bytes_in, answer.len() as u64);
            assert!(stamps.bytes_out > 2);
            assert!(stamps.first_write <= stamps.last_read);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunked_answer_split_at_any_byte_is_the_same_answer() {
    let whole = (200, "data: hello\r\n".to_owned(), true);
    assert_eq!(over_duplex(&[CHUNKED]).await, whole);
    for cut in 1..CHUNKED.len() {
        assert_eq!(over_duplex(&[&CHUNKED[..cut], &CHUNKED[cut..]]).await, whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = CHUNKED.chunks(1).collect();
    assert_eq!(over_duplex(&bytes).await, whole);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_body_is_complete_at_its_head() {
    assert_eq!(over_duplex(&[b"HTTP/1.1 204 No Content\r\n\r\n"]).await, (204, String::new(), true));
    assert_eq!(over_duplex(&[b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"]).await, (200, String::new(), true));
}

#[tokio::test(start_paused = true)]
async fn odd_but_readable_heads_are_read() {
    let odd: [&[u8]; 5] = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx-folded: one\r\n two\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx-space : one\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nno colon at all\r\ncontent-length: 2\r\n\r\nok",
    ];
    for head in odd {
        assert_eq!(over_duplex(&[head]).await, (200, "ok".to_owned(), true), "{}", String::from_utf8_lossy(head));
    }
}

#[tokio::test]
async fn an_old_server_ends_its_answer_by_closing() {
    let address = scripted(vec![b"HTTP/1.0 200 OK\r\n\r\nhello ".to_vec(), b"there".to_vec()], true).await;
    let mut connection = open(address).await;
    let mut response = connection.send(request("{}")).await.unwrap();
    let (pieces, error) = rest(&mut response).await;
    assert!(error.is_none());
    assert_eq!(text(&pieces), "hello there");
    assert!(!connection.is_open().await);
}

#[tokio::test]
async fn the_end_of_the_framing_is_the_end_though_the_socket_stays_open() {
    let address =
        scripted(vec![b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello".to_vec()], false);
    let mut connection = open(address.await).await;
    let mut response = connection.send(request("{}")).await.unwrap();
    assert_eq!(text(&rest(&mut response).await.0), "hello");
    assert!(!connection.is_open().await);
}

#[tokio::test]
async fn compressed_bytes_are_left_as_they_are() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff";
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", gzip.len());
    let address = scripted(vec![[head.as_bytes(), gzip].concat()], false).await;
    let mut connection = open(address).await;
    let mut response = connection.send(request("{}")).await.unwrap();
    assert_eq!(rest(&mut response).await.0[0].bytes, gzip.as_slice());
    assert_eq!(response.fields.get("content-encoding"), Some("gzip"));
}

#[tokio::test(start_paused = true)]
async fn pieces_of_one_read_share_its_number_and_instant() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let mut connection = Connection::over(near, false).await.unwrap();
    let server = async move {
        read_request(&mut far).await.unwrap();
        for part in [head, b"1\r\na\r\n1\r\nb\r\n", b"1\r\nc\r\n1\r\nd\r", b"\n1\r\ne\r\n0\r\n\r\n"] {
            far.write_all(part).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    };
    let client = async move {
        let mut response = connection.send(request("{}")).await.unwrap();
        let (pieces, _) = rest(&mut response).await;
        pieces.iter().map(|piece| (piece.bytes[0] as char, piece.read)).collect::<Vec<_>>()
    };
    let ((), reads) = tokio::join!(server, client);
    assert_eq!(reads, [('a', 2), ('b', 2), ('c', 3), ('d', 3), ('e', 4)]);
}
