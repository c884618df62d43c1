//! Tables between markers: what keeps a repository's README at its latest numbers.
//!
//! `<!-- lamb-load: report poem -->` begins a place for a run's table and `<!-- lamb-load: end -->` ends it; whatever
//! stands between them is replaced, and nothing else. Which run `poem` is, is not known here.

use std::io;

use crate::report::markdown;
use crate::results::Run;

const BEGIN: &str = "<!-- lamb-load: report ";
const END: &str = "<!-- lamb-load: end -->";

/// Why a text cannot be spliced: which line, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// 1-based; 0 is the whole text.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

/// The text with every place filled, and how many there are. `table` makes what stands there from the words of the
/// marker.
///
/// # Errors
/// All that is wrong with the markers: then nothing is replaced.
pub fn splice(
    text: &str,
    table: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<(String, usize), Vec<Problem>> {
    let end_of_line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (mut out, mut problems) = (String::with_capacity(text.len()), Vec::new());
    let (mut open, mut fence, mut places) = (None, None, 0);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let bare = line.trim();
        let begun = bare.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix("-->")).map(str::trim);
        if open.is_none() {
            // What a page tells of markers is no marker.
            fence = fenced(fence, bare);
            out.push_str(line);
        }
        match (begun.filter(|_| fence.is_none()), open) {
            (Some(what), None) => {
                open = Some(number);
                places += 1;
                match table(what) {
                    Ok(table) => {
                        if !line.ends_with('\n') {
                            out.push_str(end_of_line);
                        }
                        out.push_str(&format!("\n{}\n\n", table.trim()).replace('\n', end_of_line));
                    }
                    Err(message) => problems.push(Problem { line: number, message }),
                }
            }
            (Some(_), Some(before)) => {
                let message = format!("the place that line {before} begins has no end: write {END} before this");
                problems.push(Problem { line: number, message });
            }
            (None, Some(_)) if bare == END => {
                open = None;
                out.push_str(line);
            }
            (None, _) => {}
        }
    }
    if let Some(line) = open {
        problems.push(Problem { line, message: format!("this place has no end: write {END} where it is") });
    }
    if places == 0 {
        let message = format!("there is no place for a table: write {BEGIN}NAME --> and {END} where it belongs");
        problems.push(Problem { line: 0, message });
    }
    if problems.is_empty() { Ok((out, places)) } else { Err(problems) }
}

/// The fence of the block of code that this line is in or leaves open.
fn fenced<'a>(fence: Option<&'a str>, line: &'a str) -> Option<&'a str> {
    let mark = |letter: char| line.len() - line.trim_start_matches(letter).len();
    let length = mark('`').max(mark('~'));
    match fence {
        Some(open) if line.starts_with(open) && line.trim_matches(['`', '~']).is_empty() => None,
        Some(open) => Some(open),
        // Behind a fence of backticks stands no other: that would be code within a line.
        None if length >= 3 && (line.starts_with('~') || !line[length..].contains('`')) => Some(&line[..length]),
        None => None,
    }
}

/// What stands between the markers for a run.
pub fn table(run: &Run) -> io::Result<String> {
    let mut out = Vec::new();
    markdown::at_a_glance(run, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::some_run;

    fn spliced(text: &str) -> Result<(String, usize), Vec<Problem>> {
        splice(text, &mut |what| match what {
            "limerick" => Err("there is no run of limerick".into()),
            what => Ok(format!("| {what} |")),
        })
    }

    #[test]
    fn what_stands_between_markers_is_replaced_and_nothing_else() {
        let page = "# a\n<!-- lamb-load: report poem -->\nold\n<!-- lamb-load: end -->\nb\n  <!-- lamb-load: report x/y -->\n<!-- lamb-load: end -->";
        let expected = "# a\n<!-- lamb-load: report poem -->\n\n| poem |\n\n<!-- lamb-load: end -->\nb\n  <!-- lamb-load: report x/y -->\n\n| x/y |\n\n<!-- lamb-load: end -->";
        assert_eq!(spliced(page), Ok((expected.to_owned(), 2)));
        assert_eq!(spliced(expected), Ok((expected.to_owned(), 2)), "again changes nothing");
    }

    #[test]
    fn ends_of_lines_stay_as_they_are() {
        let page = "<!-- lamb-load: report poem -->\r\n<!-- lamb-load: end -->\r\n";
        let expected = "<!-- lamb-load: report poem -->\r\n\r\n| poem |\r\n\r\n<!-- lamb-load: end -->\r\n";
        assert_eq!(spliced(page), Ok((expected.to_owned(), 1)));
    }

    #[test]
    fn a_marker_in_a_block_of_code_is_told_of_not_meant() {
        let page = "````md\n```\n<!-- lamb-load: report poem -->\n<!-- lamb-load: end -->\n````\n";
        let real = "<!-- lamb-load: report poem -->\n<!-- lamb-load: end -->\n";
        assert_eq!(spliced(page).unwrap_err()[0].line, 0);
        assert_eq!(spliced(&format!("{page}{real}")).unwrap().1, 1);
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_changes_nothing() {
        let page = "<!-- lamb-load: report limerick -->\n<!-- lamb-load: report poem -->\n";
        let told: Vec<(usize, String)> =
            spliced(page).unwrap_err().into_iter().map(|problem| (problem.line, problem.message)).collect();
        assert_eq!(told[0], (1, "there is no run of limerick".to_owned()));
        assert!(told[1].0 == 2 && told[1].1.starts_with("the place that line 1 begins has no end"), "{told:?}");
        assert!(told[2].0 == 1 && told[2].1.starts_with("this place has no end"), "{told:?}");
    }

    #[test]
    fn a_runs_table_says_whether_to_believe_it() {
        insta::assert_snapshot!(table(&some_run()).unwrap());
    }
}
