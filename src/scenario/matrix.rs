//! The matrix: target × model × prompt set × users, in the order written, less what is left out.
//!
//! It knows axes and labels. It refuses to know what a target or a prompt is made of.

use indexmap::IndexSet;

use super::file::Exclude;
use super::plan::CaseKey;
use super::units::Count;

/// The most cases of one scenario.
pub(super) const MOST_CASES: usize = 10_000;

/// The name of the prompt set of a case that uses all prompts.
pub(super) const ALL_PROMPTS: &str = "all";

/// The axes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Axes {
    pub(super) targets: Vec<String>,
    pub(super) models: Vec<String>,
    /// `all`, or with `order = "each"` every prompt's name.
    pub(super) prompts: Vec<String>,
    pub(super) users: Vec<u32>,
    /// Whether users ask again: then a case's load is called so.
    pub(super) closed: bool,
}

/// One point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Point {
    pub(super) target: String,
    pub(super) model: String,
    pub(super) prompts: String,
    pub(super) users: u32,
    pub(super) closed: bool,
}

impl Point {
    pub(super) fn key(&self) -> CaseKey {
        let (target, model, prompts) = (self.target.clone(), self.model.clone(), self.prompts.clone());
        let load = if self.closed { format!("closed-{}", self.users) } else { self.users.to_string() };
        CaseKey { target, model, prompts, load }
    }

    /// Whether an `exclude` leaves this point out: every key that it gives must match.
    pub(super) fn is_excluded_by(&self, exclude: &Exclude) -> bool {
        let fits = |given: &Option<String>, mine: &str| given.as_deref().is_none_or(|given| given == mine);
        fits(&exclude.target, &self.target)
            && fits(&exclude.model, &self.model)
            && fits(&exclude.prompts, &self.prompts)
            && exclude.users.is_none_or(|users| users.0 == u64::from(self.users))
    }
}

impl Axes {
    pub(super) fn size(&self) -> usize {
        [self.models.len(), self.prompts.len(), self.users.len()]
            .into_iter()
            .fold(self.targets.len(), usize::saturating_mul)
    }

    /// Every point, in the order in which cases run.
    pub(super) fn points(&self) -> Vec<Point> {
        let mut points = Vec::with_capacity(self.size());
        for target in &self.targets {
            for model in &self.models {
                for prompts in &self.prompts {
                    for users in &self.users {
                        let (target, model, prompts) = (target.clone(), model.clone(), prompts.clone());
                        points.push(Point { target, model, prompts, users: *users, closed: self.closed });
                    }
                }
            }
        }
        points
    }

    /// The smallest axes that hold these points; prompts stay, since their names depend on their number.
    pub(super) fn around(&self, points: &[Point]) -> Axes {
        let used = |all: &[String], name: fn(&Point) -> &String| {
            all.iter().filter(|one| points.iter().any(|point| name(point) == *one)).cloned().collect::<Vec<_>>()
        };
        Axes {
            targets: used(&self.targets, |point| &point.target),
            models: used(&self.models, |point| &point.model),
            prompts: self.prompts.clone(),
            users: self
                .users
                .iter()
                .copied()
                .filter(|users| points.iter().any(|point| point.users == *users))
                .collect(),
            closed: self.closed,
        }
    }

    /// What must be excluded from these axes so that just these points are left: one entry for each target and model
    /// without any, and one for every other hole.
    pub(super) fn holes(&self, points: &[Point]) -> Vec<Exclude> {
        let kept: IndexSet<&Point> = points.iter().collect();
        let mut holes = Vec::new();
        for target in &self.targets {
            for model in &self.models {
                let one = Axes { targets: vec![target.clone()], models: vec![model.clone()], ..self.clone() };
                let missing: Vec<Point> = one.points().into_iter().filter(|point| !kept.contains(point)).collect();
                let (target, model) = (Some(target.clone()), Some(model.clone()));
                if missing.len() == one.size() {
                    holes.push(Exclude { target, model, prompts: None, users: None });
                    continue;
                }
                let several = self.prompts.as_slice() != [ALL_PROMPTS];
                holes.extend(missing.into_iter().map(|point| Exclude {
                    target: target.clone(),
                    model: model.clone(),
                    prompts: several.then_some(point.prompts),
                    users: Some(Count(u64::from(point.users))),
                }));
            }
        }
        holes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Axes {
            targets: words(&["t", "s"]),
            models: words(&["b", "a"]),
            prompts: words(&["all"]),
            users: vec![30, 10],
            closed: false,
        }
    }

    #[test]
    fn cases_run_in_the_order_written() {
        let labels: Vec<String> = axes().points().iter().map(|point| point.key().to_string()).collect();
        assert_eq!(
            labels,
            [
                "t/b/all/30",
                "t/b/all/10",
                "t/a/all/30",
                "t/a/all/10",
                "s/b/all/30",
                "s/b/all/10",
                "s/a/all/30",
                "s/a/all/10"
            ]
        );
    }

    #[test]
    fn excluding_the_holes_of_any_choice_gives_the_choice_again() {
        for choice in 1..256u32 {
            let all = axes().points();
            let chosen: Vec<Point> = all
                .iter()
                .enumerate()
                .filter(|(bit, _)| choice & 1 << bit != 0)
                .map(|(_, point)| point.clone())
                .collect();
            let around = axes().around(&chosen);
            let holes = around.holes(&chosen);
            let mut left = around.points();
            left.retain(|point| !holes.iter().any(|hole| point.is_excluded_by(hole)));
            assert_eq!(left, chosen);
        }
    }
}
