//! Answers that are whole, and what their stamps say.

use super::support::*;

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

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
    assert!(order.is_sorted(), "{order:?}");
    assert!(order.iter().all(Option::is_some), "{order:?}");
    assert_eq!(connected.remote, Some(address));
    assert_eq!(stamps.bytes_in, WHOLE.len() as u64);
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let address = scripted(vec![WHOLE.to_vec()], false).await;
    let mut connection = open(address).await;
    for nth in 0..3 {
        assert_eq!(connection.used(), nth > 0);
        assert!(connection.is_open().await);
        let mut response = connection.send(request("{}")).await.unwrap();
        let (pieces, error) = rest(&mut response).await;
        assert!(error.is_none());
        assert_eq!(text(&pieces), "hello");
        assert_eq!(response.stamps().bytes_in, WHOLE.len() as u64);
    }
}
