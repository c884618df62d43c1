//! The resolved scenario as TOML: what a run keeps beside its numbers, and what can be run again as it is.
//!
//! Everything is explicit in it: no `extends`, no profiles, no defaults left to a later version, secrets by name only.

use super::file::ScenarioFile;
use super::matrix::{Axes, Point};
use super::units::Count;

/// Writes the matrix down so that it gives just these points.
pub(super) fn matrix(kept: &mut ScenarioFile, typed: &ScenarioFile, axes: &Axes, points: &[Point]) {
    let around = axes.around(points);
    if let Some(targets) = &mut kept.targets {
        targets.retain(|name, _| around.targets.contains(name));
    }
    kept.models = Some(around.models.clone());
    kept.users = Some(around.users.iter().map(|users| Count(u64::from(*users))).collect());
    let mut full = around.points();
    let mut exclude = typed.exclude.clone().unwrap_or_default();
    exclude.retain(|entry| full.iter().any(|point| point.is_excluded_by(entry)));
    full.retain(|point| !exclude.iter().any(|entry| point.is_excluded_by(entry)));
    if full.as_slice() != points {
        exclude = around.holes(points);
    }
    kept.exclude = (!exclude.is_empty()).then_some(exclude);
}

/// The TOML. What was decoded from TOML can be written as TOML.
pub(super) fn to_toml(kept: &ScenarioFile) -> String {
    toml::to_string(kept).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
}
