//! `summary.md`, and what can be pasted into a pull request: the verdict first, then a table, then every case.
//!
//! What is not ours stands in code spans, where it cannot be a link, an image, a mention or a heading.

use std::io::{self, Write};

use crate::report::Advice;
use crate::report::measured::is_struck;
use crate::report::numbers::{percent, quantile};
use crate::report::verdict;
use crate::report::view::{self, CaseView};
use crate::results::cell::printable;
use crate::results::{CaseRun, Run};
use crate::stats::{Distribution, Quantile};

/// Writes the summary of a run.
pub fn render(run: &Run, advice: Advice<'_>, out: &mut dyn Write) -> io::Result<()> {
    let name = if run.manifest.scenario.is_empty() { "requests.csv" } else { &run.manifest.scenario };
    writeln!(out, "# {}\n", code(name))?;
    writeln!(out, "**{}**\n", escape(&verdict::headline(run)))?;
    for prose in [&run.manifest.description, &run.manifest.notes].into_iter().flatten() {
        writeln!(out, "{}\n", escape(prose))?;
    }
    table(run, out)?;
    for case in &run.cases {
        section(&view::case(run, case, advice), out)?;
    }
    provenance(run, out)
}

fn table(run: &Run, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| case | verdict | success | P50 | P90 | P95 | P99 | TTFT P50 |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for case in &run.cases {
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
        let value = escape(&line.value);
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
        writeln!(out, "> {}\n", escape(note))?;
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
pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for letter in printable(text).chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => out.extend(['\\', letter]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            _ => out.push(letter),
        }
    }
    // Bare addresses become links by themselves.
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{advice, some_run};

    #[test]
    fn a_summary_for_a_repository() {
        let mut out = Vec::new();
        render(&some_run(), &advice, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
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
            "\\# hi &#64;you \\!\\[x\\](http&#58;//x.y) &lt;b&gt; www&#46;z.y a\\_b \\#12"
        );
    }
}
