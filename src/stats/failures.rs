//! Failures as a person wants them: grouped by cause, with a count, one example and the users concerned.
//!
//! Bounded, whatever a server sends. Advice is not ours: it depends on the kind of server, and is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::sample::Outcome;

/// Causes that are told apart; further ones of the same outcome and status share a group without an error text.
const CAUSES: usize = 200;

/// Users that are remembered of a group, the lowest numbers.
const USERS: usize = 1000;

/// Characters of an error that tell causes apart.
const KEY_CHARS: usize = 160;

/// Failures so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failures {
    groups: BTreeMap<Cause, Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    outcome: Outcome,
    status: Option<u16>,
    error: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Group {
    count: u64,
    /// Round and request of the example: the first in order, so that the order in which rows come changes nothing.
    first: (u32, u64),
    example: Option<String>,
    users: BTreeSet<u32>,
    more_users: bool,
}

impl Failures {
    /// Takes in a request that failed: who, in which round and request of it, and why.
    pub fn add(&mut self, user: u32, at: (u32, u64), outcome: Outcome, status: Option<u16>, error: Option<&str>) {
        let cause = Cause { outcome, status, error: error.map(normalised).unwrap_or_default() };
        let group = Group {
            count: 1,
            first: at,
            example: error.map(str::to_owned),
            users: BTreeSet::from([user]),
            more_users: false,
        };
        self.join(cause, group);
    }

    /// The groups, the largest first.
    pub fn groups(&self) -> Vec<FailureGroup> {
        let mut groups: Vec<FailureGroup> = self
            .groups
            .iter()
            .map(|(cause, group)| FailureGroup {
                outcome: cause.outcome.name().to_owned(),
                status: cause.status,
                count: group.count,
                example: group.example.clone(),
                users: group.users.iter().copied().collect(),
                more_users: group.more_users,
            })
            .collect();
        // Stable: equal counts stay in order of outcome and status.
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    fn join(&mut self, mut cause: Cause, group: Group) {
        if self.groups.len() >= CAUSES && !self.groups.contains_key(&cause) {
            cause.error.clear();
        }
        match self.groups.get_mut(&cause) {
            Some(known) => *known += group,
            None => {
                self.groups.insert(cause, group);
            }
        }
    }
}

impl AddAssign<&Failures> for Failures {
    fn add_assign(&mut self, other: &Failures) {
        for (cause, group) in &other.groups {
            self.join(cause.clone(), group.clone());
        }
    }
}

impl AddAssign for Group {
    fn add_assign(&mut self, other: Group) {
        self.count += other.count;
        if other.first < self.first {
            self.first = other.first;
            self.example = other.example;
        }
        self.more_users |= other.more_users;
        self.users.extend(other.users);
        while self.users.len() > USERS {
            self.users.pop_last();
            self.more_users = true;
        }
    }
}

/// Failures of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FailureGroup {
    /// The outcome's name.
    pub outcome: String,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// How many.
    pub count: u64,
    /// What the first of them said, as its row has it: one line, bounded, secrets out.
    pub example: Option<String>,
    /// The users concerned, ascending; the lowest thousand.
    pub users: Vec<u32>,
    /// Whether there are more than these.
    pub more_users: bool,
}

impl FailureGroup {
    /// The users as people write them: `users 3, 7–12 …`, at most `ranges` of them.
    pub fn who(&self, ranges: usize) -> String {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for user in &self.users {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == *user => *last = *user,
                _ => runs.push((*user, *user)),
            }
        }
        let mut text = String::from(if self.users.len() == 1 && !self.more_users { "user " } else { "users " });
        for (place, (first, last)) in runs.iter().take(ranges).enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let _ = match last - first {
                0 => write!(text, "{comma}{first}"),
                1 => write!(text, "{comma}{first}, {last}"),
                _ => write!(text, "{comma}{first}–{last}"),
            };
        }
        if runs.len() > ranges || self.more_users {
            text.push_str(" …");
        }
        text
    }

    /// `12 of 50: timeout_total`, with the status where there was one.
    pub fn headline(&self, of: u64) -> String {
        let status = self.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        format!("{} of {of}: {}{status}", self.count, self.outcome)
    }
}

/// What tells causes apart: the text with everything that holds a digit replaced by `#`, since request ids, users,
/// counts and ports differ from one failure to the next.
fn normalised(error: &str) -> String {
    let mut key = String::new();
    let mut word = String::new();
    for letter in error.chars().take(4 * KEY_CHARS).chain([' ']) {
        if letter.is_alphanumeric() {
            word.push(letter);
            continue;
        }
        key.push_str(if word.contains(|letter: char| letter.is_ascii_digit()) { "#" } else { &word });
        word.clear();
        key.push(letter);
    }
    key.trim().chars().take(KEY_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(users: &[u32], more_users: bool) -> FailureGroup {
        FailureGroup {
            outcome: "http_error".into(),
            status: Some(500),
            count: 3,
            example: None,
            users: users.to_vec(),
            more_users,
        }
    }

    #[test]
    fn failures_that_differ_in_numbers_only_are_one_cause() {
        let mut failures = Failures::default();
        for user in [9, 3, 4, 5] {
            let error = format!("request 7f{user}e3 failed after {user} s");
            failures.add(user, (1, u64::from(user)), Outcome::HttpError, Some(500), Some(&error));
        }
        failures.add(1, (1, 1), Outcome::HttpError, Some(500), Some("database is locked"));
        failures.add(2, (1, 2), Outcome::TimeoutTotal, None, None);
        let told: Vec<(String, String, Option<String>)> =
            failures.groups().into_iter().map(|group| (group.headline(50), group.who(8), group.example)).collect();
        let expected = [
            ("4 of 50: http_error (HTTP 500)", "users 3–5, 9", Some("request 7f3e3 failed after 3 s")),
            ("1 of 50: http_error (HTTP 500)", "user 1", Some("database is locked")),
            ("1 of 50: timeout_total", "user 2", None),
        ]
        .map(|(headline, who, example)| (headline.to_owned(), who.to_owned(), example.map(str::to_owned)));
        assert_eq!(told, expected);
    }

    #[test]
    fn many_users_are_told_as_ranges_and_an_ellipsis() {
        assert_eq!(group(&[1, 2, 4, 7, 8, 9, 20], false).who(3), "users 1, 2, 4, 7–9 …");
        assert_eq!(group(&[5], true).who(3), "users 5 …");
    }

    #[test]
    fn a_server_that_words_every_error_anew_cannot_fill_the_memory() {
        let mut failures = Failures::default();
        for user in 0..5000u32 {
            let word: String = (0..4).map(|place| char::from(b'a' + (user >> (4 * place) & 15) as u8)).collect();
            failures.add(user, (1, u64::from(user)), Outcome::ErrorInBody, Some(200), Some(&word));
        }
        let groups = failures.groups();
        assert_eq!(groups.len(), CAUSES + 1);
        assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 5000);
        assert_eq!((groups[0].users.len(), groups[0].more_users), (USERS, true));
    }

    #[test]
    fn the_order_of_rows_changes_nothing() {
        let rows = [(4, 2u64), (2, 5), (9, 1)];
        let tell = |order: &[usize]| {
            let mut failures = Failures::default();
            for place in order {
                let (user, request) = rows[*place];
                let mut one = Failures::default();
                one.add(user, (1, request), Outcome::Reset, None, Some(&format!("reset {request}")));
                failures += &one;
            }
            failures
        };
        assert_eq!(tell(&[0, 1, 2]), tell(&[2, 1, 0]));
        assert_eq!(tell(&[0, 1, 2]).groups()[0].example.as_deref(), Some("reset 1"));
    }
}
