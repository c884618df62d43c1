//! `lamb-load check`: every problem, or the plan. Nothing is sent.

use super::out::Out;
use super::{Exit, plans};
use crate::cli::Check;
use crate::scenario::Resolved;
use crate::scenario::describe::{describe, describe_origins};

/// Reads, and prints what would be done.
pub(super) fn check(args: Check) -> anyhow::Result<Exit> {
    let Some(resolved) = plans::resolve(&args.scenarios, &plans::overrides(&args.overrides, &[], false))? else {
        return Ok(Exit::Refused);
    };
    show(&resolved, args.origin);
    Ok(Exit::Passed)
}

/// The plans on stdout, with where each value came from if `origin`.
pub(super) fn show(resolved: &[Resolved], origin: bool) {
    let mut out = Out::new();
    for (index, one) in resolved.iter().enumerate() {
        if index > 0 {
            out.line("");
        }
        out.text(&describe(one));
        if origin {
            out.line("");
            out.text(&describe_origins(one));
        }
    }
}
