//! TLS with an authority of the test's own: what is right, and every way to be wrong.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lamb_load::wire::{ConnectError, Head, Request, Route, TlsCause, TlsSetupError, WireError, connect, tls_config};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use super::support::*;

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> (Authority, NamedTempFile) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "a test's own authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, authority.pem()).unwrap();
    (authority, file)
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn server_config(authority: &Authority, params: CertificateParams, alpn: &[&str]) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Says hello over TLS to every request.
async fn tls_server(config: Arc<ServerConfig>) -> SocketAddr {
    server(move |stream| {
        let config = Arc::clone(&config);
        async move {
            let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else { return };
            while read_request(&mut stream).await.is_some() {
                stream.write_all(WHOLE).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    })
    .await
}

/// `https://host`, trusting `ca` beside the platform.
fn https(host: &str, address: SocketAddr, ca: &NamedTempFile) -> Route {
    let mut route = Route::new(host, address.port());
    route.addresses = vec![address];
    route.tls = Some(tls_config(Some(ca.path()), false, false).unwrap());
    route
}

async fn cause(route: &Route) -> TlsCause {
    match connect(route).await {
        Err(ConnectError::Tls(cause, _)) => cause,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it connected"),
    }
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted_and_the_request_stamped_below_tls() {
    let (authority, ca) = authority();
    let address = tls_server(server_config(&authority, params(&["lamb.test", "127.0.0.1"]), &[])).await;
    for host in ["lamb.test", "127.0.0.1"] {
        let mut connection = connect(&https(host, address, &ca)).await.unwrap();
        let connected = *connection.info();
        assert!(connected.tls.is_some());
        for _ in 0..2 {
            assert!(connection.is_open().await);
            let mut response = connection.send(request("{}")).await.unwrap();
            let (pieces, error) = rest(&mut response).await;
            assert!(error.is_none());
            assert_eq!(text(&pieces), "hello");
            let stamps = response.stamps();
            assert!(stamps.first_write.unwrap() >= connected.at);
            assert!(stamps.bytes_in > WHOLE.len() as u64);
        }
    }
}

#[tokio::test]
async fn a_kept_connection_on_which_the_server_took_its_leave_is_stale_though_leave_is_bytes() {
    let (authority, ca) = authority();
    let config = server_config(&authority, params(&["lamb.test"]), &[]);
    let (closed, mut told) = tokio::sync::mpsc::unbounded_channel();
    let address = server(move |stream| {
        let (acceptor, closed) = (TlsAcceptor::from(Arc::clone(&config)), closed.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            read_request(&mut stream).await.unwrap();
            stream.write_all(WHOLE).await.unwrap();
            stream.shutdown().await.unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    })
    .await;
    for look in [true, false] {
        let mut connection = connect(&https("lamb.test", address, &ca)).await.unwrap();
        let mut response = connection.send(request("{}")).await.unwrap();
        assert_eq!(text(&rest(&mut response).await.0), "hello");
        told.recv().await.unwrap();
        if look {
            assert!(!connection.is_open().await);
        }
        let error = connection.send(request("{}")).await.err();
        assert!(matches!(error, Some(WireError::Stale(_))), "{look}: {error:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_of_an_unknown_one() {
    let (_, trusted) = authority();
    let (other, _) = authority();
    let address = tls_server(server_config(&other, params(&["lamb.test"]), &[])).await;
    assert_eq!(cause(&https("lamb.test", address, &trusted)).await, TlsCause::UnknownAuthority);
}

#[tokio::test]
async fn a_certificate_for_others_tells_for_whom() {
    let (authority, ca) = authority();
    let address = tls_server(server_config(&authority, params(&["other.test", "*.more.test", "127.0.0.9"]), &[])).await;
    let names = ["other.test", "*.more.test", "127.0.0.9"].map(str::to_owned).to_vec();
    assert_eq!(cause(&https("lamb.test", address, &ca)).await, TlsCause::WrongHost { names });
}

#[tokio::test]
async fn a_certificate_has_its_time() {
    let (authority, ca) = authority();
    let mut past = params(&["lamb.test"]);
    (past.not_before, past.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    let address = tls_server(server_config(&authority, past, &[])).await;
    assert_eq!(cause(&https("lamb.test", address, &ca)).await, TlsCause::Expired);
    let mut future = params(&["lamb.test"]);
    (future.not_before, future.not_after) = (date_time_ymd(2200, 1, 1), date_time_ymd(2201, 1, 1));
    let address = tls_server(server_config(&authority, future, &[])).await;
    assert_eq!(cause(&https("lamb.test", address, &ca)).await, TlsCause::NotYetValid);
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_not_tls() {
    let (_, ca) = authority();
    let address = server(|mut stream| async move {
        use tokio::io::AsyncReadExt;
        stream.read_exact(&mut [0; 5]).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        read_request(&mut stream).await;
    })
    .await;
    assert_eq!(cause(&https("lamb.test", address, &ca)).await, TlsCause::NotTls);
}

#[tokio::test]
async fn a_server_that_closes_in_the_handshake_says_so() {
    let (_, ca) = authority();
    let address = server(|stream| async { drop(stream) }).await;
    assert_eq!(cause(&https("lamb.test", address, &ca)).await, TlsCause::Closed);
}

#[tokio::test]
async fn insecure_accepts_any_certificate() {
    let (authority, _) = authority();
    let address = tls_server(server_config(&authority, params(&["other.test"]), &[])).await;
    let mut route = Route::new("lamb.test", address.port());
    route.addresses = vec![address];
    route.tls = Some(tls_config(None, true, false).unwrap());
    let mut connection = connect(&route).await.unwrap();
    let mut response = connection.send(request("{}")).await.unwrap();
    assert_eq!(text(&rest(&mut response).await.0), "hello");
}

#[tokio::test]
async fn http2_is_agreed_on_in_the_handshake() {
    let (authority, ca) = authority();
    let config = server_config(&authority, params(&["lamb.test"]), &["h2"]);
    let address = server(move |stream| {
        let config = Arc::clone(&config);
        async move {
            let stream = TlsAcceptor::from(config).accept(stream).await.unwrap();
            let hello =
                service_fn(|_| async { Ok::<_, Infallible>(hyper::Response::new(Full::<Bytes>::from("hello"))) });
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = serving.serve_connection(TokioIo::new(stream), hello).await;
        }
    })
    .await;
    let mut route = https("lamb.test", address, &ca);
    route.http2 = true;
    route.tls = Some(tls_config(Some(ca.path()), false, true).unwrap());
    let mut connection = connect(&route).await.unwrap();
    for _ in 0..2 {
        assert!(connection.is_open().await);
        let head = Head::post(hyper::Uri::from_static("https://lamb.test/"), hyper::HeaderMap::new());
        let request = Request::new(Arc::new(head), "{}".into());
        let mut response = connection.send(request).await.unwrap();
        assert_eq!(response.version, hyper::Version::HTTP_2);
        assert_eq!(text(&rest(&mut response).await.0), "hello");
    }
}

#[tokio::test]
async fn a_server_without_http2_is_told_apart() {
    let (authority, ca) = authority();
    for alpn in [&[][..], &["http/1.1"]] {
        let address = tls_server(server_config(&authority, params(&["lamb.test"]), alpn)).await;
        let mut route = https("lamb.test", address, &ca);
        route.http2 = true;
        route.tls = Some(tls_config(Some(ca.path()), false, true).unwrap());
        assert_eq!(cause(&route).await, TlsCause::NoHttp2, "{alpn:?}");
    }
}

#[tokio::test]
async fn a_host_that_no_certificate_can_name_is_said_before_anything_is_sent() {
    let (_, ca) = authority();
    let address = scripted(vec![], false).await;
    assert_eq!(cause(&https("not a name", address, &ca)).await, TlsCause::NotAName);
}

#[test]
fn an_authority_file_that_is_none_is_told() {
    let file = NamedTempFile::new().unwrap();
    let told = |path: &std::path::Path| tls_config(Some(path), false, false).err().unwrap();
    assert!(matches!(told(file.path()), TlsSetupError::NoCertificate(path) if path == file.path()));
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(matches!(told(file.path()), TlsSetupError::CaFile(path, _) if path == file.path()));
    assert!(matches!(told("/nowhere/ca.pem".as_ref()), TlsSetupError::CaFile(..)));
}
