//! The embedded endpoints of a plan: started before it, on loopback, and gone with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};

use crate::mock::{self, Handle, Settings, StartOptions};
use crate::scenario::plan::{Case, Place, Plan, Target};
use crate::scenario::url;

/// Running endpoints, by the target's name.
#[derive(Default)]
pub(super) struct Embedded(BTreeMap<String, Handle>);

impl Embedded {
    /// Starts an endpoint for every target that asks for one, and gives the plan their addresses.
    pub(super) fn start(plan: &mut Plan) -> anyhow::Result<Embedded> {
        let mut handles = BTreeMap::new();
        for target in &mut plan.targets {
            let Place::Mock(settings) = &target.place else { continue };
            let settings = Settings::from_json(settings.clone()).map_err(|wrong| anyhow!("{wrong}"));
            let settings = settings.with_context(|| format!("targets.{}.mock", target.name))?;
            let mut models: Vec<String> = Vec::new();
            for case in plan.cases.iter().filter(|case| case.target.name == target.name) {
                if !models.contains(&case.key.model) {
                    models.push(case.key.model.clone());
                }
            }
            let handle = mock::start(settings, models, &StartOptions::default())
                .with_context(|| format!("targets.{}.mock", target.name))?;
            let address =
                url::parse(&format!("http://{}", handle.addr()), None).map_err(|wrong| anyhow!("{wrong:?}"))?;
            *target = Arc::new(Target { place: Place::Url(address.url), ..Target::clone(target) });
            handles.insert(target.name.clone(), handle);
        }
        for case in &mut plan.cases {
            if let Some(target) = plan.targets.iter().find(|target| target.name == case.target.name) {
                *case = Arc::new(Case { target: target.clone(), ..Case::clone(case) });
            }
        }
        Ok(Embedded(handles))
    }

    /// Whether there is any: then this process also holds the server's end of every connection.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// What the endpoints say of their own lateness, where it was more than a millisecond: nobody should blame the client.
    pub(super) fn excuses(&self) -> Vec<String> {
        self.0
            .iter()
            .filter(|(_, handle)| handle.lateness().p99.as_micros() > 1_000)
            .map(|(name, handle)| {
                let late = handle.lateness();
                format!(
                    "the embedded endpoint {name} was itself late by {:.1} ms (P99; {:.1} ms at most): not this client's error",
                    late.p99.as_secs_f64() * 1e3,
                    late.max.as_secs_f64() * 1e3
                )
            })
            .collect()
    }
}
