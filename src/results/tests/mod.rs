//! A run written and read back, on disks that behave and disks that do not.

mod address;
pub(crate) mod example;
mod readme;

use std::path::Path;
use std::time::Duration;

use fs_err as fs;

use crate::results::columns::COLUMNS;
use crate::results::folder::{MANIFEST, REQUESTS};
use crate::results::pen::Pen;
use crate::results::scrub::Scrubber;
use crate::results::shared::Trouble;
use crate::results::tests::example::{TRIPWIRE, began, manifest, measure, plan};
use crate::results::{CaseRun, Finished, Rendering, Run, RunWriter, list, read, read_keeping};
use crate::stats::validity::Label;

/// Everything that a run says, as one rendering.
fn render(run: &Run) -> Vec<Rendering> {
    let run = Run { manifest: crate::results::Manifest { exit_code: None, ..run.manifest.clone() }, ..run.clone() };
    vec![("summary.md", format!("{run:#?}").into_bytes())]
}

fn finish(writer: RunWriter) -> Finished {
    writer.finish(began() + Duration::from_secs(600), render, |run, trouble| {
        if trouble.is_empty() { i32::from(run.cases[1].gates.iter().any(|gate| gate.metric.is_empty())) } else { 2 }
    })
}

/// Whole runs are compared; where they differ, the first lines that do are shown.
#[track_caller]
fn assert_same(got: &Run, expected: &Run) {
    let (got_text, expected_text) = (format!("{got:#?}"), format!("{expected:#?}"));
    let differ = got_text.lines().zip(expected_text.lines()).enumerate().filter(|(_, (got, expected))| got != expected);
    assert!(got == expected, "{:#?}", differ.take(5).collect::<Vec<_>>());
}

fn a_run(out: &Path) -> Finished {
    let plan = plan();
    let writer = RunWriter::create(out, &plan, manifest(&plan)).unwrap();
    measure(&writer);
    finish(writer)
}

#[test]
fn where_a_run_stands_is_what_every_row_so_far_says() {
    let out = tempfile::tempdir().unwrap();
    let plan = plan();
    let writer = RunWriter::create(out.path(), &plan, manifest(&plan)).unwrap();
    let requests = |cases: &[CaseRun]| cases.iter().map(|case| case.summary.requests).collect::<Vec<_>>();
    assert_eq!(requests(&writer.so_far().unwrap()), [0, 0]);
    measure(&writer);
    // It waits for the rows that the thread still gathers.
    let stands = writer.so_far().unwrap();
    assert_eq!(requests(&stands), [20, 60]);
    for (case, ended) in stands.iter().zip(&finish(writer).run.cases) {
        assert!(case.summary == ended.summary && case.rounds == ended.rounds, "{}", case.facts.case);
        assert_eq!((&case.validity, &case.gates), (&ended.validity, &ended.gates));
    }
}

#[test]
fn a_run_read_back_is_the_run_that_was_measured() {
    let out = tempfile::tempdir().unwrap();
    let finished = a_run(out.path());
    assert_eq!(finished.trouble, [""; 0]);
    let folder = finished.folder.unwrap();
    let back = read(&folder).unwrap();
    assert_same(&back, &finished.run);
    assert!(back.state.is_complete() && back.manifest.complete, "{:?}", back.state);
    assert_eq!((back.rows, back.manifest.rows, back.preflights.len()), (83, 83, 1));
    let counts: Vec<_> = back.cases.iter().map(|case| (case.summary.requests, case.summary.ok, case.warmups)).collect();
    assert_eq!(counts, [(20, 16, 1), (60, 56, 1)]);
    let labels = back.cases.iter().map(|case| case.validity.as_ref().unwrap().label);
    assert_eq!(labels.collect::<Vec<_>>(), [Label::Valid, Label::Valid], "{:?}", back.cases[0].validity);
    assert!(back.cases[0].summary.gap.n > 0, "gaps come back through run.json");
    assert_eq!(render(&back)[0].1, fs::read(folder.join("summary.md")).unwrap());
    assert_same(&read(&folder.join(REQUESTS)).unwrap(), &back);
    assert_same(&read(&out.path().join("poem/latest")).unwrap(), &back);
    assert_eq!(list(out.path()).unwrap(), [folder]);
}

#[test]
fn no_secret_reaches_any_file() {
    let out = tempfile::tempdir().unwrap();
    let folder = a_run(out.path()).folder.unwrap();
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(TRIPWIRE), "{} has the secret", file.display());
        assert!(text.contains("***"), "{} had it in the first place", file.display());
    }
}

#[test]
fn rows_lie_with_the_kernel_while_the_run_goes_on() {
    let out = tempfile::tempdir().unwrap();
    let plan = plan();
    let writer = RunWriter::create(out.path(), &plan, manifest(&plan)).unwrap();
    let folder = writer.folder().unwrap().to_path_buf();
    let before = read(&folder).unwrap();
    assert_eq!(
        (before.rows, before.state.partial.as_slice()),
        (0, &["the run was killed, or is still going on".into()][..])
    );
    measure(&writer);
    // Not how long it takes, only that nobody has to end the run for it.
    while read(&folder).unwrap().rows < 83 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!read(&folder).unwrap().state.is_complete());
    drop(writer);
    assert_eq!(read(&folder).unwrap().rows, 83);
}

#[test]
fn a_row_that_a_kill_tore_is_left_out_and_counted() {
    let out = tempfile::tempdir().unwrap();
    let folder = a_run(out.path()).folder.unwrap();
    let rows = fs::read(folder.join(REQUESTS)).unwrap();
    for cut in 1..rows.len() - rows.iter().position(|byte| *byte == b'\n').unwrap() - 1 {
        let kept = &rows[..rows.len() - cut];
        let whole = kept.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
        if cut % 997 != 1 && cut > 260 {
            continue; // every byte of the last row, and a sample of the rest
        }
        fs::write(folder.join(REQUESTS), kept).unwrap();
        let run = read(&folder).unwrap();
        let torn = u64::from(!kept.ends_with(b"\n"));
        assert_eq!((run.rows, run.state.unreadable), (whole, torn), "{cut} bytes short");
    }
}

#[test]
fn a_table_that_a_spreadsheet_touched_says_the_same() {
    let out = tempfile::tempdir().unwrap();
    let finished = a_run(out.path());
    let folder = finished.folder.unwrap();
    let text = fs::read_to_string(folder.join(REQUESTS)).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for record in reader.records() {
        let record = record.unwrap();
        let mut cells: Vec<&str> = record.iter().rev().collect();
        cells.insert(3, "a column of mine");
        writer.write_record(cells).unwrap();
    }
    let touched = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    let touched = format!("\u{feff}{}", touched.trim_end()).replace("false", "FALSE");
    fs::write(folder.join(REQUESTS), touched).unwrap();
    assert_same(&read(&folder).unwrap(), &finished.run);
}

#[test]
fn semicolons_and_decimal_commas_are_read_too() {
    let out = tempfile::tempdir().unwrap();
    let finished = a_run(out.path());
    let folder = finished.folder.unwrap();
    let text = fs::read_to_string(folder.join(REQUESTS)).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    for record in reader.records() {
        let cells = record.unwrap();
        let is_number = |cell: &str| cell.parse::<f64>().is_ok();
        writer
            .write_record(cells.iter().map(|cell| if is_number(cell) { cell.replace('.', ",") } else { cell.into() }))
            .unwrap();
    }
    fs::write(folder.join(REQUESTS), writer.into_inner().unwrap()).unwrap();
    assert_same(&read(&folder).unwrap(), &finished.run);
}

#[test]
fn a_lone_table_is_read_and_says_that_it_is_alone() {
    let out = tempfile::tempdir().unwrap();
    let finished = a_run(out.path());
    let lone = out.path().join("from-a-mail.csv");
    fs::copy(finished.folder.unwrap().join(REQUESTS), &lone).unwrap();
    let run = read(&lone).unwrap();
    assert_eq!(run.state.partial, ["there is no run.json beside the rows, so the plan is not known"]);
    let shown: Vec<_> =
        run.cases.iter().map(|case| (case.facts.case.as_str(), case.facts.users, &case.summary.latency)).collect();
    let measured = &finished.run.cases;
    assert_eq!(
        shown,
        [("local/m/all/10", 10, &measured[0].summary.latency), ("local/m/all/30", 30, &measured[1].summary.latency)]
    );
}

#[test]
fn what_is_no_table_of_requests_is_refused_by_name() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("budget.csv");
    fs::write(&path, "month;amount\n1;2\n").unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.ends_with("budget.csv: not a requests.csv: no column phase, outcome, end_ms"), "{message}");
    assert!(read(&out.path().join("nothing")).unwrap_err().to_string().contains("nothing"));
    fs::write(out.path().join(MANIFEST), "{").unwrap();
    assert!(read(out.path()).unwrap_err().to_string().contains("run.json: "));
}

#[test]
fn samples_are_kept_whole_only_as_many_as_asked_for() {
    let out = tempfile::tempdir().unwrap();
    let folder = a_run(out.path()).folder.unwrap();
    let run = read_keeping(&folder, 25).unwrap();
    assert_eq!(run.cases.iter().map(|case| case.samples.len()).collect::<Vec<_>>(), [20, 5]);
    assert_eq!(run.cases[0].samples[0].arrival.user, 10);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_refused_before_anything_is_sent() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("results");
    fs::write(&file, "in the way").unwrap();
    let plan = plan();
    let message = RunWriter::create(&file, &plan, manifest(&plan)).unwrap_err().to_string();
    assert!(message.starts_with("cannot write results to ") && message.contains("poem"), "{message}");
    let writer = RunWriter::in_memory(&plan, manifest(&plan));
    measure(&writer);
    let finished = finish(writer);
    assert_eq!((finished.folder, finished.run.rows, finished.run.manifest.exit_code), (None, 83, Some(0)));
}

/// A file on a disk with so much room.
struct SmallDisk(fs::File, usize);

impl std::io::Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = bytes.len().min(self.1);
        if count == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.1 -= count;
        self.0.write_all(&bytes[..count]).map(|()| count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_full_disk_costs_no_number_and_nothing_that_was_written() {
    let out = tempfile::tempdir().unwrap();
    let (plan, folder) = (plan(), out.path().join("poem/1"));
    fs::create_dir_all(&folder).unwrap();
    let mut file = fs::File::create(folder.join(REQUESTS)).unwrap();
    std::io::Write::write_all(&mut file, format!("{}\n", COLUMNS.join(",")).as_bytes()).unwrap();
    let pen = Pen::new(Box::new(SmallDisk(file, 5000)));
    let writer = RunWriter::start(
        manifest(&plan),
        Scrubber::default(),
        Some(folder.clone()),
        pen,
        Trouble::default(),
        (plan.toml.clone(), None),
    );
    measure(&writer);
    let finished = finish(writer);
    assert_eq!(finished.run.rows, 83, "every request is in the numbers");
    assert_eq!(finished.run.cases[1].summary.requests, 60);
    let lost = finished.run.manifest.rows_lost;
    assert_eq!(finished.run.manifest.exit_code, Some(2));
    assert_eq!(finished.trouble.len(), 1);
    assert!(finished.trouble[0].starts_with("could not write a row of requests.csv: "), "{:?}", finished.trouble);
    let back = read(&folder).unwrap();
    assert_eq!((back.rows, back.state.unreadable), (83 - lost, 0), "whole rows up to where the disk was full");
    assert_eq!(back.state.partial, [format!("{lost} rows could not be written")]);
    assert!(back.rows > 10 && lost > 10);
}

#[test]
fn a_run_that_was_ended_early_says_why() {
    let out = tempfile::tempdir().unwrap();
    let plan = plan();
    let writer = RunWriter::create(out.path(), &plan, manifest(&plan)).unwrap();
    writer.update(|manifest| manifest.ended_early = Some("interrupted".into()));
    let finished = finish(writer);
    assert_eq!(finished.run.state.partial, ["interrupted"]);
    assert_same(&read(&finished.folder.unwrap()).unwrap(), &finished.run);
}
