//! A plan in words: what `check` and `run --dry-run` print.
//!
//! Pure text from a resolved scenario. It estimates nothing that it cannot know.

use std::fmt::Write as _;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::Resolved;
use super::plan::{Case, Load, Place, Plan, Until};
use super::proxy;
use super::units::format_time;

/// The most cases listed one by one.
const MOST_LISTED: usize = 50;

/// Requests of a whole plan, at most: a pre-flight that fails sends no load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// Before any load.
    pub preflight: u64,
    /// Before each case, in no statistic.
    pub warmup: u64,
    /// The load; `None` where only time ends it.
    pub load: Option<u64>,
}

impl Requests {
    /// All of them, where that is known.
    pub fn all(self) -> Option<u64> {
        Some(self.preflight + self.warmup + self.load?)
    }
}

/// How many requests a plan sends.
pub fn requests(plan: &Plan) -> Requests {
    let load: Option<u64> = plan.cases.iter().map(|case| case.load.requests()).sum();
    Requests {
        preflight: pairs(plan) * u64::from(plan.preflight.requests),
        warmup: plan.cases.len() as u64 * u64::from(plan.warmup),
        load: load.map(|load| load.saturating_mul(u64::from(plan.repeat))),
    }
}

/// Targets and models that have a case: each pair has its pre-flight.
fn pairs(plan: &Plan) -> u64 {
    let pairs: std::collections::BTreeSet<_> =
        plan.cases.iter().map(|case| (&case.key.target, &case.key.model)).collect();
    pairs.len() as u64
}

/// The longest that a plan can take if every request runs into its timeouts; opening connections at a bounded rate
/// comes on top.
pub fn longest(plan: &Plan) -> Duration {
    let mut total = Duration::ZERO;
    for case in &plan.cases {
        let one = case.timeouts.connect + case.timeouts.total;
        let round = longest_round(case, one);
        total = total.saturating_add(round.saturating_mul(plan.repeat)).saturating_add(one.saturating_mul(plan.warmup));
    }
    let rests = (plan.cases.len() as u32).saturating_mul(plan.repeat).saturating_sub(1);
    total = total.saturating_add(plan.pause.saturating_mul(rests));
    let one = plan.cases.first().map_or(Duration::ZERO, |case| case.timeouts.connect + case.timeouts.total);
    let each = plan.preflight.requests + u32::from(plan.preflight.models && plan.preflight.requests > 0);
    total.saturating_add(one.saturating_mul(each).saturating_mul(pairs(plan) as u32))
}

/// The longest that a round takes if each request takes `one`.
fn longest_round(case: &Case, one: Duration) -> Duration {
    match case.load {
        Load::Burst { spread, .. } => spread.saturating_add(one),
        Load::Closed { until: Until::Time(duration), .. } => duration.saturating_add(one),
        Load::Closed { users, until: Until::Requests(requests), think } => {
            let turns = requests.div_ceil(u64::from(users.max(1)));
            one.saturating_add(think.most).saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX))
        }
    }
}

/// How long the load of each round goes on, where only time ends it: `for 5m a round`.
pub fn lasts(plan: &Plan) -> Option<String> {
    let duration = plan.cases.iter().find_map(|case| case.load.duration())?;
    Some(format!("for {} a round", format_time(duration)))
}

/// The plan, its reads and where it sends, and the advice.
pub fn describe(resolved: &Resolved) -> String {
    let plan = &resolved.plan;
    let mut out = plan.name.clone();
    if let Some(description) = &plan.description {
        out += &format!(": {}", one_line(description));
    }
    out.push('\n');
    let requests = requests(plan);
    let rounds = if plan.repeat > 1 { format!(", {} rounds each", plan.repeat) } else { String::new() };
    line(&mut out, "cases", &format!("{}{rounds}", plan.cases.len()));
    let mut parts = vec![
        requests
            .load
            .map_or_else(|| format!("load {}", lasts(plan).unwrap_or_default()), |load| format!("{load} load")),
    ];
    for (count, name) in [(requests.warmup, "warm-up"), (requests.preflight, "pre-flight")] {
        if count > 0 {
            parts.push(format!("{count} {name}"));
        }
    }
    let parts = match requests.all() {
        Some(all) => format!("{all} ({})", parts.join(", ")),
        None => parts.join(", "),
    };
    line(&mut out, "requests", &parts);
    line(&mut out, "at once", &format!("{} connections at most", plan.max_connections()));
    line(&mut out, "longest", &format!("{} if every request runs into its timeout", rounded(longest(plan))));
    line(&mut out, "seed", &plan.seed.to_string());
    let gates = plan.gates.iter().map(|gate| format!("{} {}", gate.metric, gate.text)).collect::<Vec<_>>();
    line(&mut out, "gates", &gates.join(", "));
    let versus = plan.vs_baseline.iter().map(|gate| format!("{} {}", gate.metric, gate.text)).collect::<Vec<_>>();
    if !versus.is_empty() {
        line(&mut out, "vs baseline", &versus.join(", "));
    }
    if plan.preflight.requests == 0 {
        line(&mut out, "pre-flight", "off");
    }
    for target in &plan.targets {
        line(&mut out, "sends to", &sends_to(target));
    }
    list(&mut out, "reads environment", &resolved.environment);
    let files: Vec<String> = resolved.files.iter().map(|file| file.display().to_string()).collect();
    list(&mut out, "reads files", &files);
    out.push('\n');
    for case in plan.cases.iter().take(MOST_LISTED) {
        let _ = writeln!(out, "  {}", case.key);
    }
    if plan.cases.len() > MOST_LISTED {
        let _ = writeln!(out, "  … and {} more", plan.cases.len() - MOST_LISTED);
    }
    out
}

/// Where each value came from, one a line.
pub fn describe_origins(resolved: &Resolved) -> String {
    let width = resolved.origins.iter().map(|origin| origin.from.chars().count()).max().unwrap_or(0);
    let lines = resolved.origins.iter().map(|origin| {
        let mut value: String = one_line(&origin.value);
        if value.chars().count() > 80 {
            value = value.chars().take(79).chain(['…']).collect();
        }
        format!("  {:width$}  {} = {value}\n", origin.from, origin.key)
    });
    lines.collect()
}

fn sends_to(target: &super::plan::Target) -> String {
    let mut words = match &target.place {
        Place::Url(url) => {
            let scheme = if url.https { "https" } else { "http" };
            format!("{} ({scheme}://{}{})", target.name, url.authority, url.chat_path)
        }
        Place::Mock(_) => format!("{} (the embedded endpoint)", target.name),
    };
    for (name, address) in &target.resolve {
        words += &format!(", {name} at {address}");
    }
    if let Some(proxy) = &target.proxy {
        let (host, port) = proxy::host(proxy.expose_secret());
        words += &format!(", through {host}:{port}");
    }
    if !target.local_addresses.is_empty() {
        let from: Vec<String> = target.local_addresses.iter().map(ToString::to_string).collect();
        words += &format!(", from {}", from.join(" and "));
    }
    if target.insecure {
        words += ", certificates not checked";
    }
    words
}

fn line(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "  {name:<10} {value}");
}

fn list(out: &mut String, name: &str, values: &[String]) {
    if !values.is_empty() {
        let _ = writeln!(out, "  {name} {}", values.join(", "));
    }
}

/// A time that a person reads: `1h 12m 30s`, seconds rounded up.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format_time(Duration::from_secs(s)),
        (0, m, s) => format!("{m}m {s}s"),
        (h, m, s) => format!("{h}h {m}m {s}s"),
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
