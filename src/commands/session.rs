//! One run, from plan to files: the runner's events on their way to screen, CSV and answers.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::answers::Answers;
use super::demand::demand;
use super::embedded::Embedded;
use super::out::Out;
use super::record::Record;
use super::signals::Interruption;
use super::{Exit, closing, exit, facts, warn, words};
use crate::audit::host::usable_cores;
use crate::audit::limits;
use crate::chat::preflight::Diagnosis;
use crate::cli::{self, Format};
use crate::progress::{Look, Progress};
use crate::report::{self, ancestor};
use crate::results::{Found, Manifest, Run, RunWriter};
use crate::runner::crews::Crews;
use crate::runner::event::Event;
use crate::runner::{self, Setup};
use crate::sample::{Phase, Sample};
use crate::scenario::Resolved;
use crate::scenario::plan::{Case, Plan};
use crate::stats::{GateResult, GateState};

/// Users up to which every request has its line.
const LINES: u64 = 100;
/// More threads that send gain nothing.
const MOST_CREWS: usize = 16;

/// In whose words a run is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Voice {
    /// This program's.
    Own,
    /// The ancestor's, which scripts read.
    Ancestor(Header),
}

/// What the ancestor's first block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) url: String,
    pub(super) model: String,
    pub(super) users: u32,
    pub(super) timeout: Duration,
}

impl Header {
    fn block(&self) -> String {
        let (url, model, users) = (self.url.as_str(), self.model.as_str(), self.users);
        let header = ancestor::Header { url, model, users, timeout_s: self.timeout.as_secs() };
        let mut block = Vec::new();
        // Memory takes whatever is written to it.
        let _ = header.write(&mut block);
        String::from_utf8_lossy(&block).into_owned()
    }
}

/// What all runs of one command share.
pub(super) struct Terms {
    pub(super) voice: Voice,
    pub(super) output: cli::Output,
    pub(super) out_dir: PathBuf,
    pub(super) save: Save,
    pub(super) fail_fast: bool,
    /// Whether JSON is one object a line, since there are several scenarios.
    pub(super) many: bool,
    pub(super) grace: Duration,
    pub(super) interruption: Interruption,
}

/// Whether a run leaves files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Save {
    /// It does, or it does not begin.
    Always,
    /// It does, where it can.
    IfPossible,
    /// It does not.
    Never,
}

/// Carries out one scenario and leaves its run.
pub(super) fn carry_out(resolved: Resolved, baseline: Option<Found>, terms: &Terms) -> anyhow::Result<Exit> {
    let mut plan = resolved.plan;
    let manifest = facts::manifest(&plan);
    let embedded = Embedded::start(&mut plan)?;
    let allowance = limits::allow(&demand(&plan, embedded.any()))
        .map_err(|refusal| anyhow!("{refusal}\nhint: {}", refusal.hint()))?;
    let mut writer = writer(&plan, manifest, terms)?;
    if let Some(baseline) = &baseline {
        writer.hold_against(baseline.clone(), plan.vs_baseline.clone());
    }
    let setup = Setup {
        run_id: writer.id().to_owned(),
        stop: terms.interruption.stop.clone(),
        keep_answers: terms.output.responses.is_some(),
        allowance,
    };
    let crews = crews()?;
    let session = RefCell::new(Session::begin(&plan, terms, writer)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        tokio::spawn(terms.interruption.clone().listen(terms.grace, warn));
        let tell = |event: Event<'_>| session.borrow_mut().tell(event);
        runner::run(&plan, &setup, &crews, tell, |case| session.borrow_mut().goes_on(case)).await
    });
    // What was measured until then is kept, whatever happened.
    session.into_inner().end(ended, &embedded, baseline.as_ref())
}

/// The threads that send.
pub(super) fn crews() -> std::io::Result<Crews> {
    Crews::start(usable_cores().min(MOST_CREWS))
}

fn writer(plan: &Plan, manifest: Manifest, terms: &Terms) -> anyhow::Result<RunWriter> {
    if terms.save == Save::Never {
        return Ok(RunWriter::in_memory(plan, manifest));
    }
    match RunWriter::create(&terms.out_dir, plan, manifest.clone()) {
        Ok(writer) => Ok(writer),
        Err(error) if terms.save == Save::IfPossible => {
            warn(&format!("warning: {error}; going on without saving"));
            Ok(RunWriter::in_memory(plan, manifest))
        }
        Err(error) => Err(error).context("nothing was sent; name another folder with --out"),
    }
}

/// How progress is shown here.
pub(super) fn look(quiet: bool) -> Look {
    match std::io::stderr().is_terminal() {
        _ if quiet => Look::Quiet,
        true => Look::Bars,
        false => Look::Plain,
    }
}

/// A run under way.
struct Session<'a> {
    terms: &'a Terms,
    out: Out,
    progress: Progress,
    record: Record,
    answers: Option<Answers>,
    /// The load's samples as they landed; the ancestor's block is made of them.
    landed: Vec<Sample>,
    /// The latency of the pre-flight under way.
    preflight: Option<Duration>,
    /// What went wrong in writing, and was said.
    told: Vec<String>,
    /// Cases of which `--fail-fast` knows that no gate failed.
    judged: usize,
}

impl<'a> Session<'a> {
    fn begin(plan: &Plan, terms: &'a Terms, writer: RunWriter) -> anyhow::Result<Session<'a>> {
        let answers = terms.output.responses.as_deref().map(Answers::create).transpose()?;
        let mut session = Session {
            terms,
            out: Out::new(),
            progress: Progress::new(look(terms.output.quiet)),
            record: Record::new(plan, writer),
            answers,
            landed: Vec::new(),
            preflight: None,
            told: Vec::new(),
            judged: 0,
        };
        let opening = match &terms.voice {
            Voice::Own => words::opening(plan),
            Voice::Ancestor(header) => header.block(),
        };
        session.say(&opening);
        Ok(session)
    }

    fn tell(&mut self, event: Event<'_>) {
        self.progress.tell(&event);
        match &event {
            Event::PreflightEnded { target, model, diagnosis } => self.preflight_ended(&target.name, model, diagnosis),
            Event::RoundBegun { case, round, of, .. } if self.terms.voice == Voice::Own => {
                self.say(&words::round_begins(case, *round, *of));
            }
            Event::Sampled { case, target, model, sample, .. } => self.sampled(*case, &target.name, model, sample),
            _ => {}
        }
        self.record.tell(event);
        for trouble in self.record.writer().trouble() {
            self.progress.above(|| warn(&format!("warning: {trouble}")));
            self.told.push(trouble);
        }
    }

    /// Whether there is to be another case after this one.
    fn goes_on(&mut self, case: usize) -> bool {
        let failed = |gate: &GateResult| matches!(gate.state, GateState::Failed { .. });
        while self.terms.fail_fast && self.judged <= case {
            let Some(stands) = self.record.writer().case_so_far(self.judged) else {
                let warning = "warning: rows wait for the disk: --fail-fast cannot tell yet, and the run goes on";
                self.progress.above(|| warn(warning));
                return true;
            };
            if stands.gates.iter().any(failed) {
                return false;
            }
            self.judged += 1;
        }
        true
    }

    fn preflight_ended(&mut self, target: &str, model: &str, diagnosis: &Diagnosis) {
        let text = words::preflight(target, model, diagnosis, self.preflight.take());
        match (&self.terms.voice, &diagnosis.problem) {
            // What is wrong is said even to those who asked for silence.
            (_, Some(_)) if self.is_silent() => warn(text.trim_end()),
            (Voice::Own, _) => self.say(&text),
            (Voice::Ancestor(_), Some(_)) => {
                self.progress.above(|| warn(text.trim_end()));
                if let Some(sample) = self.landed.pop() {
                    self.say(&format!("{}\n", ancestor::preflight(&sample)));
                }
            }
            (Voice::Ancestor(_), None) => {
                if let Some(sample) = self.landed.pop() {
                    self.say(&format!("{}\n", ancestor::preflight(&sample)));
                }
            }
        }
        self.landed.clear();
    }

    fn sampled(&mut self, case: Option<&Case>, target: &str, model: &str, sample: &Sample) {
        if case.is_none() {
            self.preflight = sample.latency();
        }
        self.line(case.is_none_or(|case| case.load.requests().is_some_and(|requests| requests <= LINES)), sample);
        if let Some(answers) = &mut self.answers {
            answers.keep(target, model, case.map(|case| case.key.to_string()), sample);
        }
        if let Voice::Ancestor(_) = self.terms.voice {
            self.landed.push(sample.clone());
        }
    }

    /// The line of a request, where it has one.
    fn line(&mut self, is_small: bool, sample: &Sample) {
        let line = match self.terms.voice {
            Voice::Ancestor(_) => format!("{}\n", ancestor::line(sample)),
            Voice::Own if self.terms.output.verbose || is_small || !sample.outcome.is_ok() => words::request(sample),
            Voice::Own => return,
        };
        // Pre-flight has a line of its own.
        if sample.phase != Phase::Preflight || self.terms.voice != Voice::Own {
            self.say(&line);
        }
    }

    fn is_silent(&self) -> bool {
        self.terms.output.quiet || self.terms.output.format == Format::Json
    }

    /// Prints text above the bars, unless it was asked for silence.
    fn say(&mut self, text: &str) {
        if self.is_silent() || text.is_empty() {
            return;
        }
        let out = &mut self.out;
        self.progress.above(|| out.text(text));
    }

    fn end(
        self,
        ended: Result<(), runner::RunError>,
        embedded: &Embedded,
        baseline: Option<&Found>,
    ) -> anyhow::Result<Exit> {
        let Session { terms, mut out, progress, record, answers, landed, told, .. } = self;
        drop(progress);
        let interrupted = terms.interruption.exit();
        if interrupted.is_some() {
            record.writer().update(|manifest| manifest.ended_early = Some("it was interrupted".to_owned()));
        }
        if let Err(error) = &ended {
            record.writer().update(|manifest| manifest.ended_early = Some(error.to_string()));
        }
        let answers = answers.map_or(Ok(()), Answers::finish);
        let judge = |run: &Run, trouble: &[String]| {
            let refused = (!trouble.is_empty() || answers.is_err() || ended.is_err()).then_some(Exit::Refused);
            exit::of(run).max(refused.unwrap_or(Exit::Passed)).max(interrupted.unwrap_or(Exit::Passed))
        };
        let finished = record
            .finish(|run| report::files(run, &exit::advice), |run, trouble| i32::from(judge(run, trouble).code()));
        let verdict = judge(&finished.run, &finished.trouble);
        for trouble in finished.trouble.iter().filter(|trouble| !told.contains(trouble)) {
            warn(&format!("error: {trouble}"));
        }
        for excuse in embedded.excuses().iter().filter(|_| !terms.output.quiet) {
            warn(&format!("note: {excuse}"));
        }
        ended?;
        closing::print(&mut out, &finished, &landed, verdict, terms, baseline)?;
        answers?;
        Ok(verdict)
    }
}
