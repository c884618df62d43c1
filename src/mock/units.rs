//! The two small notations of the settings: times with a unit, shares with a percent sign.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// The longest time that a setting takes; it also keeps sums of nanoseconds far from overflowing.
const LONGEST: f64 = 86_400.0;

/// Parses `"200ms"`, `"1.5s"`, `"2m"`: a number and one of ns, us, µs, ms, s, m, h.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit.trim_start() {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("{text:?} is not a time: write a number and a unit, as in \"200ms\" or \"1.5s\"")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{text:?} is not a time: {number:?} is not a number"))?;
    let total = number * seconds;
    if total > LONGEST { Err(format!("{text:?} is longer than a day")) } else { Ok(Duration::from_secs_f64(total)) }
}

/// Parses `"2%"`, `"0.5%"`: between 0 and 100.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is not a share: write a percentage from 0 to 100, as in \"2%\"");
    let percent: f64 = text.strip_suffix('%').ok_or_else(wrong)?.trim_end().parse().map_err(|_| wrong())?;
    if (0.0..=100.0).contains(&percent) { Ok(percent / 100.0) } else { Err(wrong()) }
}

/// For `#[serde(deserialize_with)]`: a time with a unit.
pub(super) fn de_time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    time(&String::deserialize(from)?).map_err(de::Error::custom)
}

/// For `#[serde(deserialize_with)]`: a time with a unit, where the key is there.
pub(super) fn de_some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    de_time(from).map(Some)
}

/// For `#[serde(deserialize_with)]`: a share in percent, as a fraction.
pub(super) fn de_share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    share(&String::deserialize(from)?).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        assert_eq!(time("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(time("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(time("2 m"), Ok(Duration::from_secs(120)));
        assert_eq!(time("50us"), Ok(Duration::from_micros(50)));
        for wrong in ["", "200", "ms", "-1s", "1.2.3s", "2d", "1e9s", "25h"] {
            assert!(time(wrong).is_err(), "{wrong:?} passed for a time");
        }
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!(share("2%"), Ok(0.02));
        assert_eq!(share("100 %"), Ok(1.0));
        for wrong in ["2", "0.02", "101%", "-1%", "%", "NaN%", "inf%"] {
            assert!(share(wrong).is_err(), "{wrong:?} passed for a share");
        }
    }
}
