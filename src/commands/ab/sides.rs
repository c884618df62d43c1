//! The two sides of an `ab`: what was typed becomes two plans that can be measured by turns.

use std::path::Path;

use anyhow::{anyhow, bail};

use crate::cli::Ab;
use crate::commands::{burst, plans};
use crate::results::Manifest;
use crate::scenario::units::format_time;
use crate::scenario::{self, Overrides, Resolved};
use crate::stats::compare::joined;
use crate::stats::compare::verdict::LOOKS;

/// How many pairs are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// So many.
    Fixed(u32),
    /// As many as it takes, with a look at some numbers of them.
    Auto,
}

impl Pairs {
    pub(super) fn parse(text: &str) -> anyhow::Result<Pairs> {
        match text.parse() {
            _ if text == "auto" => Ok(Pairs::Auto),
            Ok(pairs @ 2..=1000) => Ok(Pairs::Fixed(pairs)),
            _ => bail!("--pairs: {text} is no number of pairs: write 2 to 1000 (8 is a good start), or auto"),
        }
    }

    /// The most that there may be.
    pub(super) fn most(self) -> u32 {
        match self {
            Pairs::Fixed(pairs) => pairs,
            Pairs::Auto => LOOKS.iter().map(|(pairs, _)| *pairs as u32).max().unwrap_or(1),
        }
    }
}

/// Both sides, resolved with the same seed; what is wrong with them is on stderr if it is `None`.
pub(super) fn resolve(args: &Ab, pairs: Pairs) -> anyhow::Result<Option<[Resolved; 2]>> {
    let mut overrides = plans::overrides(&args.overrides, &args.tag, args.allow_invalid);
    overrides.set.push(format!("repeat={}", pairs.most()));
    if let Some(gap) = &args.gap {
        let gap = burst::time(gap).map_err(|error| error.context("--gap"))?;
        overrides.set.push(format!("pause=\"{}\"", format_time(gap)));
    }
    let [(first, before), (second, mut after)] = match (args.scenarios.as_slice(), &args.vary) {
        ([one], Some(vary)) => values(vary, &overrides)?.map(|overrides| (one, overrides)),
        ([one], None) if args.aa => [(one, overrides.clone()), (one, overrides)],
        ([one, other], None) if !args.aa => [(one, overrides.clone()), (other, overrides)],
        ([_], _) => bail!("name what to compare: a second scenario, --vary KEY=BEFORE,AFTER, or --aa for the noise"),
        _ => bail!("two scenarios are compared as they are: leave --vary and --aa out, or name one scenario"),
    };
    let Some(mut one) = plans::resolve(std::slice::from_ref(first), &before)? else { return Ok(None) };
    let [Some(before), None] = [one.pop(), one.pop()] else { bail!("{}: name one file", first.display()) };
    // The same chance on both sides: prompts are shuffled alike.
    after.set.push(format!("seed={}", before.plan.seed));
    let Some(after) = other(second, &after, first != second) else { return Ok(None) };
    Ok(Some([before, after]))
}

fn other(file: &Path, overrides: &Overrides, is_new: bool) -> Option<Resolved> {
    match scenario::load(file, overrides, &plans::environment) {
        Ok(resolved) => {
            if is_new {
                plans::advise(&resolved);
            }
            Some(resolved)
        }
        Err(problems) => {
            plans::complain(&problems);
            None
        }
    }
}

/// The overrides of both sides where one key has two values.
fn values(vary: &str, overrides: &Overrides) -> anyhow::Result<[Overrides; 2]> {
    let Some((key, values)) = vary.split_once('=') else {
        bail!("--vary: {vary} has no value: write KEY=BEFORE,AFTER, such as request.max_tokens=100,400");
    };
    let key = key.trim();
    if ["repeat", "pause", "seed"].contains(&key) {
        bail!("--vary: {key} is the same on both sides; --pairs and --gap say how they are measured");
    }
    let is_name = ["target", "targets", "model", "models"].contains(&key);
    let [before, after] = two(values, is_name).ok_or_else(|| {
        anyhow!("--vary: {key} needs two values that differ, before and after: {key}=BEFORE,AFTER (in TOML, or words)")
    })?;
    let side = |value: String| {
        let mut side = overrides.clone();
        match key {
            "target" | "targets" => side.targets = Some(vec![value]),
            "model" | "models" => side.models = Some(vec![value]),
            "users" => side.set.push(format!("users=[{value}]")),
            _ => side.set.push(format!("{key}={value}")),
        }
        side
    };
    Ok([side(before), side(after)])
}

/// Two values that differ: TOML where it is TOML, else words; names are words as they are.
fn two(text: &str, is_name: bool) -> Option<[String; 2]> {
    let words = || {
        let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
        words.iter().all(|word| !word.is_empty()).then_some(words)
    };
    let toml = || -> Option<Vec<String>> {
        let table: toml::Table = toml::from_str(&format!("values = [{text}]")).ok()?;
        Some(table.get("values")?.as_array()?.iter().map(toml::Value::to_string).collect())
    };
    let quoted = || Some(words()?.into_iter().map(|word| toml::Value::String(word).to_string()).collect());
    let values = if is_name { words() } else { toml().or_else(quoted) };
    let values: [String; 2] = values?.try_into().ok()?;
    (values[0] != values[1]).then_some(values)
}

/// What differs between the sides, as `compare` names it; an error where their cases do not correspond.
pub(super) fn varied(sides: [&Manifest; 2]) -> anyhow::Result<Vec<String>> {
    let [before, after] = sides;
    let varied = crate::results::ab::varied(before, after);
    if before.cases.len() != after.cases.len() {
        let (one, other) = (before.cases.len(), after.cases.len());
        bail!("the sides have {one} and {other} cases: each needs a partner; leave the others out with --only");
    }
    let keys = sides.map(|side| side.cases.iter().map(|case| joined(&case.key(), &varied)).collect::<Vec<_>>());
    for (place, (one, other)) in keys[0].iter().zip(&keys[1]).enumerate() {
        if one != other || keys[0].iter().filter(|key| *key == one).count() > 1 {
            let [one, other] = sides.map(|side| side.cases[place].case.clone());
            bail!("case {one} before and {other} after: which belongs to which is not clear; vary one thing at a time");
        }
    }
    Ok(varied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_or_words_and_two_that_differ() {
        let table = [
            ("100,400", Some(["100", "400"])),
            ("\"a, b\", \"c\"", Some(["\"a, b\"", "\"c\""])),
            ("low,high", Some(["\"low\"", "\"high\""])),
            ("[1, 2], []", Some(["[1, 2]", "[]"])),
            ("100", None),
            ("100,100", None),
            ("1,2,3", None),
            ("a,", None),
        ];
        for (text, expected) in table {
            assert_eq!(two(text, false), expected.map(|values| values.map(str::to_owned)), "{text}");
        }
        assert_eq!(two("gpt-4o:1,b", true), Some(["gpt-4o:1".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn pairs_are_a_number_or_auto() {
        let parsed = ["8", "auto", "1", "many"].map(|text| Pairs::parse(text).ok().map(|pairs| (pairs, pairs.most())));
        assert_eq!(parsed, [Some((Pairs::Fixed(8), 8)), Some((Pairs::Auto, 15)), None, None]);
    }
}
