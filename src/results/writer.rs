//! A run's files while it runs: rows to the kernel within 100 ms of their outcome, and never a wait for the disk.
//!
//! Samples go into a queue that one thread empties: it formats, appends and adds up. What the disk does to it is kept
//! and told once; the measuring goes on, and no number depends on the disk. Only who asks in between where a run stands
//! may have to do without an answer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::facts::ClientFacts;
use crate::results::address::Found;
use crate::results::baseline::Versus;
use crate::results::cell::printable;
use crate::results::collected::Collected;
use crate::results::columns::COLUMNS;
use crate::results::finish::{self, Finished, Rendering};
use crate::results::folder;
use crate::results::manifest::Manifest;
use crate::results::origin::{Home, Origin};
use crate::results::parts::CaseFacts;
use crate::results::pen::Pen;
use crate::results::provenance::{Repository, step_back};
use crate::results::run::{CaseRun, Run};
use crate::results::scenario_copy;
use crate::results::scribe;
use crate::results::scrub::Scrubber;
use crate::results::shared::{Shared, Trouble, lock};
use crate::sample::Sample;
use crate::scenario::plan::{Plan, RelativeGate};

/// Samples that wait for the thread; beyond that a row is lost (its numbers are not), so that memory is bounded.
const MOST_QUEUED: usize = 262_144;

/// How long [`RunWriter::so_far`] waits for the last rows: a disk that stands still would keep it for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
#[error("cannot write results to {}: {source}", folder.display())]
pub struct StartError {
    /// Where results were to go.
    pub folder: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Takes in what a run leaves.
#[derive(Debug)]
pub struct RunWriter {
    id: String,
    scenario: String,
    folder: Option<PathBuf>,
    shared: Arc<Shared>,
    scribe: Option<JoinHandle<Pen>>,
    /// Asks git about the scenario's repository meanwhile.
    historian: Option<JoinHandle<Option<Repository>>>,
    /// The run that this one will be held against.
    versus: Option<Versus>,
}

impl RunWriter {
    /// Makes the run's folder below `out` with `scenario.toml`, `run.json` and an empty `requests.csv` in it, and
    /// points `latest` to it. `manifest` is [`Manifest::of`] the plan.
    pub fn create(out: &Path, plan: &Plan, mut manifest: Manifest) -> Result<RunWriter, StartError> {
        let failed = |source| StartError { folder: out.join(&plan.name), source };
        let began = manifest.started.unwrap_or_else(Timestamp::now);
        let (id, folder) = folder::create(out, &plan.name, began).map_err(failed)?;
        manifest.run_id.clone_from(&id);
        let scrubber = Scrubber::of(&plan.secrets);
        let manifest = manifest.cleaned(&|text| scrubber.clean(text));
        // A path relative to the folder needs to know where that is.
        let here = std::path::absolute(&folder).map_err(failed)?;
        let scenario = scrubber.cleaned(scenario_copy::relative_to(&plan.toml, &here));
        folder::write_whole(&folder.join(folder::SCENARIO), scenario.as_bytes()).map_err(failed)?;
        folder::write_whole(&folder.join(folder::MANIFEST), manifest.to_json().as_bytes()).map_err(failed)?;
        let mut rows = fs_err::File::create_new(folder.join(folder::REQUESTS)).map_err(failed)?;
        io::Write::write_all(&mut rows, format!("{}\n", COLUMNS.join(",")).as_bytes()).map_err(failed)?;
        let mut trouble = Trouble::default();
        if let Err(error) = folder::point_latest(&folder) {
            trouble.note(format!("could not point {} to this run: {error}", folder::LATEST));
        }
        let pen = Pen::new(Box::new(rows));
        let writer =
            RunWriter::start(manifest, scrubber, Some(folder), pen, trouble, (scenario, repository_folder(plan)));
        Ok(writer)
    }

    /// Takes in a run that leaves no files: `--no-save`, or a place that cannot be written to.
    pub fn in_memory(plan: &Plan, mut manifest: Manifest) -> RunWriter {
        manifest.run_id = folder::new_id(manifest.started.unwrap_or_else(Timestamp::now));
        let scrubber = Scrubber::of(&plan.secrets);
        let manifest = manifest.cleaned(&|text| scrubber.clean(text));
        let scenario = scrubber.cleaned(plan.toml.clone());
        RunWriter::start(manifest, scrubber, None, Pen::new(Box::new(io::sink())), Trouble::default(), (scenario, None))
    }

    /// `pen` appends to the folder's `requests.csv`, which has its header.
    pub(super) fn start(
        manifest: Manifest,
        scrubber: Scrubber,
        folder: Option<PathBuf>,
        pen: Pen,
        trouble: Trouble,
        (scenario_toml, repository): (String, Option<PathBuf>),
    ) -> RunWriter {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            collected: Mutex::new(Collected::of(&manifest, 0)),
            settled: Condvar::new(),
            manifest: Mutex::new(manifest.clone()),
            trouble: Mutex::new(trouble),
            scrubber,
            manifest_path: folder.as_ref().map(|folder| folder.join(folder::MANIFEST)),
            scenario_toml,
        });
        let theirs = Arc::clone(&shared);
        RunWriter {
            id: manifest.run_id,
            scenario: manifest.scenario,
            folder,
            shared,
            scribe: Some(std::thread::spawn(move || scribe::work(&theirs, pen))),
            historian: repository.map(|folder| {
                std::thread::spawn(move || {
                    step_back();
                    Repository::around(&folder)
                })
            }),
            versus: None,
        }
    }

    /// Has the run held against a baseline when it has ended.
    pub fn hold_against(&mut self, found: Found, gates: Vec<RelativeGate>) {
        self.versus = Some(Versus { found, gates });
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The run's folder; `None` where it leaves no files.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Where the rows of a case's round belong; `case` is the index in the plan, `started` the start of the round.
    pub fn round(&self, case: usize, round: u32, started: Timestamp) -> Origin {
        self.update(|manifest| {
            if let Some(facts) = manifest.round(case, round) {
                facts.started = Some(started);
            }
        });
        self.warmup(case, started)
    }

    /// Where the rows of a case's warm-up belong.
    pub fn warmup(&self, case: usize, started: Timestamp) -> Origin {
        let facts = lock(&self.shared.manifest).cases.get(case).cloned().unwrap_or_default();
        self.origin(Home::of(&facts), Some(facts.users), facts, started)
    }

    /// Where the rows of a target's and model's pre-flight belong.
    pub fn preflight(&self, target: &str, model: &str, started: Timestamp) -> Origin {
        let manifest = lock(&self.shared.manifest);
        let case = manifest.cases.iter().find(|case| case.target == target && case.model == model);
        let facts = case.cloned().unwrap_or_default();
        drop(manifest);
        let home = Home { target: printable(target).into_owned(), model: printable(model).into_owned(), case: None };
        self.origin(home, None, facts, started)
    }

    fn origin(&self, home: Home, users: Option<u32>, facts: CaseFacts, started: Timestamp) -> Origin {
        Origin::new((&self.id, &self.scenario), home, users, facts.prompt_names, Some(started))
    }

    /// Takes in what became of an arrival. Never waits for the disk.
    pub fn row(&self, origin: &Origin, sample: Box<Sample>) {
        let mut queue = lock(&self.shared.queue);
        queue.came += 1;
        if queue.rows.len() < MOST_QUEUED {
            queue.rows.push((origin.clone(), sample));
            if queue.rows.len() == 1 {
                self.shared.wake.notify_one();
            }
            return;
        }
        drop(queue);
        let (scrubber, mut collected) = (&self.shared.scrubber, lock(&self.shared.collected));
        scribe::settle(scrubber, &mut collected, (origin, &mut origin.place()), sample, None);
        drop(collected);
        self.shared.settled.notify_all();
        let mut trouble = lock(&self.shared.trouble);
        trouble.lost += 1;
        trouble.note("rows came faster than they could be written: some requests have no row".to_owned());
    }

    /// Takes in what the client saw of itself in a round of a case.
    pub fn client_facts(&self, case: usize, round: u32, facts: ClientFacts) {
        self.update(|manifest| {
            if let Some(round) = manifest.round(case, round) {
                round.client = Some(facts);
            }
        });
    }

    /// The cases as they stand, from every row that came until now; `None` where the disk keeps rows from being added up.
    pub fn so_far(&self) -> Option<Vec<CaseRun>> {
        let collected = self.settled()?;
        let manifest = lock(&self.shared.manifest).clone();
        Some((0..collected.len()).filter_map(|place| collected.case(place, &manifest)).collect())
    }

    /// The same of one case, given by its index in the plan.
    pub fn case_so_far(&self, case: usize) -> Option<CaseRun> {
        let collected = self.settled()?;
        let manifest = lock(&self.shared.manifest).clone();
        collected.case(case, &manifest)
    }

    /// What rows say, once every one that came until now is among them.
    fn settled(&self) -> Option<MutexGuard<'_, Collected>> {
        let came = lock(&self.shared.queue).came;
        let waits = |collected: &mut Collected| collected.rows() < came;
        let waited = self.shared.settled.wait_timeout_while(lock(&self.shared.collected), PATIENCE, waits);
        let (collected, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then_some(collected)
    }

    /// Changes what `run.json` says, and has it saved soon.
    pub fn update(&self, change: impl FnOnce(&mut Manifest)) {
        change(&mut lock(&self.shared.manifest));
        lock(&self.shared.queue).manifest_changed = true;
        self.shared.wake.notify_one();
    }

    /// What went wrong since it was last asked for; the run goes on, and its command ends with exit code 2.
    pub fn trouble(&self) -> Vec<String> {
        let mut trouble = lock(&self.shared.trouble);
        let told = trouble.told;
        trouble.told = trouble.sentences.len();
        trouble.sentences[told..].to_vec()
    }

    /// Ends the run: every row is written, then what `render` makes of the run, file by file, then `run.json` with
    /// what `exit` says from the run and from what went wrong in writing: the command's exit code.
    pub fn finish(
        mut self,
        ended: Timestamp,
        render: impl FnOnce(&Run) -> Vec<Rendering>,
        exit: impl FnOnce(&Run, &[String]) -> i32,
    ) -> Finished {
        let pen = self.close();
        let repository = self.historian.take().and_then(|historian| historian.join().ok().flatten());
        lock(&self.shared.manifest).repository = repository;
        finish::finish(&self.shared, self.folder.as_deref(), pen, self.versus.as_ref(), ended, render, exit)
    }

    /// Lets the thread write what waits, and ends it.
    fn close(&mut self) -> Option<Pen> {
        lock(&self.shared.queue).closed = true;
        self.shared.wake.notify_one();
        self.scribe.take()?.join().ok()
    }
}

impl Drop for RunWriter {
    fn drop(&mut self) {
        // Whatever ends the program early, the rows that came are written.
        self.close();
    }
}

/// The folder whose repository the scenario lies in.
fn repository_folder(plan: &Plan) -> Option<PathBuf> {
    let parent = plan.source.as_deref()?.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_path_buf() })
}
