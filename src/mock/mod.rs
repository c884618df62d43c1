//! The embedded OpenAI-compatible endpoint: a server whose every delay, word and fault is known, with a log of what it did.
//!
//! It imports nothing of ours: a witness shares no code with the defendant. It speaks HTTP/1.1 and writes its answers byte for
//! byte by hand, since broken framing is its trade and its own lateness must stay far below what it is asked to prove.
//! It runs on an operating system thread and a runtime of its own, and dies with its [`Handle`].

mod ask;
mod clock;
mod connection;
mod delay;
mod draw;
mod edits;
mod faults;
mod gzip;
mod house;
mod kinds;
mod lateness;
mod log;
mod outlet;
mod pacer;
mod perform;
mod request;
mod router;
mod script;
mod settings;
mod socket;
mod units;
mod voice;

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

pub use delay::Delay;
pub use faults::faults;
pub use lateness::Lateness;
pub use settings::{ApiKey, Kind, Settings, Share, Tokens};

use house::House;
use lateness::Ledger;
use log::Log;
use pacer::Pacer;

/// Where an endpoint listens, and what it leaves behind.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// 127.0.0.1, port 0 (the system chooses) if not said.
    pub bind: SocketAddr,
    /// A file for the log: one JSON object a request, instants in nanoseconds of the monotonic clock.
    pub log: Option<PathBuf>,
    /// Connections that may wait to be accepted: 4,096 if not said. A small one makes a burst wait for retransmitted SYNs.
    pub backlog: u32,
}

impl Default for StartOptions {
    fn default() -> StartOptions {
        StartOptions { bind: (Ipv4Addr::LOCALHOST, 0).into(), log: None, backlog: 4_096 }
    }
}

/// A running endpoint. Dropping it closes every connection, flushes the log and ends its threads.
pub struct Handle {
    addr: SocketAddr,
    lateness: Arc<Ledger>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    log: Option<JoinHandle<io::Result<()>>>,
}

impl Handle {
    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How late its own writes were so far: look here before blaming a client.
    pub fn lateness(&self) -> Lateness {
        self.lateness.read()
    }

    /// Ends it as dropping does, and tells how late it was and whether the log is whole.
    ///
    /// # Errors
    /// The log could not be written.
    pub fn stop(mut self) -> io::Result<Lateness> {
        self.end()?;
        Ok(self.lateness())
    }

    fn end(&mut self) -> io::Result<()> {
        drop(self.stop.take());
        let served = self.thread.take().map_or(Ok(()), |thread| thread.join());
        served.map_err(|_| io::Error::other("the endpoint's thread panicked"))?;
        match self.log.take().map(JoinHandle::join) {
            Some(Ok(written)) => written,
            Some(Err(_)) => Err(io::Error::other("the log's thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Whoever wants to know about the log calls `stop`.
        let _ = self.end();
    }
}

/// Starts an endpoint that lists these models and answers to any name.
///
/// # Errors
/// Settings that contradict themselves (`InvalidInput`), an address that is taken, a log that cannot be created.
pub fn start(settings: Settings, models: Vec<String>, options: &StartOptions) -> io::Result<Handle> {
    settings.check().map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
    let listener = socket::listen(options.bind, options.backlog)?;
    let addr = listener.local_addr()?;
    let (log, log_thread) = options.log.as_deref().map(Log::create).transpose()?.unzip();
    let lateness = Arc::new(Ledger::new());
    let (stop, stopped) = oneshot::channel();
    let (ready, started) = std::sync::mpsc::sync_channel(1);
    let ledger = lateness.clone();
    let thread = std::thread::Builder::new().name("mock".into()).spawn(move || {
        let failed = run((settings, models, ledger, log), listener, stopped, &ready);
        let _ = ready.try_send(failed);
    })?;
    started.recv().unwrap_or_else(|_| Err(io::Error::other("the endpoint's thread panicked")))?;
    Ok(Handle { addr, lateness, stop: Some(stop), thread: Some(thread), log: log_thread })
}

/// Runs an endpoint in a process of its own until `stop` is done: `ready` is called with its address. Its limit of open files is
/// raised as far as the system lets it.
///
/// # Errors
/// As [`start`], and a log that could not be written.
pub async fn serve_until(
    settings: Settings,
    models: Vec<String>,
    options: &StartOptions,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> io::Result<Lateness> {
    raise_descriptor_limit();
    let handle = start(settings, models, options)?;
    ready(handle.addr());
    stop.await;
    handle.stop()
}

type Plan = (Settings, Vec<String>, Arc<Ledger>, Option<Log>);

fn run(
    plan: Plan,
    listener: std::net::TcpListener,
    stopped: oneshot::Receiver<()>,
    ready: &SyncSender<io::Result<()>>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    runtime.block_on(async {
        let (settings, models, lateness, log) = plan;
        let house = Rc::new(House {
            slots: settings.slots.map(|slots| tokio::sync::Semaphore::new(slots as usize)),
            settings,
            models,
            created: SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs(),
            pacer: Pacer::new()?,
            lateness,
            log,
            serial: Cell::new(0),
        });
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let _ = ready.send(Ok(()));
        tokio::select! {
            () = house.pacer.run() => {}
            () = accept(&house, &listener) => {}
            _ = stopped => {}
        }
        Ok(())
    })
}

async fn accept(house: &Rc<House>, listener: &tokio::net::TcpListener) {
    let mut number = 0;
    loop {
        match socket::accept(listener).await {
            Ok(stream) => {
                number += 1;
                tokio::task::spawn_local(connection::serve(house.clone(), stream, number));
            }
            // Out of descriptors, most likely: those in use will be given back.
            Err(_) => house.pacer.pause(Duration::from_millis(5)).await,
        }
    }
}

fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a valid rlimit to write to and to read from. Where it fails, the limit stays as it was.
        unsafe {
            if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
            }
        }
    }
}
