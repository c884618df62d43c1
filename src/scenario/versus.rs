//! `[expect] vs_baseline`: how much slower than the baseline is still accepted, one metric a line.
//!
//! Times may grow by a share (`"<= +15%"`), rates may shrink by one (`">= -10%"`). A share or a count has no ratio that
//! rounds could judge; it gets a gate of its own. It refuses to judge.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::expect::{metrics, unit_of};
use super::plan::{Comparison, MetricUnit, RelativeGate};
use super::problem::choose;
use super::units::{parse_share, quoted};

/// The table as typed, in the order written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VsBaseline(pub Vec<RelativeGate>);

/// Every metric that may be held against a baseline.
fn relative() -> impl Iterator<Item = (&'static str, MetricUnit)> {
    let compared = |metric: &'static str| Some((metric, unit_of(metric)?));
    metrics().filter_map(compared).filter(|(_, unit)| !matches!(unit, MetricUnit::Share | MetricUnit::Count))
}

/// Reads a line: `<= +15%` of a time, `>= -10%` of a rate.
fn parse(metric: &str, unit: MetricUnit, text: &str) -> Result<RelativeGate, String> {
    let typed = text.trim();
    let (usual, sign, example, words) = match unit {
        MetricUnit::PerSecond => {
            (Comparison::AtLeast, '-', ">= -10%", "a rate may be lower than the baseline's by a share")
        }
        _ => (Comparison::AtMost, '+', "<= +15%", "a time may be longer than the baseline's by a share"),
    };
    let strict = if usual == Comparison::AtMost { Comparison::Less } else { Comparison::Greater };
    let refuse = || format!("{}: {words}\nhint: write \"{example}\"", quoted(text));
    let split = [usual, strict].into_iter().find_map(|op| Some((op, typed.strip_prefix(op.sign())?.trim())));
    let (op, number) = split.ok_or_else(refuse)?;
    let number = number.strip_prefix(sign).ok_or_else(refuse)?;
    let share = parse_share(number).map_err(|why| format!("{why}\nhint: write \"{example}\""))?;
    if share == 0.0 {
        return Err(format!("no two runs are as equal as that\nhint: write \"{example}\""));
    }
    if unit == MetricUnit::PerSecond && share >= 1.0 {
        return Err(format!("less than nothing is no rate\nhint: write \"{example}\""));
    }
    let change = if sign == '-' { -share } else { share };
    Ok(RelativeGate { metric: metric.to_owned(), op, change, text: typed.to_owned() })
}

impl Serialize for VsBaseline {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for gate in &self.0 {
            map.serialize_entry(&gate.metric, &gate.text)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for VsBaseline {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = VsBaseline;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<VsBaseline, M::Error> {
        let mut gates = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match unit_of(&key) {
                None => {
                    let hint = choose(&key, relative().map(|(metric, _)| metric));
                    return Err(M::Error::custom(format!("no such metric\nhint: {hint}")));
                }
                Some(MetricUnit::Share | MetricUnit::Count) => {
                    let hint = format!("give {key} a line of its own under [expect]");
                    return Err(M::Error::custom(format!("not compared by its ratio\nhint: {hint}")));
                }
                Some(unit) => gates.push(map.next_value_seed(LineSeed { metric: &key, unit })?),
            }
        }
        Ok(VsBaseline(gates))
    }
}

struct LineSeed<'a> {
    metric: &'a str,
    unit: MetricUnit,
}

impl<'de> serde::de::DeserializeSeed<'de> for LineSeed<'_> {
    type Value = RelativeGate;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<RelativeGate, D::Error> {
        from.deserialize_any(self)
    }
}

impl Visitor<'_> for LineSeed<'_> {
    type Value = RelativeGate;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a gate such as \"<= +15%\"")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<RelativeGate, E> {
        parse(self.metric, self.unit, text).map_err(E::custom)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<RelativeGate, E> {
        self.visit_str(&number.to_string())
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<RelativeGate, E> {
        self.visit_str(&number.to_string())
    }
}

impl JsonSchema for VsBaseline {
    fn schema_name() -> Cow<'static, str> {
        "VsBaseline".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = serde_json::Map::new();
        for (metric, unit) in relative() {
            let (pattern, words, example) = match unit {
                MetricUnit::PerSecond => (r"^\s*>=?\s*-\s*[0-9.]+\s*%\s*$", "How much lower", ">= -10%"),
                _ => (r"^\s*<=?\s*\+\s*[0-9.]+\s*%\s*$", "How much longer", "<= +15%"),
            };
            let description = format!("{words} than the baseline's {metric} may be: \"{example}\".");
            let schema = json_schema!({ "description": description, "type": "string", "pattern": pattern });
            properties.insert(metric.into(), schema.to_value());
        }
        json_schema!({
            "description": "Gates against the run or git revision named by --baseline: how much slower is accepted.",
            "type": "object", "properties": properties, "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_grow_and_rates_may_shrink_by_a_share() {
        let of = |metric: &str, text: &str| {
            parse(metric, unit_of(metric).unwrap(), text).map(|gate| (gate.op, gate.change, gate.text))
        };
        assert_eq!(of("latency_p90", " <= +15% "), Ok((Comparison::AtMost, 0.15, "<= +15%".into())));
        assert_eq!(of("makespan", "<+ 5 %"), Ok((Comparison::Less, 0.05, "<+ 5 %".into())));
        assert_eq!(of("requests_per_s", ">= -10%"), Ok((Comparison::AtLeast, -0.1, ">= -10%".into())));
        for (metric, text) in [
            ("latency_p90", "<= 15%"),
            ("latency_p90", "<= -15%"),
            ("latency_p90", ">= +15%"),
            ("latency_p90", "<= +0%"),
            ("latency_p90", "<= +2s"),
            ("requests_per_s", "<= +15%"),
            ("requests_per_s", ">= -100%"),
        ] {
            assert!(of(metric, text).is_err(), "{metric} {text}");
        }
    }
}
