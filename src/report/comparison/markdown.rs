//! A comparison as a comment on a pull request: the verdict first, a table, then why.
//!
//! It has a hidden tag by which a later comment finds the one before, and fits what a comment may hold. What is not
//! ours stands in code spans, where it cannot be a link, an image, a mention or a heading.

use std::io::{self, Write};

use crate::report::comparison::{Compared, Party, Word, words};
use crate::report::markdown::{code, code_in_table, escape};
use crate::stats::compare::CaseComparison;

/// Characters that a comment may hold, with room for whoever puts a line above it.
pub const MOST: usize = 60_000;

/// Writes one comparison, or several with the same run.
pub fn render(all: &[Compared], out: &mut dyn Write) -> io::Result<()> {
    // What is left out first is what matters least: secondary metrics, then cases that are well.
    let mut most = usize::MAX;
    let mut page = page(all, most, true);
    if page.chars().count() > MOST {
        most = all.iter().map(|one| one.comparison.cases.len()).sum();
        page = self::page(all, most, false);
    }
    while page.chars().count() > MOST && most > 0 {
        most /= 2;
        page = self::page(all, most, false);
    }
    out.write_all(page.as_bytes())
}

/// A page of the `most` cases that are worst off.
fn page(all: &[Compared], most: usize, secondary: bool) -> String {
    let scenario = all.first().map_or("", |one| one.after.scenario.as_str());
    let name: String = scenario.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let mut page = format!("<!-- lamb-load: compare {name} -->\n### {}\n\n", escape(&words::headline(all)));
    for (place, one) in all.iter().enumerate() {
        if place == 0 {
            page += &party("before", &one.before);
        }
        page += &party("after", &one.after);
        let chosen = worst(&one.comparison.cases, most);
        page += &table(one, &chosen);
        let left_out = one.comparison.cases.len() - chosen.len();
        if left_out > 0 {
            page += &format!("… and {left_out} more cases, none of them worse off: see `lamb-load compare`\n\n");
        }
        page += &reasons(one, &chosen);
        if secondary {
            page += &more(&chosen);
        }
    }
    page
}

/// The worst off, in the order in which they ran.
fn worst(cases: &[CaseComparison], most: usize) -> Vec<&CaseComparison> {
    let mut chosen: Vec<(usize, &CaseComparison)> = cases.iter().enumerate().collect();
    chosen.sort_by_key(|(place, case)| (std::cmp::Reverse(Word::of(case)), *place));
    chosen.truncate(most);
    chosen.sort_by_key(|(place, _)| *place);
    chosen.into_iter().map(|(_, case)| case).collect()
}

fn party(name: &str, party: &Party) -> String {
    format!("{name}: {}\n\n", code(&words::party(party)))
}

fn table(one: &Compared, cases: &[&CaseComparison]) -> String {
    if cases.is_empty() {
        return String::new();
    }
    let mut table = "| case | verdict | before → after | change (95 %) | rounds | success |\n".to_owned();
    table += "|---|---|---|---|---|---|\n";
    for case in cases {
        let word = words::word(Word::of(case), one.options.tolerance);
        let change = words::effect(case).unwrap_or_default();
        let interval = words::interval(case).map(|interval| format!(" ({interval})")).unwrap_or_default();
        let [before, after] = [case.rounds[0].len(), case.rounds[1].len()];
        table += &format!(
            "| {} | **{word}** | {} {} | {change}{interval} | {before} + {after} | {} |\n",
            code_in_table(&words::label(case)),
            escape(&case.metric),
            words::values(case),
            words::success(case).unwrap_or_default(),
        );
    }
    table + "\n"
}

fn reasons(one: &Compared, cases: &[&CaseComparison]) -> String {
    let mut lines = Vec::new();
    for case in cases {
        let label = code(&words::label(case));
        for mismatch in &case.comparability.mismatches {
            lines.push(format!("{label} differs in {}", code(&words::mismatch(mismatch))));
        }
        if let Some(why) = case.why.as_ref().filter(|_| Word::of(case) != Word::NotComparable) {
            lines.push(format!("{label}: {}", escape(&words::bounded(why))));
        }
        if !case.comparability.unchecked.is_empty() {
            lines.push(format!("{label}: not checked: {}", escape(&case.comparability.unchecked.join(", "))));
        }
    }
    for (keys, side) in [(&one.comparison.missing, "before"), (&one.comparison.new, "after")] {
        lines.extend(
            keys.iter().take(50).map(|key| format!("only {side}: {}", code(&words::bounded(&key.to_string())))),
        );
        lines.extend((keys.len() > 50).then(|| format!("only {side}: {} more", keys.len() - 50)));
    }
    let lines: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    if lines.is_empty() { lines } else { lines + "\n" }
}

/// Secondary metrics, folded.
fn more(cases: &[&CaseComparison]) -> String {
    let mut rows = String::new();
    for case in cases {
        let told: Vec<String> = case.secondary.iter().filter_map(words::secondary).map(|one| escape(&one)).collect();
        if !told.is_empty() {
            rows += &format!("| {} | {} |\n", code_in_table(&words::label(case)), told.join("<br>"));
        }
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<details><summary>{}</summary>\n\n| case | before → after |\n|---|---|\n{rows}\n</details>\n\n",
        words::SECONDARY
    )
}
