//! TLS: one configuration for every client of ours, and what a failed handshake means.
//!
//! The platform's trust store and, beside it, `ca_file`. Session resumption is off: every connection of a burst pays
//! for its own handshake, as every new user does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::causes::{ConnectError, TlsCause};
use super::socket::Socket;

/// Names of a wrong certificate that are told, and the most characters of each.
const NAMES_TOLD: usize = 8;
const NAME_CHARS: usize = 80;

/// Why TLS cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// `ca_file` cannot be read, or is not PEM.
    #[error("{}: cannot be read as PEM", .0.display())]
    CaFile(PathBuf, #[source] pem::Error),
    /// `ca_file` has no certificate in it.
    #[error("{}: holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// There are no trusted authorities on this machine, or `ca_file` holds something else.
    #[error("no certificate authority can be trusted")]
    Authorities(#[source] rustls::Error),
}

/// The TLS configuration for servers whose certificates the platform trusts or `ca_file` does.
///
/// `insecure` checks no certificate at all. `http2` offers `h2` and nothing else, otherwise `http/1.1` and nothing else.
/// Reads the trust store: make one per target, and none for `http://`, so that a machine without any can still be used.
pub fn tls_config(ca_file: Option<&Path>, insecure: bool, http2: bool) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if insecure {
        Arc::new(Unchecked(Arc::clone(&provider)))
    } else {
        let extra = ca_file.map(certificates).transpose()?.unwrap_or_default();
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider));
        Arc::new(verifier.map_err(TlsSetupError::Authorities)?)
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsSetupError::Authorities)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| TlsSetupError::CaFile(file.to_path_buf(), error))?;
    if certificates.is_empty() {
        return Err(TlsSetupError::NoCertificate(file.to_path_buf()));
    }
    Ok(certificates)
}

/// The handshake with `host` over a connected socket.
pub(super) async fn handshake(
    config: &Arc<ClientConfig>,
    host: &str,
    http2: bool,
    socket: Socket,
) -> Result<TlsStream<Socket>, ConnectError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| ConnectError::Tls(TlsCause::NotAName, io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, socket)
        .await
        .map_err(|error| ConnectError::Tls(class(&error), error))?;
    if http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(ConnectError::Tls(TlsCause::NoHttp2, io::ErrorKind::Unsupported.into()));
    }
    Ok(stream)
}

/// What a failed handshake means.
fn class(error: &io::Error) -> TlsCause {
    let Some(found) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => TlsCause::Closed,
            _ => TlsCause::Other,
        };
    };
    match found {
        rustls::Error::InvalidMessage(_) => TlsCause::NotTls,
        rustls::Error::NoApplicationProtocol => TlsCause::NoHttp2,
        rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol) => TlsCause::NoHttp2,
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            // A bad signature is what another authority of the same name leaves.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsCause::UnknownAuthority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsCause::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsCause::NotYetValid,
            CertificateError::NotValidForName => TlsCause::WrongHost { names: Vec::new() },
            CertificateError::NotValidForNameContext { presented, .. } => {
                TlsCause::WrongHost { names: presented.iter().take(NAMES_TOLD).map(|name| plain_name(name)).collect() }
            }
            _ => TlsCause::Other,
        },
        _ => TlsCause::Other,
    }
}

/// rustls tells names as `DnsName("a.example")`: what is inside, bounded and with nothing that a terminal would obey.
fn plain_name(told: &str) -> String {
    let inner = told.split_once('(').map_or(told, |(_, rest)| rest.strip_suffix(')').unwrap_or(rest));
    inner.trim_matches('"').chars().take(NAME_CHARS).flat_map(char::escape_default).collect()
}

/// Trusts everybody: `insecure = true`.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
