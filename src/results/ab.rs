//! What makes two runs the two sides of one `ab`: each names the other, so that whoever compares them pairs their rounds.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::results::manifest::Manifest;
use crate::results::run::Run;
use crate::stats::compare::Options;

/// What a run that is one side of an `ab` says of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AbFacts {
    /// `before` or `after`.
    pub side: String,
    /// The run id of the other side.
    pub other: String,
    /// Whether both are the same: what differs is noise.
    pub same: bool,
    /// What differs on purpose, as `compare` names it: `target`, `model`, `max_tokens` …
    pub varied: Vec<String>,
    /// Pairs of rounds that were planned.
    pub pairs: u32,
    /// The p below which a difference counts after the pairs that were measured.
    pub level: f64,
}

/// How two runs are compared: as asked, and paired where they are the sides of one `ab`.
pub fn options(before: &Run, after: &Run, asked: &Options) -> Options {
    let mut options = asked.clone();
    let Some(facts) = facts(before, after) else { return options };
    options.paired = true;
    options.level = facts.level;
    for what in &facts.varied {
        if !options.varied.contains(what) {
            options.varied.push(what.clone());
        }
    }
    options
}

/// What differs between two plans whose cases correspond, as `compare` names it, and what must follow from it.
pub fn varied(before: &Manifest, after: &Manifest) -> Vec<String> {
    let mut varied = BTreeSet::new();
    if before.prompts_hash != after.prompts_hash {
        varied.insert("prompts".to_owned());
    }
    for (one, other) in before.cases.iter().zip(&after.cases) {
        let fields = [
            ("target", one.target == other.target),
            ("model", one.model == other.model),
            ("prompts", one.prompts == other.prompts && one.prompt_names == other.prompt_names),
            ("users", one.load == other.load && one.users == other.users),
            ("stream", one.stream == other.stream),
            ("max_tokens", one.max_tokens == other.max_tokens),
            ("connections", one.cold == other.cold),
            ("spread", one.spread_ms == other.spread_ms),
        ];
        varied.extend(fields.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name.to_owned()));
        let parameters = [one, other].map(|case| case.parameters.clone().unwrap_or_default());
        for name in parameters[0].keys().chain(parameters[1].keys()) {
            if parameters[0].get(name) != parameters[1].get(name) {
                // Another temperature or system prompt may well make other answers.
                varied.extend([name.clone(), "output length".to_owned()]);
            }
        }
    }
    varied.into_iter().collect()
}

/// What both say, if they are the sides of one `ab`.
pub fn facts<'a>(before: &'a Run, after: &'a Run) -> Option<&'a AbFacts> {
    let (one, other) = (before.manifest.ab.as_ref()?, after.manifest.ab.as_ref()?);
    let is_one_pair = one.other == after.manifest.run_id && other.other == before.manifest.run_id;
    (is_one_pair && one.side != other.side).then_some(one)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::results::parts::CaseFacts;

    fn side(id: &str, side: &str, other: &str) -> Run {
        let mut run = Run::default();
        run.manifest.run_id = id.to_owned();
        let facts = AbFacts { side: side.into(), other: other.into(), level: 0.014, ..AbFacts::default() };
        run.manifest.ab = Some(AbFacts { varied: vec!["model".into()], ..facts });
        run
    }

    #[test]
    fn the_sides_of_one_ab_are_paired_whichever_is_named_first() {
        let (one, other) = (side("a", "before", "b"), side("b", "after", "a"));
        let asked = Options { tolerance: 0.2, ..Options::default() };
        let expected = Options { paired: true, level: 0.014, varied: vec!["model".into()], ..asked.clone() };
        assert_eq!([options(&one, &other, &asked), options(&other, &one, &asked)], [expected.clone(), expected]);
    }

    #[test]
    fn sides_of_different_abs_are_two_runs_like_any_other() {
        let (one, other) = (side("a", "before", "b"), side("b", "after", "c"));
        assert_eq!(options(&one, &other, &Options::default()), Options::default());
        assert_eq!(options(&one, &Run::default(), &Options::default()), Options::default());
    }
    #[test]
    fn whatever_differs_between_the_sides_is_what_they_vary() {
        let facts =
            CaseFacts { target: "t".into(), model: "m".into(), load: "10".into(), users: 10, ..CaseFacts::default() };
        let manifest = |facts: CaseFacts| Manifest { cases: vec![facts], ..Manifest::default() };
        let one = manifest(facts.clone());
        assert_eq!(varied(&one, &one), Vec::<String>::new());
        let parameters = Some(BTreeMap::from([("temperature".to_owned(), "1".to_owned())]));
        let other = CaseFacts { model: "n".into(), max_tokens: Some(4), stream: true, parameters, ..facts };
        let expected = ["max_tokens", "model", "output length", "stream", "temperature"];
        assert_eq!(varied(&one, &manifest(other)), expected);
    }
}
