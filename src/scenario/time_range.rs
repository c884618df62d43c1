//! A time, or a range of times to draw from: `"2s"`, `"20s..40s"`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize, Serializer};

use super::units::{TextVisitor, format_time, parse_time, quoted};

/// From the shortest to the longest; the same twice is one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

fn parse(text: &str) -> Result<TimeRange, String> {
    let Some((least, most)) = text.split_once("..") else {
        return parse_time(text).map(|time| TimeRange { least: time, most: time });
    };
    let (least, most) = (parse_time(least)?, parse_time(most)?);
    if least > most {
        return Err(format!("{} begins with the longer time", quoted(text)));
    }
    Ok(TimeRange { least, most })
}

impl Serialize for TimeRange {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (least, most) = (format_time(self.least), format_time(self.most));
        if least == most { to.serialize_str(&least) } else { to.serialize_str(&format!("{least}..{most}")) }
    }
}

impl<'de> Deserialize<'de> for TimeRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expecting = "a time such as \"2s\" or a range such as \"20s..40s\"";
        from.deserialize_any(TextVisitor { expecting, unit: "s", parse })
    }
}

impl JsonSchema for TimeRange {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "TimeRange".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let time = r"\s*([0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|h))+\s*";
        json_schema!({ "type": "string", "pattern": format!(r"^{time}(\.\.{time})?$"), "examples": ["2s", "20s..40s"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_or_two_and_the_shorter_first() {
        let seconds =
            |least, most| Ok(TimeRange { least: Duration::from_secs_f64(least), most: Duration::from_secs_f64(most) });
        assert_eq!(parse("2s"), seconds(2.0, 2.0));
        assert_eq!(parse("1.5s .. 40s"), seconds(1.5, 40.0));
        assert_eq!(parse("0s..0s"), seconds(0.0, 0.0));
        for wrong in ["", "..", "2s..", "..2s", "2..4s", "4s..2s", "2s...4s", "1s..2s..3s"] {
            assert!(parse(wrong).is_err(), "{wrong:?} passed for a range");
        }
    }

    #[test]
    fn a_range_is_written_as_it_is_read() {
        let written = |text: &str| serde_json::to_value(parse(text).unwrap()).unwrap();
        assert_eq!(["2s", "2s..2s", "500ms..2s"].map(written), ["2s", "2s", "500ms..2s"]);
    }
}
