//! Counting what repeats, in bounded memory: names that servers give (models, fingerprints), and equal answers.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Names that are told apart; a server that makes up more is told as `other`.
const NAMES: usize = 100;

/// Hashes that are remembered, the smallest, so that two tallies keep the same ones.
const HASHES: usize = 10_000;

/// How often each name was seen, and how often none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names {
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) missing: u64,
}

impl Names {
    pub(super) fn add(&mut self, name: Option<&str>) {
        match name {
            Some(name) => self.put(name, 1),
            None => self.missing += 1,
        }
    }

    fn put(&mut self, name: &str, times: u64) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += times;
        } else if self.counts.len() < NAMES {
            self.counts.insert(name.to_owned(), times);
        } else {
            *self.counts.entry("other".to_owned()).or_default() += times;
        }
    }
}

impl AddAssign<&Names> for Names {
    fn add_assign(&mut self, other: &Names) {
        self.missing += other.missing;
        other.counts.iter().for_each(|(name, times)| self.put(name, *times));
    }
}

/// How often each answer was seen, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Repeats {
    counts: BTreeMap<u64, u64>,
}

impl Repeats {
    pub(super) fn add(&mut self, hash: u64) {
        // Most hashes of a large run are beyond what is kept.
        let is_beyond =
            self.counts.len() == HASHES && self.counts.last_key_value().is_some_and(|(last, _)| hash > *last);
        if !is_beyond {
            *self.counts.entry(hash).or_default() += 1;
            self.trim();
        }
    }

    /// Answers that an earlier one equals.
    pub(super) fn repeated(&self) -> u64 {
        self.counts.values().map(|times| times - 1).sum()
    }

    fn trim(&mut self) {
        while self.counts.len() > HASHES {
            self.counts.pop_last();
        }
    }
}

impl AddAssign<&Repeats> for Repeats {
    fn add_assign(&mut self, other: &Repeats) {
        for (hash, times) in &other.counts {
            *self.counts.entry(*hash).or_default() += times;
        }
        self.trim();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_makes_up_names_fills_a_hundred_and_then_other() {
        let mut names = Names::default();
        (0..500).for_each(|n| names.add(Some(&format!("model-{n}"))));
        names.add(None);
        let all: u64 = names.counts.values().sum();
        assert_eq!((names.counts.len(), names.counts["other"], all, names.missing), (NAMES + 1, 400, 500, 1));
    }

    #[test]
    fn equal_answers_are_counted_whichever_half_they_came_in() {
        let (mut one, mut other) = (Repeats::default(), Repeats::default());
        [7, 8, 7].iter().for_each(|hash| one.add(*hash));
        [9, 7].iter().for_each(|hash| other.add(*hash));
        one += &other;
        assert_eq!((one.repeated(), other.repeated()), (2, 0));
    }
}
