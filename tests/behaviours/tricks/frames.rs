//! HTTP that is odd and legal, and HTTP that only looks so.

use super::super::hostile::packed;
use super::super::script::{STOP, arrival, content, endpoint, framed, plain, read_request, shot};
use super::*;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

fn text() -> String {
    framed(&[&content("Hi"), STOP, DONE]).concat()
}

/// An answer of known length behind this head, which ends in the middle of its fields.
fn behind(head: &str) -> Script {
    says(format!("{head}Content-Length: {}\r\n\r\n{ANSWER}", ANSWER.len()))
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

#[tokio::test]
async fn heads_that_are_odd_and_legal() {
    let bytewise = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ANSWER}", ANSWER.len());
    let bytewise = bytewise.bytes().flat_map(|byte| [Act::Say(vec![byte]), Act::Rest]).collect();
    let behaviours = vec![
        answer(
            "102, 103 and 100 before the answer, each with fields of its own",
            behind(
                "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\nLink: </a>\r\n\r\n\
                 HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
            ),
            WHOLE,
        ),
        answer(
            "field names in capitals, values folded over lines",
            behind("HTTP/1.1 200 OK\r\nCONTENT-TYPE: application/json;\r\n  charset=utf-8\r\nX-A: 1\r\n\t2\r\n"),
            WHOLE,
        ),
        answer("lines that end in LF alone", says(format!("HTTP/1.1 200 OK\nServer: x\n\n{ANSWER}")), WHOLE),
        answer("no reason phrase, and no field at all", says(format!("HTTP/1.1 200\r\n\r\n{ANSWER}")), WHOLE),
        answer("a reason phrase in Latin-1", behind("HTTP/1.1 200 D\u{e9}j\u{e0}\r\n"), WHOLE),
        answer("blank lines before the status line", behind("\r\n\r\nHTTP/1.1 200 OK\r\n"), WHOLE),
        answer(
            "the length twice, the same",
            behind(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", ANSWER.len())),
            WHOLE,
        ),
        answer("HTTP/1.0 that keeps alive", behind("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"), WHOLE),
        answer("the head byte by byte, and the body too", Script(bytewise), WHOLE),
        answer("a 200 that says when to try again", behind("HTTP/1.1 200 OK\r\nRetry-After: 20\r\n"), WHOLE),
        answer(
            "the coding of its letters where a packing should stand",
            behind("HTTP/1.1 200 OK\r\nContent-Encoding: UTF-8\r\n"),
            WHOLE,
        ),
        answer(
            "206 though no range was asked for",
            plain("206 Partial Content", "", ANSWER),
            "ok 206 stop | m | 2 chars | latency",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn heads_behind_which_there_is_no_answer() {
    let behaviours = vec![
        answer("204 with a body", plain("204 No Content", "", ANSWER), "malformed 204 | an empty body"),
        answer(
            "101: another protocol from here on",
            says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
            "http_error 101 | HTTP 101",
        ),
        answer(
            "304: it thinks that we have it already",
            plain("304 Not Modified", "", ""),
            "http_error 304 | HTTP 304",
        ),
        answer(
            "a status beyond all classes, with an answer",
            plain("999 Fine", "", ANSWER),
            "http_error 999 | HTTP 999: {\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}",
        ),
        answer(
            "301 whose body is an answer",
            plain("301 Moved Permanently", "Location: /v2\r\n", ANSWER),
            "http_error 301 | HTTP 301, to /v2: {\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}",
        ),
        answer(
            "two lengths that differ",
            behind("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n"),
            "malformed | the answer is not HTTP: content-length is not a length",
        ),
        answer(
            "HTTP/0.9: a body and nothing before it",
            says(ANSWER),
            "malformed | the answer is not HTTP: invalid HTTP version",
        ),
        answer(
            "packed by two hands, which nobody asked for",
            plain("200 OK", "Content-Encoding: br, gzip\r\n", packed(b"\x0b\x02\x80")),
            "malformed 200 | content-encoding br, gzip, though none was accepted",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn bodies_whose_framing_is_odd_and_legal() {
    let (head, tail) = ANSWER.split_at(30);
    let extended =
        format!("{:04X};a=b;c=\"d\"\r\n{head}\r\n{:x} ;e\r\n{tail}\r\n000;f\r\n\r\n", head.len(), tail.len());
    let text = text();
    let halves = packed(&text.as_bytes()[..40]);
    let members = [halves, packed(&text.as_bytes()[40..])].concat();
    let behaviours = vec![
        answer(
            "chunk extensions, capitals and leading zeros in sizes",
            says(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{extended}")),
            WHOLE,
        ),
        answer(
            "trailers, one of them a type",
            says(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n{}0\r\nX-T: 1\r\nContent-Type: text/html\r\n\r\n",
                chunk(ANSWER)
            )),
            WHOLE,
        ),
        answer(
            "chunks beside a length of a terabyte, which chunks overrule",
            says(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk(ANSWER)
            )),
            WHOLE,
        ),
        answer(
            "a reset right behind the last byte",
            Script([behind("HTTP/1.1 200 OK\r\n").0, vec![Act::Reset]].concat()),
            WHOLE,
        ),
        answer(
            "words behind the declared end",
            says(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ANSWER}HTTP/1.1 500 No\r\n\r\n", ANSWER.len())),
            WHOLE,
        ),
        stream(
            "gzip in two members",
            plain("200 OK", "Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n", &members),
            STREAMED,
        ),
        answer(
            "gzip, then bytes that are none, as every client overlooks",
            plain(
                "200 OK",
                "Content-Encoding: gzip\r\n",
                [packed(ANSWER.as_bytes()), vec![0; 100], b"junk".to_vec()].concat(),
            ),
            WHOLE,
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn bodies_that_end_too_soon_however_properly_they_seem_to() {
    let hi = chunk(&framed(&[&content("Hi")]).concat());
    let stop = chunk(&framed(&[STOP]).concat());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut torn = packed(ANSWER.as_bytes());
    let crc = torn.len() - 6;
    torn[crc] ^= 1;
    let behaviours = vec![
        stream(
            "FIN before the line that ends the last chunk",
            says(format!("{head}{hi}{stop}0\r\n")),
            "truncated 200 stop | m | 2 chars | 2 events | ttfe ttft ttfo | the connection ended before the answer did: \
             its last chunk did not come",
        ),
        stream(
            "a last chunk in the middle, and the end of the answer behind it",
            says(format!("{head}{hi}0\r\n\r\n{stop}0\r\n\r\n")),
            "truncated 200 | m | 2 chars | 1 events | ttfe ttft ttfo | ended without a finish_reason",
        ),
        stream(
            "[DONE] without its blank line, and the connection cut",
            says(format!("{head}{hi}{stop}{}", chunk("data: [DONE]\n"))),
            "truncated 200 stop | m | 2 chars | 3 events | ttfe ttft ttfo | the connection ended before the answer did: \
             its last chunk did not come",
        ),
        answer(
            "a length one byte short of the answer",
            says(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ANSWER}", ANSWER.len() - 1)),
            "malformed 200 | JSON that breaks off: {\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\
             \"finish_reason\":\"stop\"}]",
        ),
        answer(
            "gzip whose checksum is wrong",
            plain("200 OK", "Content-Encoding: gzip\r\n", &torn),
            "truncated 200 stop | m | 2 chars | the gzip stream breaks off",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn a_second_answer_that_nobody_asked_for_is_not_the_next_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let one = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ANSWER}", ANSWER.len());
        let ghost = one.replace("Hi", "Oh");
        stream.write_all(format!("{one}{ghost}").as_bytes()).await.unwrap();
        stream
    });
    let shot = shot(&endpoint, &whole());
    let (first, connection) = endpoint.send(arrival(), &shot, None).await;
    assert!(first.outcome.is_ok());
    let _open = server.await.unwrap();
    let (second, _) = endpoint.send(arrival(), &shot, connection).await;
    assert_eq!(second.outcome.name(), "stale_connection", "{second:?}");
}

#[tokio::test]
async fn an_answer_that_was_there_before_the_request_is_none_to_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap().port());
    let shot = shot(&endpoint, &whole());
    let connection = endpoint.connect(&shot.brief.case.timeouts).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ANSWER}", ANSWER.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let (sample, _) = endpoint.send(arrival(), &shot, Some(connection)).await;
    assert_eq!((sample.outcome.name(), sample.at.sent), ("stale_connection", None), "{sample:?}");
}

#[tokio::test]
async fn a_refusal_that_comes_before_the_request_was_read_is_still_heard() {
    use super::super::script::long_prompt;
    use tokio::io::AsyncReadExt as _;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        stream.write_all(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig").await.unwrap();
        stream.shutdown().await.unwrap();
        // Lingers as nginx does, so that the refusal is not lost to a reset.
        while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {}
    });
    let shot = long_prompt(&endpoint, 16 << 20);
    let (sample, _) = endpoint.send(arrival(), &shot, None).await;
    assert_eq!(super::super::row::row(&sample), "http_error 413 | HTTP 413: big");
}
