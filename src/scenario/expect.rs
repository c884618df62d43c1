//! `[expect]`: gates, one a line, named like the columns of summary.csv without their unit.
//!
//! It reads what was typed and knows which metrics exist and their units. It refuses to judge.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::plan::{Comparison, DISTRIBUTIONS, Gate, MetricUnit, SCALARS, STATISTICS, metric_unit};
use super::problem::choose;
use super::units::{parse_rate, parse_share, parse_time, plain_number, quoted};
use super::versus::VsBaseline;
use crate::sample::Outcome;

/// Gates, in the order written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expect {
    /// Whether invalid numbers stop the gates.
    pub validity: Option<Validity>,
    /// One a metric.
    pub gates: Vec<Gate>,
    /// Against the baseline.
    pub vs_baseline: Option<VsBaseline>,
}

/// Whether invalid numbers stop the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// They do: a gate that reads an invalid metric is neither passed nor failed.
    Valid,
    /// They do not: the warning stays, the gates decide.
    Any,
}

/// The gate that stands where a file names no success rate.
pub fn default_gate() -> Gate {
    Gate { metric: "success_rate".into(), op: Comparison::AtLeast, threshold: 0.9, text: ">= 90%".into() }
}

/// The unit of a metric that a gate may name; an outcome's name is one too, a count.
pub fn unit_of(metric: &str) -> Option<MetricUnit> {
    metric_unit(metric).or_else(|| Outcome::parse(metric).map(|_| MetricUnit::Count))
}

/// Every metric that a gate may name.
pub fn metrics() -> impl Iterator<Item = &'static str> {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut names: Vec<String> = SCALARS.iter().map(|(name, _)| (*name).to_owned()).collect();
        for suffix in ["", "_answered"] {
            for name in DISTRIBUTIONS {
                names.extend(STATISTICS.iter().map(|statistic| format!("{name}_{statistic}{suffix}")));
            }
        }
        let outcomes = Outcome::ALL.iter().map(|outcome| outcome.name());
        names.extend(outcomes.filter(|name| *name != "ok").map(str::to_owned));
        names
    });
    NAMES.iter().map(String::as_str)
}

/// Reads a gate's right side: `< 8s`, `>= 99%`, `<= 3`.
pub fn parse_gate(metric: &str, unit: MetricUnit, text: &str) -> Result<Gate, String> {
    let typed = text.trim();
    let signs = [Comparison::AtMost, Comparison::AtLeast, Comparison::Equal, Comparison::Less, Comparison::Greater];
    let found = signs.into_iter().find_map(|op| typed.strip_prefix(op.sign()).map(|rest| (op, rest.trim())));
    let Some((op, number)) = found else {
        let usual = if unit == MetricUnit::Share { ">=" } else { "<=" };
        let hint = format!("write \"{usual} {}\"", example(unit, typed));
        return Err(format!("{}: a gate starts with <, <=, >, >= or ==\nhint: {hint}", quoted(text)));
    };
    let value = match unit {
        MetricUnit::Milliseconds => parse_time(number).map(|time| time.as_nanos() as f64 / 1e6),
        MetricUnit::Seconds => parse_time(number).map(|time| time.as_nanos() as f64 / 1e9),
        MetricUnit::Share if number.ends_with('%') => parse_share(number),
        MetricUnit::Share => fraction(number),
        MetricUnit::PerSecond if number.contains('/') => parse_rate(number),
        MetricUnit::PerSecond | MetricUnit::Count => {
            plain_number(number).ok_or_else(|| format!("expected a number, found {}", quoted(number)))
        }
    };
    let threshold = value.map_err(|why| {
        let hint = format!("write \"{} {}\"", op.sign(), example(unit, number));
        format!("{why}\nhint: {hint}")
    })?;
    Ok(Gate { metric: metric.to_owned(), op, threshold, text: typed.to_owned() })
}

fn fraction(number: &str) -> Result<f64, String> {
    match plain_number(number) {
        Some(share) if share <= 1.0 => Ok(share),
        _ => Err(format!("expected a share such as \"90%\" or 0.9, found {}", quoted(number))),
    }
}

/// What was probably meant by a number without its unit.
fn example(unit: MetricUnit, typed: &str) -> String {
    let number = plain_number(typed).map(|_| typed);
    match unit {
        MetricUnit::Milliseconds | MetricUnit::Seconds => match parse_time(typed) {
            Ok(_) => typed.to_owned(),
            Err(_) => format!("{}s", number.unwrap_or("8")),
        },
        MetricUnit::Share => match number.filter(|typed| typed.parse().is_ok_and(|share: f64| share <= 100.0)) {
            Some(typed) => format!("{typed}%"),
            None if parse_share(typed).is_ok() => typed.to_owned(),
            None => "90%".to_owned(),
        },
        MetricUnit::PerSecond => format!("{}/s", number.unwrap_or("5")),
        MetricUnit::Count => number.unwrap_or("3").to_owned(),
    }
}

impl Serialize for Expect {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for gate in &self.gates {
            map.serialize_entry(&gate.metric, &gate.text)?;
        }
        if let Some(vs_baseline) = &self.vs_baseline {
            map.serialize_entry("vs_baseline", vs_baseline)?;
        }
        if let Some(validity) = self.validity {
            map.serialize_entry("validity", &validity)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ExpectVisitor)
    }
}

struct ExpectVisitor;

impl<'de> Visitor<'de> for ExpectVisitor {
    type Value = Expect;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Expect, M::Error> {
        let mut expect = Expect::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == "validity" {
                expect.validity = Some(map.next_value()?);
            } else if let Some(unit) = unit_of(&key) {
                expect.gates.push(map.next_value_seed(GateSeed { metric: &key, unit })?);
            } else if key == "vs_baseline" {
                expect.vs_baseline = Some(map.next_value()?);
            } else {
                let hint = unknown_metric(&key);
                return Err(M::Error::custom(format!("no such metric\nhint: {hint}")));
            }
        }
        Ok(expect)
    }
}

fn unknown_metric(key: &str) -> String {
    let plain = ["_ms", "_s"].into_iter().find_map(|unit| key.strip_suffix(unit)).filter(|key| unit_of(key).is_some());
    let words = metrics().chain(["validity", "vs_baseline"]);
    plain.map_or_else(|| choose(key, words), |name| format!("a gate is named without its unit: {name}"))
}

struct GateSeed<'a> {
    metric: &'a str,
    unit: MetricUnit,
}

impl<'de> DeserializeSeed<'de> for GateSeed<'_> {
    type Value = Gate;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Gate, D::Error> {
        from.deserialize_any(self)
    }
}

impl Visitor<'_> for GateSeed<'_> {
    type Value = Gate;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a gate such as \"<= 3\"")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Gate, E> {
        parse_gate(self.metric, self.unit, text).map_err(E::custom)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Gate, E> {
        self.visit_str(&number.to_string())
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Gate, E> {
        self.visit_str(&number.to_string())
    }
}

impl JsonSchema for Expect {
    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut validity = Validity::json_schema(generator);
        validity.insert("description".into(), "Whether invalid numbers stop the gates. Default \"valid\".".into());
        let mut properties = serde_json::Map::new();
        properties.insert("validity".into(), validity.to_value());
        properties.insert("vs_baseline".into(), VsBaseline::json_schema(generator).to_value());
        for metric in metrics() {
            let (words, example) = match unit_of(metric) {
                Some(MetricUnit::Share) => ("a share", ">= 99%"),
                Some(MetricUnit::Count) | None => ("a count", "<= 3"),
                Some(MetricUnit::PerSecond) => ("per second", ">= 5"),
                Some(MetricUnit::Milliseconds | MetricUnit::Seconds) => ("a time", "< 8s"),
            };
            let schema = json_schema!({
                "description": format!("Gate on {metric}, {words}: \"{example}\"."),
                "type": "string", "pattern": r"^\s*(<=|>=|==|<|>)\s*[0-9]",
            });
            properties.insert(metric.into(), schema.to_value());
        }
        json_schema!({
            "description": "Gates: what every case must meet. A gate is named like its column in summary.csv, without the unit.",
            "type": "object", "properties": properties, "additionalProperties": false,
        })
    }
}
