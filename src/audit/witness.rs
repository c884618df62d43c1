//! A server whose timing is known: it streams events that carry the instant at which they were written.
//!
//! Plain std on an OS thread of its own, in this process: it shares no runtime, no HTTP library and no clock correction
//! with the client that reads it, only the monotonic clock.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the names of threads begin with that are in this process and not the client.
pub(super) const WITNESS: &str = "mock";

/// Pauses between events, in turn: 20 a second on average, in step with no load that is paced evenly.
const PAUSES_MS: [u64; 8] = [41, 59, 47, 53, 43, 61, 37, 57];
/// The most bytes of a request's head.
const HEAD_LIMIT: usize = 16 << 10;
/// How long a client may take for its request.
const PATIENCE: Duration = Duration::from_secs(5);
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// The server; dropped, it ends.
#[derive(Debug)]
pub(super) struct Witness {
    address: SocketAddr,
    base: Instant,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Witness {
    /// Starts it on a loopback port of the kernel's choice; it streams to `clients` connections and accepts no more.
    pub(super) fn start(clients: usize) -> io::Result<Witness> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Whoever does not connect keeps nobody waiting.
        listener.set_nonblocking(true)?;
        let (address, base, over) = (listener.local_addr()?, Instant::now(), Arc::new(AtomicBool::new(false)));
        let ending = over.clone();
        let thread = std::thread::Builder::new()
            .name(format!("{WITNESS} control"))
            .spawn(move || stream(&listener, clients, base, &ending))?;
        Ok(Witness { address, base, over, thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The instant from which its events count nanoseconds.
    pub(super) fn base(&self) -> Instant {
        self.base
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn stream(listener: &TcpListener, mut missing: usize, base: Instant, over: &AtomicBool) {
    let mut clients: Vec<TcpStream> = Vec::new();
    for pause in PAUSES_MS.iter().cycle() {
        while missing > 0
            && let Ok((client, _)) = listener.accept()
        {
            missing -= 1;
            clients.extend(greet(client).ok());
        }
        clients.retain_mut(|client| tell(client, base).is_ok());
        if over.load(Ordering::Relaxed) {
            return;
        }
        rest(Duration::from_millis(*pause), over);
    }
}

/// Sleeps for as long, unless it is over before: no run waits for this server's next event.
fn rest(pause: Duration, over: &AtomicBool) {
    let begun = Instant::now();
    while !over.load(Ordering::Relaxed)
        && let Some(left) = pause.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
    {
        std::thread::park_timeout(left);
    }
}

/// Reads the request, whatever it is, and answers with the head of a stream.
fn greet(mut client: TcpStream) -> io::Result<TcpStream> {
    client.set_nonblocking(false)?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut some = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read(&mut some)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ if head.len() > HEAD_LIMIT => return Err(io::ErrorKind::InvalidData.into()),
            bytes => head.extend_from_slice(&some[..bytes]),
        }
    }
    client.write_all(HEAD)?;
    // A client that does not read is let go rather than waited for.
    client.set_nonblocking(true)?;
    Ok(client)
}

/// Writes one event, which says when that was.
fn tell(client: &mut TcpStream, base: Instant) -> io::Result<()> {
    // Of fixed width, so that nothing is made between the instant and the write but its digits.
    const EVENT: &str = "data: \n\n";
    let sent = base.elapsed().as_nanos() as u64;
    client.write_all(format!("{:x}\r\ndata: {sent:020}\n\n\r\n", EVENT.len() + 20).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_says_when_it_was_written() {
        let witness = Witness::start(1).unwrap();
        let mut client = TcpStream::connect(witness.address()).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let event = HEAD.len()..HEAD.len() + "1c\r\ndata: 00000000000000000000\n\n\r\n".len();
        while answer.len() < 2 * event.end {
            let mut some = [0; 512];
            let bytes = client.read(&mut some).unwrap();
            answer.extend_from_slice(&some[..bytes]);
        }
        let read = witness.base().elapsed().as_nanos() as u64;
        let text = String::from_utf8(answer[event].to_vec()).unwrap();
        let sent: u64 = text.strip_prefix("1c\r\ndata: ").unwrap().trim_end().parse().unwrap();
        assert!(sent > 0 && sent <= read, "{sent} {read}");
    }

    #[test]
    fn it_ends_with_its_clients_still_connected_or_never_there() {
        let witness = Witness::start(3).unwrap();
        let _client = TcpStream::connect(witness.address()).unwrap();
        drop(TcpStream::connect(witness.address()).unwrap());
    }
}
