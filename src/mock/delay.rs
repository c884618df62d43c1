//! How long something takes: a constant, or drawn from a distribution.

use std::fmt;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, de};

use super::units;

/// No draw is longer than this, however heavy the tail.
const LONGEST_NS: f64 = 86_400e9;

/// A time, constant or drawn for each use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// `"200ms"` or `{ constant = "200ms" }`.
    Constant(Duration),
    /// `{ lognormal = { median = "200ms", sigma = 0.5 } }`: `median · e^(sigma · z)`, z standard normal.
    Lognormal {
        /// Half of the draws are below it.
        median: Duration,
        /// Spread of the logarithm; 0.5 puts the 90th percentile at 1.9 medians.
        sigma: f64,
    },
    /// `{ bimodal = { fast = "200ms", slow = "2s", share = "10%" } }`.
    Bimodal {
        /// What most take.
        fast: Duration,
        /// What the others take.
        slow: Duration,
        /// The share of the slow ones.
        share: f64,
    },
}

impl Delay {
    /// Nanoseconds. A constant leaves the generator alone, so that it costs nothing.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> u64 {
        match *self {
            Delay::Constant(time) => time.as_nanos() as u64,
            Delay::Lognormal { median, sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                (median.as_nanos() as f64 * (sigma * z).exp()).min(LONGEST_NS) as u64
            }
            Delay::Bimodal { fast, slow, share } => {
                let time = if rng.random::<f64>() < share { slow } else { fast };
                time.as_nanos() as u64
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match *self {
            Delay::Lognormal { sigma, .. } if !(0.0..=10.0).contains(&sigma) => {
                Err(format!("sigma {sigma} is not between 0 and 10"))
            }
            _ => Ok(()),
        }
    }
}

/// Reads a [`Delay`] as a person types it.
pub(super) struct Typed;

impl<'de> de::Visitor<'de> for Typed {
    type Value = Delay;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a time such as \"200ms\", or { constant | lognormal | bimodal = … }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Delay, E> {
        units::time(text).map(Delay::Constant).map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Delay, A::Error> {
        Ok(match Table::deserialize(MapAccessDeserializer::new(map))? {
            Table::Constant(Time(time)) => Delay::Constant(time),
            Table::Lognormal { median, sigma } => Delay::Lognormal { median, sigma },
            Table::Bimodal { fast, slow, share } => Delay::Bimodal { fast, slow, share },
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Table {
    Constant(Time),
    Lognormal {
        #[serde(deserialize_with = "units::de_time")]
        median: Duration,
        sigma: f64,
    },
    Bimodal {
        #[serde(deserialize_with = "units::de_time")]
        fast: Duration,
        #[serde(deserialize_with = "units::de_time")]
        slow: Duration,
        #[serde(deserialize_with = "units::de_share")]
        share: f64,
    },
}

#[derive(Deserialize)]
struct Time(#[serde(deserialize_with = "units::de_time")] Duration);

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn draws(delay: Delay) -> Vec<u64> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut draws: Vec<u64> = (0..20_000).map(|_| delay.draw(&mut rng)).collect();
        draws.sort_unstable();
        draws
    }

    #[test]
    fn half_of_a_lognormal_lies_below_its_median_and_a_tenth_above_1_9_medians() {
        let sorted = draws(Delay::Lognormal { median: Duration::from_millis(100), sigma: 0.5 });
        let (median, p90) = (sorted[10_000] as f64 / 1e8, sorted[18_000] as f64 / 1e8);
        assert!((0.98..1.02).contains(&median), "median {median}");
        assert!((1.86..1.94).contains(&p90), "P90 {p90}");
    }

    #[test]
    fn a_bimodal_is_slow_in_its_share() {
        let (fast, slow) = (Duration::from_nanos(1), Duration::from_nanos(2));
        let sorted = draws(Delay::Bimodal { fast, slow, share: 0.1 });
        let slow = sorted.iter().filter(|time| **time == 2).count();
        assert!((1_850..2_150).contains(&slow), "{slow} of 20000 were slow");
    }
}
