//! The ways to a plan's targets: routes, TLS, proxies, made once before anything is sent.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::chat::endpoint::{Endpoint, EndpointError};
use crate::scenario::plan::{Place, Plan, Target, Url};
use crate::wire::{self, Proxy, ProxyError, Route, TlsSetupError};

/// Why a target cannot be sent to.
#[derive(Debug, thiserror::Error)]
#[error("targets.{target}: {cause}")]
pub struct SetupError {
    /// The target's name.
    pub target: String,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong with a target.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// The proxy.
    #[error("proxy: {0}")]
    Proxy(#[from] ProxyError),
    /// Headers or path.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nobody started its embedded endpoint.
    #[error("its embedded endpoint is not running")]
    NotStarted,
}

/// An endpoint for every target, by its name.
pub(super) fn endpoints(
    plan: &Plan,
    run_id: &str,
    keep_answers: bool,
) -> Result<HashMap<String, Arc<Endpoint>>, SetupError> {
    let endpoint = |target: &Arc<Target>| {
        let made = one(plan, target, run_id, keep_answers);
        let failed = |cause| SetupError { target: target.name.clone(), cause };
        made.map(|endpoint| (target.name.clone(), Arc::new(endpoint))).map_err(failed)
    };
    plan.targets.iter().map(endpoint).collect()
}

fn one(plan: &Plan, target: &Target, run_id: &str, keep_answers: bool) -> Result<Endpoint, Cause> {
    let (url, route) = way(target)?;
    Ok(Endpoint::new(target, url, route, &plan.secrets, run_id, keep_answers)?)
}

/// The way to one target.
pub fn way(target: &Target) -> Result<(&Url, Route), Cause> {
    let Place::Url(url) = &target.place else { return Err(Cause::NotStarted) };
    let mut route = Route::new(url.host.clone(), url.port);
    #[cfg(feature = "faults")]
    {
        route.kernel_time = !crate::audit::faults::has("no_kernel_time");
    }
    route.overrides = target.resolve.clone();
    route.local.clone_from(&target.local_addresses);
    route.http2 = target.http2;
    if url.https {
        route.tls = Some(wire::tls_config(target.ca_file.as_deref(), target.insecure, target.http2)?);
    }
    route.proxy = target.proxy.as_ref().map(|proxy| Proxy::parse(proxy.expose_secret())).transpose()?;
    Ok((url, route))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::example::target;

    #[test]
    fn connections_leave_from_where_the_target_says() {
        let local_addresses = vec!["127.0.0.2".parse().unwrap(), "127.0.0.3".parse().unwrap()];
        let target = Target { local_addresses, ..target() };
        assert_eq!(way(&target).unwrap().1.local, target.local_addresses);
    }
}
