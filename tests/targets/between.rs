//! What may stand between: proxies that remember whom they were asked to lead where.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// A running proxy; whatever it is asked for, it leads to one address.
pub(crate) struct Between {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Between {
    /// An HTTP proxy. A `CONNECT` becomes a tunnel, anything else is passed on without what is the proxy's own. `refusal`
    /// is answered instead.
    pub(crate) fn http(to: SocketAddr, refusal: Option<&'static str>) -> Between {
        Between::start(move |stream, seen| http(stream, to, refusal, seen))
    }

    /// A SOCKS5 proxy; with `login` it wants this name and password.
    pub(crate) fn socks5(to: SocketAddr, login: Option<(&'static str, &'static str)>) -> Between {
        Between::start(move |stream, seen| async move {
            socks5(stream, to, login, seen).await.ok();
        })
    }

    fn start<F, S>(serve: F) -> Between
    where
        F: Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = seen.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, told.clone()));
            }
        });
        Between { address, seen, _runtime: runtime }
    }

    /// What it was asked: the head of an HTTP request, or the place that SOCKS named.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn http(mut stream: TcpStream, to: SocketAddr, refusal: Option<&'static str>, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    seen.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    if let Some(refusal) = refusal {
        stream.write_all(refusal.as_bytes()).await.ok();
        return;
    }
    let Ok(mut onward) = TcpStream::connect(to).await else { return };
    let begun = match head.starts_with(b"CONNECT ") {
        true => stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await,
        false => onward.write_all(&without_credentials(&head)).await,
    };
    if begun.is_ok() {
        copy_bidirectional(&mut stream, &mut onward).await.ok();
    }
}

fn without_credentials(head: &[u8]) -> Vec<u8> {
    let own = |line: &&[u8]| line.to_ascii_lowercase().starts_with(b"proxy-authorization:");
    head.split_inclusive(|byte| *byte == b'\n').filter(|line| !own(line)).flatten().copied().collect()
}

async fn socks5(
    mut stream: TcpStream,
    to: SocketAddr,
    login: Option<(&str, &str)>,
    seen: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let methods = { [stream.read_u8().await?, stream.read_u8().await?][1] };
    let mut offered = vec![0; usize::from(methods)];
    stream.read_exact(&mut offered).await?;
    let wanted = if login.is_some() { 2 } else { 0 };
    if !offered.contains(&wanted) {
        return stream.write_all(&[5, 0xff]).await;
    }
    stream.write_all(&[5, wanted]).await?;
    if let Some((name, password)) = login {
        stream.read_u8().await?;
        let given = (text(&mut stream).await?, text(&mut stream).await?);
        let known = (given.0.as_str(), given.1.as_str()) == (name, password);
        stream.write_all(&[1, u8::from(!known)]).await?;
        if !known {
            return Ok(());
        }
    }
    let mut asked = [0; 4];
    stream.read_exact(&mut asked).await?;
    let host = match asked[3] {
        3 => text(&mut stream).await?,
        1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
        _ => std::net::Ipv6Addr::from(stream.read_u128().await?).to_string(),
    };
    let port = stream.read_u16().await?;
    seen.lock().unwrap().push(format!("{host}:{port}"));
    let mut onward = TcpStream::connect(to).await?;
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await?;
    copy_bidirectional(&mut stream, &mut onward).await.map(|_| ())
}

/// A length, and so many bytes.
async fn text(stream: &mut TcpStream) -> std::io::Result<String> {
    let length = stream.read_u8().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
