//! What is wrong with a scenario: file, line, column, key, a caret under the place, and a hint that puts it right.
//!
//! A problem carries its own few words of source, secrets already masked, so that it outlives the file. It refuses to
//! know what a key means.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// The most problems reported at once: more are the sign of a file that is something else.
pub const MOST_PROBLEMS: usize = 100;

/// The longest piece of a line shown above a caret, in characters.
const LONGEST_EXCERPT: usize = 160;

/// One thing that is wrong, or, as advice, that may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is written; `None` when it is about what is missing from flags.
    pub place: Option<Place>,
    /// The key as typed: `targets.local.api_key`; empty for a syntax error.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What puts it right.
    pub hint: Option<String>,
}

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which of the sources, in the order read: problems are told in this order.
    pub source: usize,
    /// The file as typed, or the flag.
    pub name: String,
    /// Line and column, counted from 1, and the words there; `None` for what no person typed as a line.
    pub at: Option<Excerpt>,
}

/// A line of a source and what is pointed at in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excerpt {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The line, shortened, secrets masked.
    pub text: String,
    /// The bytes of `text` that are pointed at.
    pub span: Range2,
}

/// A range that can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range2 {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Excerpt {
    /// The line of `text` that holds the start of `span`; a span of several lines is cut to its first.
    pub fn cut(text: &str, span: Range<usize>) -> Excerpt {
        let start = floor(text, span.start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(text, span.end.clamp(start, line_end));
        let line = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        let shown_start = backward(text, line_start, start, LONGEST_EXCERPT / 2);
        let shown_end = forward(text, start, line_end, LONGEST_EXCERPT);
        Excerpt {
            line,
            column,
            text: text[shown_start..shown_end].trim_end_matches('\r').to_owned(),
            span: Range2 { start: start - shown_start, end: end.min(shown_end) - shown_start },
        }
    }
}

/// Text that a terminal prints and does not obey.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// `to`, or so many characters before `at` when the line starts further back.
fn backward(text: &str, line_start: usize, at: usize, most: usize) -> usize {
    text[line_start..at].char_indices().rev().nth(most).map_or(line_start, |(index, _)| line_start + index)
}

fn forward(text: &str, at: usize, line_end: usize, most: usize) -> usize {
    text[at..line_end].char_indices().nth(most).map_or(line_end, |(index, _)| at + index)
}

impl Problem {
    /// The whole message of several lines; `styled` adds terminal colours to the caret.
    pub fn render(&self, styled: bool) -> String {
        let mut out = String::new();
        let excerpt = self.place.as_ref().and_then(|place| place.at.as_ref());
        if let Some(place) = &self.place {
            out += &place.name;
            if let Some(at) = &place.at {
                out += &format!(":{}:{}", at.line, at.column);
            }
            out += ": ";
        }
        if !self.key.is_empty() {
            out += &format!("{}: ", self.key);
        }
        out += &self.message;
        out.push('\n');
        if let Some(excerpt) = excerpt.filter(|excerpt| !excerpt.text.trim().is_empty()) {
            let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
            let annotation = AnnotationKind::Primary.span(excerpt.span.start..excerpt.span.end);
            let snippet = Snippet::source(&excerpt.text).line_start(excerpt.line).annotation(annotation);
            let drawn = renderer.term_width(200).render(&[Group::with_level(Level::ERROR).element(snippet)]);
            out += &drawn.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
            out.push('\n');
        }
        if let Some(hint) = &self.hint {
            out += &format!("hint: {hint}\n");
        }
        out
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Everything that is wrong with a scenario, in the order of its files and lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Every message, a blank line between them.
    pub fn render(&self, styled: bool) -> String {
        self.0.iter().map(|problem| problem.render(styled)).collect::<Vec<_>>().join("\n")
    }

    /// Sorts by place, and drops what is said twice of one place.
    pub(super) fn tidy(mut self) -> Problems {
        self.0.sort_by(|a, b| a.place.cmp(&b.place));
        self.0.dedup_by(|a, b| a.place.is_some() && a.place == b.place && a.key == b.key && a.message == b.message);
        self.0.truncate(MOST_PROBLEMS);
        for problem in &mut self.0 {
            // Words of the file stand in these; a terminal shall print and not obey them.
            problem.key = printable(&problem.key);
            problem.message = printable(&problem.message);
            problem.hint = problem.hint.as_deref().map(printable);
        }
        self
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// The word of `candidates` that was probably meant by `word`.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    let scored = candidates.into_iter().filter(|candidate| *candidate != word).map(|candidate| {
        let lower = candidate.to_lowercase();
        (strsim::damerau_levenshtein(&wanted, &lower), candidate)
    });
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    let longest = wanted.chars().count().max(best.chars().count());
    (distance * 3 <= longest.max(3)).then_some(best)
}

/// "did you mean" if one is near, else what there is to choose from.
pub fn choose<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if candidates.is_empty() => "there is none to choose from".to_owned(),
        None if candidates.len() > 20 => format!("one of: {}, …", candidates[..20].join(", ")),
        None => format!("one of: {}", candidates.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_place_points_at_it_and_helps() {
        let text = "[targets.local]\nurl = 1\napi_key = \"${LAMB_API_KEY}\"\n";
        let start = text.find("\"$").unwrap();
        let problem = Problem {
            place: Some(Place {
                source: 0,
                name: "scenarios/poem.toml".into(),
                at: Some(Excerpt::cut(text, start..start + 17)),
            }),
            key: "targets.local.api_key".into(),
            message: "LAMB_API_KEY is not set".into(),
            hint: Some("export it, or write ${LAMB_API_KEY:-default}".into()),
        };
        insta::assert_snapshot!(problem, @r#"
        scenarios/poem.toml:3:11: targets.local.api_key: LAMB_API_KEY is not set
          |
        3 | api_key = "${LAMB_API_KEY}"
          |           ^^^^^^^^^^^^^^^^^
        hint: export it, or write ${LAMB_API_KEY:-default}
        "#);
    }

    #[test]
    fn a_line_of_a_megabyte_is_shown_around_the_place_only() {
        let text = format!("a = [{}7]", "1, ".repeat(300_000));
        let at = text.find('7').unwrap();
        let excerpt = Excerpt::cut(&text, at..at + 1);
        assert_eq!((excerpt.line, excerpt.column), (1, at + 1));
        assert!(excerpt.text.len() < 300);
        assert_eq!(&excerpt.text[excerpt.span.start..excerpt.span.end], "7");
    }

    #[test]
    fn the_nearest_word_is_meant_and_a_far_one_is_not() {
        assert_eq!(nearest("modles", ["models", "users"]), Some("models"));
        assert_eq!(nearest("prod", ["production", "local"]), None);
        assert_eq!(choose("xyz", ["warm", "cold"]), "one of: warm, cold");
    }
}
