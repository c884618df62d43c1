//! `lamb-load calibrate`: what this machine can measure, found against the embedded endpoint in a process of its own.

mod record;
mod step;
mod store;
mod witness;

use std::time::{Duration, Instant};

use anyhow::Context;

use super::out::Out;
use super::signals::Interruption;
use super::{Exit, burst, warn};
use crate::audit::host;
use crate::audit::limits::{self, Demand, Refusal};
use crate::cli::Calibrate;
use crate::report;
use crate::runner::crews::Crews;
use crate::stats::calibration::{Calibration, Ended, LIMITS_MS, Ladder, Shape};
use step::{Stage, Tried};
use store::Saved;
pub(super) use store::advise;
use witness::Cores;

/// The most users that are ever tried.
const MOST: u32 = 10_000;
/// Descriptors that are not connections.
const BESIDE_USERS: u64 = 128;

/// What is tried, and how it grows.
struct Course {
    shape: Shape,
    first: u32,
    factor: u32,
    most: u32,
}

/// Tries loads until they are measured badly, tells what was carried, and keeps it.
pub(super) fn calibrate(args: Calibrate) -> anyhow::Result<Exit> {
    let budget = match &args.time {
        Some(time) => burst::time(time).context("--time")?,
        None if args.quick => Duration::from_secs(20),
        None => Duration::from_secs(90),
    };
    let file = args.out.clone().map_or_else(store::file, Ok)?;
    let deadline = Instant::now() + budget;
    let cores = Cores::part();
    // Before any thread of the client is started: they all inherit it.
    cores.take_clients();
    let crews = Crews::start(host::usable_cores())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let interruption = Interruption::default();
    {
        let _within = runtime.enter();
        tokio::spawn(interruption.clone().listen(Duration::ZERO, |_| {}));
    }
    let stage = Stage { cores: &cores, crews: &crews, runtime: &runtime, stop: &interruption.stop, deadline };
    let mut ladders = Vec::new();
    for (index, course) in courses(args.quick).iter().enumerate() {
        // Each shape gets its share of what is left of the time.
        let left = deadline.saturating_duration_since(Instant::now());
        let until = Instant::now() + left / u32::try_from(courses(args.quick).len() - index).unwrap_or(1);
        ladders.push(climb(&stage, course, until)?);
        if let Some(exit) = interruption.exit() {
            return Ok(exit);
        }
    }
    let saved = Saved::new(Calibration { ladders }, host::usable_cores());
    tell(&saved)?;
    saved.write(&file)?;
    warn(&format!("saved in {}; check and run warn when a plan asks for more", file.display()));
    Ok(Exit::Passed)
}

/// The shapes in the order in which they are tried.
fn courses(quick: bool) -> Vec<Course> {
    let most = most();
    let course = |shape, first, factor| Course { shape, first, factor, most };
    let streams = |events_per_s| Shape::Streams { events_per_s };
    match quick {
        true => vec![course(streams(20), 100, 4), course(Shape::Burst, 150, 4)],
        false => vec![course(streams(100), 50, 2), course(streams(10), 500, 2), course(Shape::Burst, 250, 2)],
    }
}

/// As many users as descriptors allow.
fn most() -> u32 {
    let allow = |users: u32| {
        limits::allow(&Demand { connections: users.into(), ends: 1, requests: users.into(), servers: Vec::new() })
    };
    match allow(MOST) {
        Ok(_) => MOST,
        Err(Refusal::Descriptors { allowed, .. }) => {
            let most = u32::try_from(allowed.saturating_sub(BESIDE_USERS)).unwrap_or(MOST).clamp(1, MOST);
            // What can be had of it is raised; a refused raise shows as errors of ours.
            let _ = allow(most);
            most
        }
        // Memory for a tenth of it is there on any machine that runs this at all.
        Err(_) => MOST / 10,
    }
}

/// One shape, from small loads to large ones.
fn climb(stage: &Stage<'_>, course: &Course, until: Instant) -> anyhow::Result<Ladder> {
    let mut ladder = Ladder::new(course.shape);
    while let Some(users) = ladder.next(course.first, course.factor, course.most) {
        if Instant::now() + step::lasts(course.shape, users) > until {
            ladder.ended = Ended::Time;
            break;
        }
        let mut tried = stage.step(course.shape, users)?;
        // A miss may be something else that ran here: it is believed the second time.
        let well = matches!(tried, Tried::Measured(step) if step.error_ms <= LIMITS_MS[0]);
        if !well && Instant::now() + step::lasts(course.shape, users) < until {
            tried = tried.better(stage.step(course.shape, users)?);
        }
        match tried {
            Tried::Measured(step) => {
                warn(&format!(
                    "{}: {users} measured within {}",
                    report::calibration::name(course.shape),
                    report::numbers::time(step.error_ms)
                ));
                ladder.add(step);
            }
            Tried::TooSlow => {
                ladder.ended = Ended::Endpoint;
                break;
            }
            Tried::OutOfTime => {
                ladder.ended = Ended::Time;
                break;
            }
        }
        if ladder.is_bounded(LIMITS_MS[1]) {
            ladder.ended = Ended::Beyond;
        }
    }
    Ok(ladder)
}

fn tell(saved: &Saved) -> anyhow::Result<()> {
    let mut text = Vec::new();
    report::calibration::render(&saved.calibration, &mut text)?;
    let mut out = Out::new();
    out.line(&format!(
        "{}: the error of P50 and P99 (latency, first token, gaps), {} for the client and one for the endpoint\n",
        saved.machine,
        match saved.client_cores {
            1 => "one core".to_owned(),
            cores => format!("{cores} cores"),
        }
    ));
    out.text(&String::from_utf8_lossy(&text));
    Ok(())
}
