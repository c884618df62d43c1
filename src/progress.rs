//! Events made visible while they happen, on stderr: bars on a terminal, plain lines and a heartbeat elsewhere.
//!
//! It computes nothing that anybody keeps. One thread draws ten times a second, or beats every ten seconds, and reads
//! counters; an event turns a counter and formats nothing unless a person has to read it now.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::runner::event::Event;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Bars, on a terminal.
    Bars,
    /// Lines without control characters.
    Plain,
    /// Nothing.
    Quiet,
}

const DRAW_EVERY: Duration = Duration::from_millis(100);
const BEAT_EVERY: Duration = Duration::from_secs(10);

/// What is going on, shown until it is dropped.
#[derive(Debug)]
pub struct Progress {
    look: Look,
    board: Arc<Board>,
    bars: Option<MultiProgress>,
    ticker: Option<JoinHandle<()>>,
}

/// The counters that events turn and the ticker reads.
#[derive(Debug, Default)]
struct Board {
    ok: AtomicU64,
    failed: AtomicU64,
    now: Mutex<Now>,
    over: Condvar,
}

/// What the ticker shows beside the counters.
#[derive(Debug, Default)]
struct Now {
    title: String,
    round: Option<Round>,
    over: bool,
}

/// What ends a round.
#[derive(Debug, Clone, Copy)]
enum Aim {
    Requests(u64),
    Time(Duration),
}

#[derive(Debug)]
struct Round {
    aim: Aim,
    begun: Instant,
    gauge: Arc<crate::runner::event::Gauge>,
}

impl Progress {
    /// Shows nothing yet; the first event does.
    pub fn new(look: Look) -> Progress {
        let board = Arc::new(Board::default());
        let bars =
            (look == Look::Bars).then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        let shown = board.clone();
        let ticker = match (look, bars.clone()) {
            (Look::Bars, Some(bars)) => Some(std::thread::spawn(move || draw(&shown, &bars))),
            (Look::Plain, _) => Some(std::thread::spawn(move || beat(&shown))),
            _ => None,
        };
        Progress { look, board, bars, ticker }
    }

    /// Takes note of what happened.
    pub fn tell(&self, event: &Event<'_>) {
        match event {
            Event::PlanMade(plan) => self.title(format!("{}: starting", plan.name)),
            Event::PreflightBegun { target, model } => self.title(format!("pre-flight: {} / {model}", target.name)),
            Event::CaseBegun { case, number, of } => {
                self.title(format!("case {number}/{of}: {}", case.key));
                self.line(&format!("case {number}/{of}: {}", case.key));
            }
            Event::RoundBegun { case, round, of, gauge } => {
                self.board.ok.store(0, Ordering::Relaxed);
                self.board.failed.store(0, Ordering::Relaxed);
                let all = Aim::Requests(case.load.requests().unwrap_or(0));
                let aim = case.load.duration().map_or(all, Aim::Time);
                let mut now = self.board.now();
                now.round = Some(Round { aim, begun: Instant::now(), gauge: gauge.clone() });
                if *of > 1 {
                    let title = now.title.split(", round").next().unwrap_or_default().to_owned();
                    now.title = format!("{title}, round {round}/{of}");
                }
            }
            Event::Sampled { sample, .. } => {
                let counter = if sample.outcome.is_ok() { &self.board.ok } else { &self.board.failed };
                counter.fetch_add(1, Ordering::Relaxed);
            }
            Event::RoundEnded { .. } => self.board.now().round = None,
            Event::PreflightEnded { .. } => {}
        }
    }

    /// Runs `write` while no bar is in its way.
    pub fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    fn title(&self, title: String) {
        self.board.now().title = title;
    }

    fn line(&self, line: &str) {
        if self.look == Look::Plain {
            say(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.board.now().over = true;
        self.board.over.notify_all();
        if let Some(ticker) = self.ticker.take() {
            // A ticker that panicked has shown what it could.
            let _ = ticker.join();
        }
    }
}

impl Board {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until all is over; `None` then.
    fn wait(&self, time: Duration) -> Option<MutexGuard<'_, Now>> {
        let waited = self.over.wait_timeout_while(self.now(), time, |now| !now.over);
        let (now, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!now.over).then_some(now)
    }

    fn counts(&self) -> (u64, u64) {
        (self.ok.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// Draws the bars until all is over.
fn draw(board: &Board, bars: &MultiProgress) {
    let title = bars.add(ProgressBar::new_spinner());
    title.set_style(style("{spinner} {msg}"));
    let users = bars.add(ProgressBar::new(0));
    users.set_style(style("  {bar:32} {pos}/{len}  {msg}"));
    while let Some(now) = board.wait(DRAW_EVERY) {
        title.set_message(now.title.clone());
        title.tick();
        let Some(round) = &now.round else { continue };
        let (ok, failed) = board.counts();
        let (done, all) = round.progress(ok + failed);
        users.set_length(all);
        users.set_position(done);
        users.set_message(counted(ok, failed, round));
    }
    users.finish_and_clear();
    title.finish_and_clear();
}

/// Says where things stand every ten seconds until all is over.
fn beat(board: &Board) {
    while let Some(now) = board.wait(BEAT_EVERY) {
        let Some(round) = &now.round else { continue };
        let (ok, failed) = board.counts();
        let (done, all) = round.progress(ok + failed);
        let unit = if let Aim::Time(_) = round.aim { "s" } else { "" };
        say(&format!("{}: {done}{unit} of {all}{unit}, {}", now.title, counted(ok, failed, round)));
    }
}

impl Round {
    /// How far it is of how much: landed requests, or seconds.
    fn progress(&self, landed: u64) -> (u64, u64) {
        match self.aim {
            Aim::Requests(all) => (landed, all),
            Aim::Time(all) => (self.begun.elapsed().min(all).as_secs(), all.as_secs_f64().ceil() as u64),
        }
    }
}

fn counted(ok: u64, failed: u64, round: &Round) -> String {
    let elapsed = round.begun.elapsed().as_secs_f64();
    format!("ok {ok}  failed {failed}  in the air {}  {elapsed:.1}s", round.gauge.in_air())
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line on stderr; a closed stderr is nobody's loss.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
