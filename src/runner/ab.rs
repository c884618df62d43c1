//! Two plans by turns: pairs of rounds, one of each side, in an order that the seed draws.
//!
//! It measures and does not compare: after each pair it asks whether to go on.

use std::sync::Arc;

use crate::audit::Control;
use crate::scenario::plan::{Case, Plan};

use super::crews::Crews;
use super::event::Event;
use super::{Ground, Hall, RunError, Setup, pairs, way};

/// One side: a plan with as many cases as the other's, in the same order, and the same seed.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// With what. Both have the same run id, so that `cache_bust` writes the same into both messages of a pair.
    pub setup: &'a Setup,
}

/// What a side came to.
#[derive(Debug, Default)]
pub struct Ended {
    /// Targets and models whose pre-flight failed: they got no load.
    pub unanswered: Vec<(String, String)>,
}

/// A case of one side, and the ground that it stands on.
struct Work {
    case: Arc<Case>,
    ground: Ground,
}

/// Measures both sides, pair by pair and in each pair case by case; `tell` also gets the side (0 or 1). After each pair
/// `goes_on` says whether there is to be another.
pub async fn run(
    sides: [Side<'_>; 2],
    crews: &Crews,
    mut tell: impl FnMut(usize, Event<'_>),
    mut goes_on: impl FnMut(u32) -> bool,
) -> Result<[Ended; 2], RunError> {
    let [one, other] = sides;
    let endpoints = |side: Side<'_>| way::endpoints(side.plan, &side.setup.run_id, side.setup.keep_answers);
    let (first, second) = (endpoints(one)?, endpoints(other)?);
    let control = Control::start(crews.handles())?;
    let mut halls = [
        Hall::new(one.plan, one.setup, crews, &control, first),
        Hall::new(other.plan, other.setup, crews, &control, second),
    ];
    let mut ended = [Ended::default(), Ended::default()];
    for (side, hall) in halls.iter().enumerate() {
        tell(side, Event::PlanMade(hall.plan));
    }
    let works = stand(&mut halls, &mut ended, &mut tell).await;
    let stop = &one.setup.stop.sending;
    for pair in 1..=one.plan.repeat {
        if works.is_empty() || stop.is_cancelled() || !pair_of(&mut halls, &works, pair, &mut tell).await? {
            break;
        }
        if !goes_on(pair) {
            break;
        }
    }
    Ok(ended)
}

/// The ground under every case of both sides; a case that one of them has no answer for is measured on neither.
async fn stand(
    halls: &mut [Hall<'_>; 2],
    ended: &mut [Ended; 2],
    tell: &mut impl FnMut(usize, Event<'_>),
) -> Vec<[Work; 2]> {
    let mut works = Vec::new();
    let cases: Vec<[Arc<Case>; 2]> = {
        let [one, other] = [&halls[0].plan.cases, &halls[1].plan.cases];
        one.iter().cloned().zip(other.iter().cloned()).map(|(one, other)| [one, other]).collect()
    };
    for case in cases {
        if halls[0].setup.stop.sending.is_cancelled() {
            break;
        }
        let mut grounds: [Option<Ground>; 2] = [None, None];
        for side in 0..2 {
            let case = &case[side];
            grounds[side] = halls[side].ground(case, &mut |event| tell(side, event)).await;
            let lost = (case.target.name.clone(), case.key.model.clone());
            let is_lost = grounds[side].is_none() && !halls[side].setup.stop.sending.is_cancelled();
            if is_lost && !ended[side].unanswered.contains(&lost) {
                ended[side].unanswered.push(lost);
            }
        }
        if let ([before, after], [Some(one), Some(other)]) = (case, grounds) {
            works.push([Work { case: before, ground: one }, Work { case: after, ground: other }]);
        }
    }
    works
}

/// One pair of rounds of every case; `false` when the run was stopped before its last round.
async fn pair_of(
    halls: &mut [Hall<'_>; 2],
    works: &[[Work; 2]],
    pair: u32,
    tell: &mut impl FnMut(usize, Event<'_>),
) -> Result<bool, RunError> {
    let of = works.len();
    let mut is_first = pair == 1;
    for (number, works) in (1..).zip(works) {
        // Of a loop that time ends one side asks more often: both go on from the same number.
        let serial = halls[0].serial.max(halls[1].serial);
        halls.iter_mut().for_each(|hall| hall.serial = serial);
        for side in pairs::order(halls[0].plan.seed, pair) {
            let (hall, work) = (&mut halls[side], &works[side]);
            let tell = &mut |event: Event<'_>| tell(side, event);
            if !std::mem::take(&mut is_first) && !hall.rest().await {
                return Ok(false);
            }
            if pair == 1 {
                tell(Event::CaseBegun { case: &work.case, number, of });
                hall.warm_up(&work.case, &work.ground, tell).await?;
            }
            hall.round(&work.case, &work.ground, pair, tell).await?;
        }
    }
    Ok(!halls[0].setup.stop.sending.is_cancelled())
}
