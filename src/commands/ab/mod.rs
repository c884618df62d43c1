//! `lamb-load ab`: two sides measured by turns, saved as two runs, and a verdict on their difference.

mod closing;
mod duel;
mod sides;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use self::duel::Duel;
use self::sides::Pairs;
use super::demand::demand;
use super::embedded::Embedded;
use super::record::Record;
use super::run::RESULTS;
use super::session::{crews, look};
use super::signals::Interruption;
use super::{Exit, burst, compare, facts, warn};
use crate::audit::limits;
use crate::cli::{Ab, HowToCompare};
use crate::progress::Progress;
use crate::results::ab::AbFacts;
use crate::results::{Manifest, RunWriter};
use crate::runner::ab::{self, Ended, Side};
use crate::runner::event::Event;
use crate::runner::{RunError, Setup};
use crate::scenario::plan::Plan;
use crate::stats::compare::Options;

/// Resolves both sides, measures them by turns, compares.
pub(super) fn ab(args: Ab) -> anyhow::Result<Exit> {
    let pairs = Pairs::parse(&args.pairs)?;
    let how = how(&args);
    let asked = compare::options(&how)?;
    let grace = burst::time(&args.grace).map_err(|error| error.context("--grace"))?;
    let Some([before, after]) = sides::resolve(&args, pairs)? else { return Ok(Exit::Refused) };
    let mut plans = [before.plan, after.plan];
    // What differs is read off what the runs will say of themselves.
    let manifests = [facts::manifest(&plans[0]), facts::manifest(&plans[1])];
    let options = Options { paired: true, varied: sides::varied([&manifests[0], &manifests[1]])?, ..asked };
    let [one, other] = &mut plans;
    let embedded = [Embedded::start(one)?, Embedded::start(other)?];
    let interruption = Interruption::default();
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(RESULTS));
    let (setups, records) = prepare(&plans, manifests, &embedded, &interruption, &out)?;
    let facts = |side, other: &Record| AbFacts {
        side: if side == 0 { "before" } else { "after" }.to_owned(),
        other: other.writer().id().to_owned(),
        same: args.aa,
        varied: options.varied.clone(),
        pairs: pairs.most(),
        level: options.level,
    };
    for (side, record) in records.iter().enumerate() {
        record.writer().update(|manifest| manifest.ab = Some(facts(side, &records[1 - side])));
    }
    let mut duel = Duel::new(Progress::new(look(args.quiet)), records, args.quiet, pairs, options);
    let sides = [Side { plan: &plans[0], setup: &setups[0] }, Side { plan: &plans[1], setup: &setups[1] }];
    let ended = measure(sides, &mut duel, interruption.clone(), grace)?;
    // What was measured until then is kept, whatever happened.
    closing::end(duel.over(), ended, &interruption, &args, &how)
}

fn measure(
    sides: [Side<'_>; 2],
    duel: &mut Duel,
    interruption: Interruption,
    grace: std::time::Duration,
) -> anyhow::Result<Result<[Ended; 2], RunError>> {
    let crews = crews()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let duel = RefCell::new(duel);
    let tell = |side: usize, event: Event<'_>| duel.borrow_mut().tell(side, event);
    Ok(runtime.block_on(async {
        tokio::spawn(interruption.listen(grace, warn));
        ab::run(sides, &crews, tell, |pair| duel.borrow_mut().goes_on(pair)).await
    }))
}

/// What this machine allows both, and their files.
fn prepare(
    plans: &[Plan; 2],
    manifests: [Manifest; 2],
    embedded: &[Embedded; 2],
    interruption: &Interruption,
    out: &Path,
) -> anyhow::Result<([Setup; 2], [Record; 2])> {
    let allow = |side: usize| {
        limits::allow(&demand(&plans[side], embedded[side].any()))
            .map_err(|refusal| anyhow!("{refusal}\nhint: {}", refusal.hint()))
    };
    let allowances = [allow(0)?, allow(1)?];
    let create = |plan, manifest| {
        RunWriter::create(out, plan, manifest).context("nothing was sent; name another folder with --out")
    };
    let [first, second] = manifests;
    let writers = [create(&plans[0], first)?, create(&plans[1], second)?];
    // One id for both, since `cache_bust` may write it: within a pair both sides ask the same.
    let run_id = writers[0].id().to_owned();
    let setups = allowances.map(|allowance| Setup {
        run_id: run_id.clone(),
        stop: interruption.stop.clone(),
        keep_answers: false,
        allowance,
    });
    let [one, other] = writers;
    Ok((setups, [Record::new(&plans[0], one), Record::new(&plans[1], other)]))
}

fn how(args: &Ab) -> HowToCompare {
    HowToCompare {
        tolerance: Some(args.tolerance.clone()),
        metric: args.metric.clone(),
        across: None,
        strict: args.strict,
        fail_on: args.fail_on,
    }
}
