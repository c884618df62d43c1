//! Names, addresses and TCP.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use lamb_load::wire::{ConnectError, Route, connect, resolve};
use tokio::net::TcpListener;

use super::support::*;

/// An address at which nobody listens.
async fn deaf() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let refused = connect(&route(deaf().await)).await.err().unwrap();
    assert!(matches!(refused, ConnectError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_not_found() {
    let unknown = connect(&Route::new("no-such-host.invalid", 80)).await.err().unwrap();
    assert!(matches!(unknown, ConnectError::Name(_)), "{unknown:?}");
}

#[tokio::test]
async fn an_override_answers_instead_of_the_resolver() {
    let address = scripted(vec![], false).await;
    let mut route = Route::new("lamb.example.invalid", 8443);
    route.overrides = BTreeMap::from([("lamb.example.invalid:8443".to_owned(), address)]);
    let connection = connect(&route).await.unwrap();
    assert_eq!(connection.info().remote, Some(address));
    assert!(connection.info().dns.is_some());
    // Another port is another name.
    assert!(matches!(resolve("lamb.example.invalid", 80, &route.overrides).await, Err(ConnectError::Name(_))));
}

#[tokio::test]
async fn addresses_are_tried_in_order_and_the_one_that_connected_is_told() {
    let address = scripted(vec![], false).await;
    let mut route = Route::new("lamb.example.invalid", 1);
    route.addresses = vec![deaf().await, address, deaf().await];
    let connection = connect(&route).await.unwrap();
    assert_eq!((connection.info().remote, connection.info().dns), (Some(address), None));
    route.addresses = vec![deaf().await, deaf().await];
    assert!(matches!(connect(&route).await.err().unwrap(), ConnectError::Refused(_)));
}

#[tokio::test]
async fn localhost_is_resolved_to_distinct_addresses() {
    let (addresses, _) = resolve("localhost", 80, &BTreeMap::new()).await.unwrap();
    assert!(!addresses.is_empty());
    let mut distinct = addresses.clone();
    distinct.dedup();
    assert_eq!(addresses, distinct);
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
    assert_eq!(resolve("::1", 80, &BTreeMap::new()).await.unwrap().0, ["[::1]:80".parse().unwrap()]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_linux_syn_retransmissions_are_counted() {
    let address = scripted(vec![], false).await;
    assert_eq!(open(address).await.info().syn_retransmits, Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_leave_from_the_local_addresses_in_turn() {
    let (from, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let address = server(move |stream| {
        from.send(stream.peer_addr().unwrap().ip().to_string()).unwrap();
        async {}
    })
    .await;
    let mut route = route(address);
    route.local = vec!["127.0.0.2".parse().unwrap(), "::1".parse().unwrap(), "127.0.0.3".parse().unwrap()];
    for expected in ["127.0.0.2", "127.0.0.3", "127.0.0.2"] {
        connect(&route).await.unwrap();
        assert_eq!(seen.recv().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_address_that_is_not_ours_to_leave_from_is_our_own_fault() {
    let mut route = route(deaf().await);
    route.local = vec!["192.0.2.1".parse().unwrap()];
    assert!(matches!(connect(&route).await.err().unwrap(), ConnectError::Ports(_)));
}
