//! Units as a person types them: `"180s"`, `"90%"`, `"5/s"`, a whole number within bounds.
//!
//! Text to value and back, losing nothing. It knows no keys, no files and no defaults.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error as _, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The longest time that a scenario may name: 30 days, so that no sum of instants overflows.
pub const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a time with its unit: `180s`, `250ms`, `5m`, `1.5s`, `1m30s`.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let refuse = || format!("expected a time such as \"180s\", found {}", quoted(text));
    let mut rest = text.trim();
    let mut total: u128 = 0;
    if rest.is_empty() {
        return Err(refuse());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if unit.is_empty() && !number.is_empty() {
            return Err(format!("{}: a time needs a unit: ns, us, ms, s, m or h", quoted(text)));
        }
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(refuse)?;
        total = total.saturating_add(decimal_times(number, *nanos).ok_or_else(refuse)?);
        rest = tail;
    }
    match u64::try_from(total).map(Duration::from_nanos) {
        Ok(time) if time <= LONGEST => Ok(time),
        _ => Err(format!("{} is longer than the longest time here, 30 days", quoted(text))),
    }
}

/// `number × nanos` exactly, rounded down to a nanosecond; `None` if `number` is not a plain decimal.
fn decimal_times(number: &str, nanos: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    // 24 digits of hours fit into 128 bits of nanoseconds.
    if !plain(whole) || !plain(fraction) || whole.len() + fraction.len() > 24 {
        return None;
    }
    let scale = 10u128.pow(fraction.len() as u32);
    let digits = whole.parse::<u128>().ok()? * scale + fraction.parse::<u128>().ok()?;
    Some(digits * u128::from(nanos) / scale)
}

/// Writes a time so that [`parse_time`] reads the same again, in the largest unit that holds it whole.
pub fn format_time(time: Duration) -> String {
    let nanos = time.as_nanos();
    let fits = |unit: u128, from: u128| nanos.is_multiple_of(unit) && nanos >= from;
    match nanos {
        0 => "0s".to_owned(),
        _ if fits(3_600_000_000_000, 3_600_000_000_000) => format!("{}h", nanos / 3_600_000_000_000),
        _ if fits(60_000_000_000, 600_000_000_000) => format!("{}m", nanos / 60_000_000_000),
        _ if fits(1_000_000_000, 0) => format!("{}s", nanos / 1_000_000_000),
        _ if fits(1_000_000, 0) => format!("{}ms", nanos / 1_000_000),
        _ if fits(1_000, 0) => format!("{}us", nanos / 1_000),
        _ => format!("{nanos}ns"),
    }
}

/// Reads a share as a fraction: `90%` is 0.9.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').map(str::trim);
    match number.and_then(plain_number) {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        Some(_) => Err(format!("{}: a share lies between 0% and 100%", quoted(text))),
        None => Err(format!("expected a share such as \"90%\", found {}", quoted(text))),
    }
}

/// Reads a rate per second: `5/s` is 5, `30/min` is 0.5.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let refuse = || format!("expected a rate such as \"5/s\" or \"30/min\", found {}", quoted(text));
    let (number, unit) = text.split_once('/').ok_or_else(refuse)?;
    let number = plain_number(number.trim()).ok_or_else(refuse)?;
    match unit.trim() {
        "s" => Ok(number),
        "min" => Ok(number / 60.0),
        _ => Err(refuse()),
    }
}

/// A number without sign, exponent, `inf` or `nan`.
pub fn plain_number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.len() <= 30 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

/// A word in quotes, its control characters escaped, shortened to what a line can hold.
pub fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", short.escape_debug())
}

/// A time, typed as a string with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Duration);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_time(self.0))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor { expecting: "a time such as \"180s\"", unit: "s", parse: parse_time })
            .map(Time)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|h))+\s*$", "examples": ["180s", "250ms", "5m"] })
    }
}

/// A share, typed as a percentage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_share(self.0))
    }
}

/// Writes a share so that [`parse_share`] reads the same again: the shortest percentage that does.
pub fn format_share(share: f64) -> String {
    let percent = share * 100.0;
    (0..=17)
        .map(|digits| format!("{percent:.digits$}"))
        .find(|text| plain_number(text).is_some_and(|number| number / 100.0 == share))
        .map_or_else(|| format!("{percent}%"), |text| format!("{text}%"))
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor { expecting: "a share such as \"90%\"", unit: "%", parse: parse_share })
            .map(Share)
    }
}

impl JsonSchema for Share {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$", "examples": ["90%", "2.5%"] })
    }
}

/// A value typed as text with a unit; a bare number is refused with the text that was probably meant.
pub(super) struct TextVisitor<T> {
    pub(super) expecting: &'static str,
    pub(super) unit: &'static str,
    pub(super) parse: fn(&str) -> Result<T, String>,
}

impl<T> TextVisitor<T> {
    fn bare<E: serde::de::Error>(&self, kind: &str, number: impl fmt::Display) -> E {
        E::custom(format!("expected {}, found {kind}\nhint: write \"{number}{}\"", self.expecting, self.unit))
    }
}

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(|message| match plain_number(text.trim()) {
            Some(_) => E::custom(format!("{message}\nhint: write \"{}{}\"", text.trim(), self.unit)),
            None => E::custom(format!("{message}\nhint: write {}", self.expecting)),
        })
    }
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        Err(self.bare("an integer", number))
    }
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        match self.unit {
            // A fraction was meant.
            "%" if number <= 1.0 => Err(self.bare("a float", format_share(number).trim_end_matches('%'))),
            _ => Err(self.bare("a float", number)),
        }
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> Serialize for Count<MIN, MAX> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Count<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = from.deserialize_any(WholeVisitor)?;
        match u64::try_from(number) {
            Ok(count) if (MIN..=MAX).contains(&count) => Ok(Count(count)),
            _ => Err(D::Error::custom(out_of_range(number, MIN, MAX))),
        }
    }
}

fn out_of_range(number: i64, min: u64, max: u64) -> String {
    let nearest = if number < 0 || (number as u64) < min { min } else { max };
    format!("{number} is out of range: {min} to {max}\nhint: write {nearest}")
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Count<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Count{MIN}to{MAX}").into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }
    fn visit_i64<E>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_add_up() {
        let read = |text: &str| parse_time(text).map(|time| time.as_nanos());
        assert_eq!(read("180s"), Ok(180_000_000_000));
        assert_eq!(read("1.5s"), Ok(1_500_000_000));
        assert_eq!(read("1m30s"), Ok(90_000_000_000));
        assert_eq!(read(" 250 ms "), Ok(250_000_000));
        assert_eq!(read("720h"), Ok(LONGEST.as_nanos()));
        for wrong in ["", "s", "180", "-1s", "1e3s", "1.s", ".5s", "1d", "1s!", "721h", "9999999999999999999999999h"] {
            assert!(read(wrong).is_err(), "{wrong:?} passed for a time");
        }
    }

    #[test]
    fn times_are_written_in_a_unit_that_a_person_would_choose() {
        let write = |text: &str| format_time(parse_time(text).unwrap());
        let written = ["180s", "600s", "60m", "90m", "1500ms", "0.5ms", "0s"].map(write);
        assert_eq!(written, ["180s", "10m", "1h", "90m", "1500ms", "500us", "0s"]);
    }

    #[test]
    fn shares_are_percentages_and_rates_are_per_time() {
        assert_eq!(parse_share("90%"), Ok(0.9));
        assert_eq!(format_share(0.9), "90%");
        assert_eq!(parse_rate("30/min"), Ok(0.5));
        assert_eq!(parse_rate("5 / s"), Ok(5.0));
        for wrong in ["90", "101%", "-1%", "nan%", "1e1%", "%"] {
            assert!(parse_share(wrong).is_err(), "{wrong:?} passed for a share");
        }
        for wrong in ["5", "5/h", "-5/s", "/s"] {
            assert!(parse_rate(wrong).is_err(), "{wrong:?} passed for a rate");
        }
    }
}
