//! `summary.md`, which is also a comment on a pull request and a step's summary on GitHub: the verdict first, then a table,
//! then every case, those that passed folded away.
//!
//! It has a hidden tag by which a later comment finds the one before, and fits what a comment may hold. What is not ours
//! stands in code spans, or is prose that cannot be a link, an image, a mention or a heading.

use std::io::{self, Write};

use crate::report::Advice;
use crate::report::measured::is_struck;
use crate::report::numbers::{percent, quantile};
use crate::report::verdict::{self, Verdict};
use crate::report::view::{self, CaseView};
use crate::results::cell::printable;
use crate::results::{CaseRun, Run};
use crate::stats::{Distribution, Quantile};

/// Characters that a comment may hold, with room for whoever puts a line above it.
pub const MOST: usize = 60_000;

/// Characters of a scenario's own prose.
const PROSE: usize = 2000;

/// Characters of the table of all cases; what is left is for the cases themselves.
const TABLE: usize = 25_000;

/// Writes the summary of a run.
pub fn render(run: &Run, advice: Advice<'_>, out: &mut dyn Write) -> io::Result<()> {
    let name = if run.manifest.scenario.is_empty() { "requests.csv" } else { &run.manifest.scenario };
    let tag: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).take(100).collect();
    let mut page = format!("<!-- lamb-load: run {tag} -->\n# {}\n\n", code(&first(name, 200)));
    page += &format!("**{}**\n\n", first(&escape(&verdict::headline(run)), PROSE));
    for prose in [&run.manifest.description, &run.manifest.notes].into_iter().flatten() {
        page += &format!("{}\n\n", first(&escape(&first(prose, PROSE)), PROSE));
    }
    page += &written(|out| table(run, &run.cases, out), TABLE, || told(run))?;
    let end = written(|out| provenance(run, out), usize::MAX, String::new)?;
    let room = MOST.saturating_sub(page.chars().count() + end.chars().count());
    page += &cases(run, advice, room)?;
    out.write_all(page.as_bytes())?;
    out.write_all(end.as_bytes())
}

/// A run at a glance, for a page of other things: its verdict, where it comes from, a line for each case.
pub fn at_a_glance(run: &Run, out: &mut dyn Write) -> io::Result<()> {
    let manifest = &run.manifest;
    let mut parts = vec![format!("**{}**", escape(&verdict::headline(run)))];
    parts.extend(Some(&manifest.run_id).filter(|id| !id.is_empty()).map(|id| code(id)));
    parts.extend(manifest.host.cpu.as_ref().map(|cpu| format!("measured on {}", code(cpu))));
    writeln!(out, "{}\n", parts.join(" · "))?;
    out.write_all(written(|out| table(run, &run.cases, out), TABLE, || told(run))?.as_bytes())
}

/// The first characters of a text.
fn first(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is written, or what stands in its place where that is too long.
fn written(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    most: usize,
    instead: impl FnOnce() -> String,
) -> io::Result<String> {
    let mut bytes = Vec::new();
    write(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(if text.chars().count() > most { instead() } else { text })
}

/// In place of a table of too many cases: the worst off of them.
fn told(run: &Run) -> String {
    let mut worst: Vec<&CaseRun> = run.cases.iter().collect();
    worst.sort_by_key(|case| std::cmp::Reverse(Verdict::of_case(run, case)));
    let mut most = worst.len();
    loop {
        most /= 2;
        let mut bytes = Vec::new();
        // Memory takes whatever is written to it.
        let _ = table(run, worst.iter().take(most).copied(), &mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.chars().count() <= TABLE || most == 0 {
            return format!(
                "{text}… and {} more cases, none of them worse off: see `summary.csv`\n\n",
                worst.len() - most
            );
        }
    }
}

/// Every case, those that passed folded away; as many as there is room for, the worse off first.
fn cases(run: &Run, advice: Advice<'_>, room: usize) -> io::Result<String> {
    const FOLD: &str = "<details><summary>Cases that passed</summary>\n\n";
    let mut left = room.saturating_sub(FOLD.len() + 200);
    let (mut shown, mut folded, mut left_out) = (String::new(), String::new(), 0);
    let is_fine = |case: &&CaseRun| Verdict::of_case(run, case) == Verdict::Passed;
    let (fine, others): (Vec<&CaseRun>, Vec<&CaseRun>) = run.cases.iter().partition(is_fine);
    for (cases, page) in [(others, &mut shown), (fine, &mut folded)] {
        for case in cases {
            let text = written(|out| section(&view::case(run, case, advice), out), left, String::new)?;
            left_out += usize::from(text.is_empty());
            left -= text.chars().count();
            page.push_str(&text);
        }
    }
    if !folded.is_empty() {
        shown += &format!("{FOLD}{folded}</details>\n\n");
    }
    if left_out > 0 {
        shown += &format!("{left_out} more cases had no room here: see `summary.csv` and `report.html`\n\n");
    }
    Ok(shown)
}

fn table<'a>(run: &Run, cases: impl IntoIterator<Item = &'a CaseRun>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| case | verdict | success | P50 | P90 | P95 | P99 | TTFT P50 |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for case in cases {
        let verdict = escape(&verdict::case_headline(run, case));
        let success = case.summary.success_rate.map(|share| percent(share.rate)).unwrap_or_default();
        let order = case.summary.headline().ranked;
        write!(out, "| {} | {verdict} | {success} |", code_in_table(&case.facts.case))?;
        for value in [order.median, order.p90, order.p95, order.p99] {
            write!(out, " {} |", number(case, "", case.summary.headline(), value))?;
        }
        writeln!(out, " {} |", number(case, "ttft", &case.summary.ttft, case.summary.ttft.ranked.median))?;
    }
    writeln!(out)
}

fn number(case: &CaseRun, name: &str, all: &Distribution, value: Quantile) -> String {
    if all.n == 0 {
        return String::new();
    }
    let name = if name.is_empty() { case.summary.headline.as_str() } else { name };
    let shown = quantile(value, all.n - all.answered, all.n);
    if is_struck(case, name) { format!("~~{shown}~~") } else { shown }
}

fn section(view: &CaseView, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## {}\n", code(&view.label))?;
    writeln!(out, "{} · {}\n", escape(&view.headline), escape(&view.asked))?;
    for line in &view.lines {
        // Models name themselves.
        let value = if line.name == "answered by" { code(&first(&line.value, PROSE)) } else { escape(&line.value) };
        let value = if line.struck { format!("~~{value}~~") } else { value };
        match line.name {
            "" => writeln!(out, "  - {value}")?,
            name => writeln!(out, "- **{name}**: {value}")?,
        }
    }
    if !view.lines.is_empty() {
        writeln!(out)?;
    }
    failures(view, out)?;
    for gate in &view.gates {
        let mark = match gate.state {
            "passed" => "[x]",
            _ => "[ ]",
        };
        let why = gate.why.as_deref().map(|why| format!(": {}", escape(why))).unwrap_or_default();
        writeln!(out, "- {mark} {} {}{why}", gate.state, code(&gate.expected))?;
    }
    if !view.gates.is_empty() {
        writeln!(out)?;
    }
    for note in &view.notes {
        writeln!(out, "> {}\n", escape(&first(note, PROSE)))?;
    }
    Ok(())
}

fn failures(view: &CaseView, out: &mut dyn Write) -> io::Result<()> {
    if view.failures.is_empty() {
        return Ok(());
    }
    writeln!(out, "Failures:\n")?;
    for failure in &view.failures {
        writeln!(out, "- {} ({})", escape(&failure.headline), escape(&failure.who))?;
        if let Some(example) = &failure.example {
            writeln!(out, "  - said: {}", code(example))?;
        }
        if let Some(advice) = &failure.advice {
            writeln!(out, "  - try: {}", escape(advice))?;
        }
    }
    if view.more_failures > 0 {
        writeln!(out, "- and {} more causes", view.more_failures)?;
    }
    writeln!(out)
}

fn provenance(run: &Run, out: &mut dyn Write) -> io::Result<()> {
    let manifest = &run.manifest;
    if !run.state.has_manifest {
        return Ok(());
    }
    let mut lines = vec![format!("run {}", code(&manifest.run_id)), format!("seed {}", manifest.seed)];
    lines.extend(manifest.started.map(|started| format!("started {}", code(&started.to_string()))));
    lines.extend(manifest.tool.as_ref().map(|tool| {
        let revision = tool.revision.as_deref().and_then(|revision| revision.get(..12));
        let revision = revision.map(|revision| format!(" ({})", code(revision))).unwrap_or_default();
        format!("{} {}{revision}", escape(&tool.name), escape(&tool.version))
    }));
    lines.extend(manifest.repository.as_ref().map(|repository| {
        let dirty = if repository.dirty { ", with changes" } else { "" };
        format!("scenario at {}{dirty}", code(repository.commit.get(..12).unwrap_or(&repository.commit)))
    }));
    lines.extend(manifest.host.cpu.as_ref().map(|cpu| format!("measured on {}", code(cpu))));
    writeln!(out, "---\n\n{}", lines.join(" · "))
}

/// A code span that nothing in the text can end.
pub fn code(text: &str) -> String {
    let text = printable(text);
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match text.is_empty() {
        true => String::new(),
        // A space on each side is taken off again; it keeps backticks of the text from the fence.
        false if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

/// The same in a table, where a bar would end the cell even in a code span.
pub fn code_in_table(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Prose without markup: punctuation that could begin some is escaped; addresses and mentions lead nowhere.
///
/// GitHub looks for mentions, issues and addresses in what it has rendered, where an escape is gone again: a space of no
/// width stands behind what they begin with.
pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for letter in printable(text).chars() {
        match letter {
            '#' => out.push_str("\\#&#8203;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => out.extend(['\\', letter]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("@&#8203;"),
            _ => out.push(letter),
        }
    }
    // Bare addresses become links by themselves.
    out.replace("://", ":&#8203;//").replace("www.", "www&#8203;.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{advice, some_run};

    fn page(run: &Run) -> String {
        let mut out = Vec::new();
        render(run, &advice, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_summary_for_a_repository() {
        insta::assert_snapshot!(page(&some_run()));
    }

    #[test]
    fn a_run_of_a_thousand_cases_fits_a_comment_and_shows_the_worst_off() {
        let mut run = some_run();
        let (failed, passed) = (run.cases[0].clone(), run.cases[1].clone());
        run.cases = vec![passed.clone(); 20];
        let some = page(&run);
        assert!(
            some.starts_with("<!-- lamb-load: run poem -->\n# `poem`\n") && some.ends_with("23:31:04Z`\n"),
            "{some}"
        );
        assert!(!some.contains("more cases") && some.contains("<details><summary>Cases that passed</summary>"));
        run.cases = vec![passed; 1000];
        run.cases.extend(vec![failed; 3]);
        run.manifest.description = Some("@all ".repeat(20_000));
        let many = page(&run);
        assert!(many.chars().count() <= MOST, "{}", many.chars().count());
        assert_eq!(many.matches("FAILED · 0 of 2 gates passed").count(), 6, "three rows and three sections");
        assert!(many.contains("more cases, none of them worse off") && many.contains("more cases had no room here"));
        assert!(many.matches("<details>").count() == many.matches("</details>").count());
    }

    #[test]
    fn nothing_ends_a_code_span_from_within() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`x"), "`` `x ``");
        assert_eq!(code(""), "");
        assert_eq!(code("a\nb"), "`a\\nb`");
        assert_eq!(code_in_table("a|b"), "`a\\|b`");
    }

    #[test]
    fn prose_has_no_links_images_mentions_or_headings() {
        assert_eq!(
            escape("# hi @you ![x](http://x.y) <b> www.z.y a_b #12"),
            "\\#&#8203; hi @&#8203;you \\!\\[x\\](http:&#8203;//x.y) &lt;b&gt; www&#8203;.z.y a\\_b \\#&#8203;12"
        );
    }
}
