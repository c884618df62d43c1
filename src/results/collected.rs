//! Rows, added up as they come: while measuring and from the file alike, so that both say the same.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::btree_map::Entry;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::facts::ClientFacts;
use crate::results::manifest::{GateText, Manifest};
use crate::results::origin::Home;
use crate::results::parts::{CaseFacts, RoundFacts};
use crate::results::rows::Row;
use crate::results::run::{CaseRun, Picture, Preflight, Run, State};
use crate::sample::{Phase, Sample};
use crate::scenario::plan::Gate;
use crate::stats::validity::Validity;
use crate::stats::values::Pooled;
use crate::stats::{GateResult, Limits, Observation, Subject, Summary, Tally, Timeline, judge};

/// Pre-flight samples that are kept of a target and model.
const PREFLIGHTS: usize = 16;

/// Rounds that are read of a file, all cases together.
const MOST_ROUNDS: usize = 20_000;

/// Cases that a table without a plan is taken to have.
const SOME_CASES: usize = 10;

/// What the rows so far say.
#[derive(Debug, Default)]
pub(super) struct Collected {
    limits: Limits,
    /// Cases in the order of the plan, then in that of their first row.
    cases: Vec<CaseRows>,
    places: HashMap<Home, usize>,
    preflights: Vec<Preflight>,
    /// Whole samples of the load, as many as are asked for.
    samples: Vec<(usize, Sample)>,
    keep: usize,
    rows: u64,
    /// Cases that share the pictures' room.
    sharers: usize,
    /// Rounds that may still be begun, where they are bounded, and the rows of those that found no room.
    room: Option<usize>,
    beyond: u64,
}

/// What rows belong to, and where that is once it was looked up.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) home: Home,
    pub(super) users: Option<u32>,
    pub(super) case: Option<usize>,
}

#[derive(Debug)]
struct CaseRows {
    facts: CaseFacts,
    rounds: BTreeMap<u32, Tally>,
    timeline: Timeline,
    warmups: u64,
}

impl Collected {
    /// For the cases of a manifest; `keep` samples of the load are kept whole.
    pub(super) fn of(manifest: &Manifest, keep: usize) -> Collected {
        let gates: Vec<_> = manifest.gates.iter().filter_map(|gate| gate.gate()).collect();
        // How many cases a lone table has is not known before its end.
        let sharers = if manifest.cases.is_empty() { SOME_CASES } else { manifest.cases.len() };
        let mut collected = Collected { limits: Limits::of(&gates), keep, sharers, ..Collected::default() };
        for facts in &manifest.cases {
            collected.place(&Home::of(facts), || facts.clone());
        }
        collected
    }

    /// Takes rounds up to a bound and counts the rows of others: of a file from anywhere no row may cost as much as a
    /// round does.
    pub(super) fn bounded(self) -> Collected {
        Collected { room: Some(MOST_ROUNDS), ..self }
    }

    /// Rows of rounds beyond the bound.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Adds a row as it is written or was read: what enters numbers goes there without a sample in between. `gaps_us` is
    /// what no row tells; `prompt` knows the place of a prompt by its name.
    pub(super) fn add_row(
        &mut self,
        place: &mut Place,
        row: &Row<'_>,
        gaps_us: &[u32],
        prompt: impl Fn(&str) -> usize,
    ) {
        let keeps = self.samples.len() < self.keep;
        let Some(seen) = row.observation().filter(|_| !keeps) else {
            self.add(&place.home, place.users, &row.to_sample(prompt(&row.prompt)));
            return;
        };
        self.rows += 1;
        let at = *place.case.get_or_insert_with(|| self.find(&place.home, place.users));
        let seen = Observation { gaps_us, ..seen };
        self.beyond += u64::from(!self.cases[at].observe(&seen, self.limits, &mut self.room));
    }

    /// Adds the sample of one row. It has been through that row: what the row does not tell is not asked for.
    pub(super) fn add(&mut self, home: &Home, users: Option<u32>, sample: &Sample) {
        self.rows += 1;
        if sample.phase == Phase::Preflight {
            self.preflight(home, sample);
            return;
        }
        let place = self.find(home, users);
        let case = &mut self.cases[place];
        if sample.phase == Phase::Warmup {
            case.warmups += 1;
            return;
        }
        if let Some(seen) = Observation::of(sample) {
            self.beyond += u64::from(!case.observe(&seen, self.limits, &mut self.room));
        }
        if self.samples.len() < self.keep {
            self.samples.push((place, Sample { gaps_us: Vec::new(), ..sample.clone() }));
        }
    }

    /// Where a case is, made if no row and no plan told of it yet.
    fn find(&mut self, home: &Home, users: Option<u32>) -> usize {
        match self.places.get(home) {
            Some(place) => *place,
            None => self.place(home, || unplanned(home, users)),
        }
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    fn preflight(&mut self, home: &Home, sample: &Sample) {
        let known = self.preflights.iter().position(|known| known.target == home.target && known.model == home.model);
        let place = known.unwrap_or_else(|| {
            let (target, model) = (home.target.clone(), home.model.clone());
            self.preflights.push(Preflight { target, model, samples: Vec::new() });
            self.preflights.len() - 1
        });
        let samples = &mut self.preflights[place].samples;
        if samples.len() < PREFLIGHTS {
            samples.push(Sample { gaps_us: Vec::new(), ..sample.clone() });
        }
    }

    fn place(&mut self, home: &Home, facts: impl FnOnce() -> CaseFacts) -> usize {
        let (place, facts) = (self.cases.len(), facts());
        let timeline = Timeline::new(facts.cold, self.sharers);
        self.cases.push(CaseRows { facts, rounds: BTreeMap::new(), timeline, warmups: 0 });
        self.places.insert(home.clone(), place);
        place
    }

    /// Writes each round's number of rows and its gaps into the manifest, from where [`Collected::take_gaps`] has
    /// them back. Which round lost rows is not known: the last one bears it, so that some round does.
    pub(super) fn give_gaps(&self, manifest: &mut Manifest, lost: u64) {
        for (place, case) in self.cases.iter().enumerate() {
            for (round, tally) in &case.rounds {
                let Some(facts) = manifest.round(place, *round) else { continue };
                if let Some(client) = &mut facts.client {
                    client.rows = tally.requests();
                }
                if tally.gaps().n() > 0 {
                    facts.gaps = Some(STANDARD.encode(tally.gaps().to_bytes()));
                }
            }
        }
        let rounds = manifest.cases.iter_mut().flat_map(|case| &mut case.rounds);
        if let Some(client) = rounds.filter_map(|facts| facts.client.as_mut()).next_back() {
            client.rows = client.rows.saturating_sub(lost);
        }
    }

    /// Takes each round's gaps from the manifest: rows have none.
    pub(super) fn take_gaps(&mut self, manifest: &Manifest) {
        for (case, facts) in self.cases.iter_mut().zip(&manifest.cases) {
            for facts in &facts.rounds {
                let gaps = facts.gaps.as_deref().and_then(|text| STANDARD.decode(text).ok());
                let gaps = gaps.and_then(|bytes| Pooled::from_bytes(&bytes));
                if let (Some(gaps), Some(tally)) = (gaps, case.rounds.get_mut(&facts.round)) {
                    tally.add_gaps(&gaps);
                }
            }
        }
    }

    /// The run that these rows and this manifest make.
    pub(super) fn into_run(self, manifest: Manifest, state: State) -> Run {
        let mut cases: Vec<CaseRun> = (0..self.len()).filter_map(|place| self.case(place, &manifest)).collect();
        let Collected { preflights, samples, rows, .. } = self;
        for (place, sample) in samples {
            cases[place].samples.push(sample);
        }
        Run { manifest, state, cases, preflights, rows, scenario_toml: None }
    }

    /// Cases so far.
    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    /// The case that these rows and this manifest make, without samples; `None` where there is none.
    pub(super) fn case(&self, place: usize, manifest: &Manifest) -> Option<CaseRun> {
        let gates: Vec<Gate> = manifest.gates.iter().filter_map(GateText::gate).collect();
        let judge = |summary: &Summary, validity: Option<&Validity>| match summary.requests {
            0 => Vec::new(),
            _ => judge(&gates, summary, validity, manifest.allow_invalid),
        };
        let case = self.cases.get(place)?;
        // By now the manifest knows more of a case than when it was planned.
        Some(case.run(manifest.cases.get(place).unwrap_or(&case.facts), &self.preflights, judge))
    }
}

impl CaseRows {
    /// Takes in one request; not where it would begin a round for which there is no room.
    fn observe(&mut self, seen: &Observation<'_>, limits: Limits, room: &mut Option<usize>) -> bool {
        let tally = match self.rounds.entry(seen.round) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if *room == Some(0) => return false,
            Entry::Vacant(new) => {
                *room = room.map(|room| room - 1);
                new.insert(Tally::new(limits).expecting(expected(&self.facts, *room)))
            }
        };
        tally.observe(seen);
        self.timeline.add(seen, self.facts.requests.unwrap_or(0));
        true
    }

    fn run(
        &self,
        facts: &CaseFacts,
        preflights: &[Preflight],
        judge: impl Fn(&Summary, Option<&Validity>) -> Vec<GateResult>,
    ) -> CaseRun {
        let subject = subject(facts, preflights);
        let of_round = |(round, tally): (&u32, &Tally)| Summary::of(subject.of_round(*round), tally);
        let rounds: Vec<Summary> = self.rounds.iter().map(of_round).collect();
        let pooled = Tally::sum(self.rounds.values());
        let summary = Summary::of_rounds(subject, &pooled, &rounds);
        let client = client(self.rounds.keys(), &facts.rounds);
        let validity = client.as_ref().map(|client| Validity::of(&summary, client));
        let gates = judge(&summary, validity.as_ref());
        let picture = Picture::of(&summary, &pooled, &self.rounds, self.timeline.clone());
        let (facts, warmups) = (facts.clone(), self.warmups);
        CaseRun { facts, summary, rounds, client, validity, gates, warmups, samples: Vec::new(), picture }
    }
}

/// Requests that a round will have. Where rounds are bounded they come from a file, and what that promises is not believed:
/// a place for each would be memory for nothing.
fn expected(facts: &CaseFacts, room: Option<usize>) -> u64 {
    facts.requests.filter(|_| room.is_none()).unwrap_or(0)
}

/// What the client saw of itself in all of these rounds; `None` if it did not say of every one: a part would look as
/// if requests were missing.
fn client<'a>(rounds: impl Iterator<Item = &'a u32>, facts: &[RoundFacts]) -> Option<ClientFacts> {
    let of = |round: &u32| facts.iter().find(|facts| facts.round == *round)?.client.clone();
    let all: Option<Vec<ClientFacts>> = rounds.map(of).collect();
    all?.into_iter().reduce(|mut sum, other| {
        sum.merge(&other);
        sum
    })
}

/// A case that no manifest tells of: a lone file, or rows of a plan that is not at hand.
fn unplanned(home: &Home, users: Option<u32>) -> CaseFacts {
    let (prompts, load) = home.case.clone().unwrap_or_default();
    CaseFacts {
        case: home.key().map(|key| key.to_string()).unwrap_or_default(),
        target: home.target.clone(),
        model: home.model.clone(),
        prompts,
        closed: load.starts_with("closed-"),
        load,
        users: users.unwrap_or(0),
        ..CaseFacts::default()
    }
}

fn subject(facts: &CaseFacts, preflights: &[Preflight]) -> Subject {
    let alone = preflights.iter().find(|known| known.target == facts.target && known.model == facts.model);
    Subject {
        key: facts.key(),
        users: facts.users,
        round: None,
        requests_per_round: facts.requests,
        closed: facts.closed,
        cold: facts.cold,
        stream: facts.stream,
        spread_ms: facts.spread_ms,
        length_asked: facts.length_asked,
        lone_s: alone.and_then(Preflight::lone_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_promises_of_its_rounds_takes_no_memory() {
        let facts = CaseFacts { requests: Some(100_000), ..CaseFacts::default() };
        assert_eq!((expected(&facts, None), expected(&facts, Some(MOST_ROUNDS))), (100_000, 0));
    }
}
