//! Where rows come from: a case's round, or the pre-flight of a target and model. What all rows of one share is
//! formatted once.

use std::sync::Arc;

use jiff::Timestamp;

use crate::results::cell::{parse_text, printable, push_opt_number, push_opt_text, push_text};
use crate::results::collected::Place;
use crate::results::parts::CaseFacts;
use crate::scenario::plan::CaseKey;

/// What the rows of one round, or of one pre-flight, share.
#[derive(Debug, Clone)]
pub struct Origin(pub(super) Arc<Shared>);

/// What is shared.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) home: Home,
    /// The cells from `run_id` to `users`.
    pub(super) prefix: Vec<u8>,
    /// How many users.
    pub(super) users: Option<u32>,
    /// The prompts' names, by index.
    pub(super) prompts: Vec<String>,
    /// When the round started, in microseconds since the epoch.
    pub(super) started: Option<i64>,
}

/// What a row belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Home {
    /// The target's name.
    pub(super) target: String,
    /// The model.
    pub(super) model: String,
    /// Prompt set and load; `None` in pre-flight.
    pub(super) case: Option<(String, String)>,
}

impl Home {
    /// A case.
    pub(super) fn of(facts: &CaseFacts) -> Home {
        Home {
            target: printable(&facts.target).into_owned(),
            model: printable(&facts.model).into_owned(),
            case: Some((printable(&facts.prompts).into_owned(), printable(&facts.load).into_owned())),
        }
    }

    /// The key of the case; `None` in pre-flight.
    pub(super) fn key(&self) -> Option<CaseKey> {
        let (prompts, load) = self.case.clone()?;
        Some(CaseKey { target: self.target.clone(), model: self.model.clone(), prompts, load })
    }

    /// From the cells `case`, `target`, `model` and what `users` says.
    ///
    /// The case's label is only asked for what has no column of its own, since a model may contain `/`.
    pub(super) fn parse([label, target, model]: [&[u8]; 3], users: Option<u32>) -> Home {
        let [label, target, model] = [label, target, model].map(|cell| parse_text(cell).into_owned());
        let rest = label
            .strip_prefix(target.as_str())
            .and_then(|rest| rest.strip_prefix('/')?.strip_prefix(model.as_str())?.strip_prefix('/'))
            .unwrap_or(&label);
        let case = rest.rsplit_once('/').map(|(prompts, load)| (prompts.to_owned(), load.to_owned()));
        // A label that was lost still leaves the number of users.
        let known = || users.map(|users| ("all".to_owned(), users.to_string()));
        Home { target, model, case: case.or_else(known) }
    }
}

impl Origin {
    /// Where its rows are added up, not yet looked up.
    pub(super) fn place(&self) -> Place {
        Place { home: self.0.home.clone(), users: self.0.users, case: None }
    }

    /// Rows of `home` in this run; pre-flight has no users.
    pub(super) fn new(
        (run_id, scenario): (&str, &str),
        home: Home,
        users: Option<u32>,
        prompts: Vec<String>,
        started: Option<Timestamp>,
    ) -> Origin {
        let label = home.key().map(|key| key.to_string());
        let mut prefix = Vec::new();
        push_text(&mut prefix, &printable(run_id));
        push_opt_text(&mut prefix, Some(&printable(scenario)));
        push_opt_text(&mut prefix, label.as_deref());
        push_opt_text(&mut prefix, Some(&home.target));
        push_opt_text(&mut prefix, Some(&home.model));
        push_opt_number(&mut prefix, users.map(u64::from));
        let started = started.map(Timestamp::as_microsecond);
        Origin(Arc::new(Shared { home, prefix, users, prompts, started }))
    }
}
