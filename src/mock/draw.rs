//! What chance decides about one answer, from the seed and the request's number alone.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::settings::{Settings, Tokens};

/// The draws of one request. The order in which they are made never depends on what they are used for, so that a fault
/// more or less changes no latency.
pub(super) struct Draw {
    rng: ChaCha8Rng,
    /// From 0 to 1: which fault, if any.
    pub(super) fault: f64,
    /// Tokens of the answer, before `max_tokens`.
    pub(super) tokens: u32,
    /// Names the answer.
    pub(super) identity: u64,
    /// Chooses the answer's words.
    pub(super) wording: u64,
    /// Nanoseconds until the first token.
    pub(super) first_token: u64,
    per_token: super::delay::Delay,
    scale: f64,
}

impl Draw {
    /// The draws of the request with this number (1 is the first chat completion).
    pub(super) fn new(settings: &Settings, serial: u64) -> Draw {
        let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
        rng.set_stream(serial);
        let fault = rng.random();
        let spread: f64 = rng.random();
        let tokens = match settings.tokens {
            Tokens::Fixed(count) => count,
            Tokens::Between(min, max) => min + (spread * (f64::from(max - min) + 1.0)) as u32,
        };
        let (identity, wording) = (rng.random(), rng.random());
        let scale = settings.time_scale;
        let first_token = scaled(settings.first_token.draw(&mut rng), scale);
        Draw { rng, fault, tokens, identity, wording, first_token, per_token: settings.per_token, scale }
    }

    /// Nanoseconds from one token to the next; each call draws the next one.
    pub(super) fn gap(&mut self) -> u64 {
        scaled(self.per_token.draw(&mut self.rng), self.scale)
    }

    /// Nanoseconds from the first token to the end of so many: what [`Draw::gap`] gives, summed.
    pub(super) fn gaps(&mut self, tokens: u32) -> u64 {
        match self.per_token {
            super::delay::Delay::Constant(_) => self.gap() * u64::from(tokens),
            _ => (0..tokens).map(|_| self.gap()).sum(),
        }
    }
}

fn scaled(nanoseconds: u64, scale: f64) -> u64 {
    if scale == 1.0 { nanoseconds } else { (nanoseconds as f64 * scale) as u64 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::delay::Delay;
    use super::*;

    fn settings() -> Settings {
        Settings {
            first_token: Delay::Lognormal { median: Duration::from_millis(200), sigma: 0.5 },
            per_token: Delay::Bimodal { fast: Duration::from_millis(5), slow: Duration::from_millis(50), share: 0.2 },
            tokens: Tokens::Between(10, 20),
            ..Settings::default()
        }
    }

    fn all(settings: &Settings, serial: u64) -> (u64, u32, u64, Vec<u64>) {
        let mut draw = Draw::new(settings, serial);
        (draw.first_token, draw.tokens, draw.identity, (0..20).map(|_| draw.gap()).collect())
    }

    #[test]
    fn the_same_seed_and_number_draw_the_same_and_any_other_draws_differently() {
        let base = settings();
        assert_eq!(all(&base, 5), all(&base, 5));
        assert_ne!(all(&base, 5), all(&base, 6));
        assert_ne!(all(&base, 5), all(&Settings { seed: 2, ..base.clone() }, 5));
    }

    #[test]
    fn the_first_draws_of_seed_1_are_these_on_every_machine() {
        let (first_token, tokens, _, gaps) = all(&settings(), 1);
        let milliseconds: Vec<u64> = gaps[..8].iter().map(|gap| gap / 1_000_000).collect();
        // To the microsecond: the last bits of an exponential are the platform's own.
        assert_eq!((first_token / 1_000, tokens, milliseconds), (347_511, 10, vec![5, 5, 5, 5, 50, 5, 5, 5]));
    }

    #[test]
    fn a_streamed_answer_takes_as_long_as_one_that_is_not() {
        for settings in [settings(), Settings::default()] {
            let streamed: u64 = all(&settings, 9).3.iter().sum();
            assert_eq!(Draw::new(&settings, 9).gaps(20), streamed);
        }
    }

    #[test]
    fn tokens_reach_both_ends_of_their_range() {
        let settings = settings();
        let counts: std::collections::BTreeSet<u32> = (0..500).map(|n| Draw::new(&settings, n).tokens).collect();
        assert_eq!(counts, (10..=20).collect());
    }

    #[test]
    fn the_time_scale_divides_every_time() {
        let slow = Settings { per_token: Delay::Constant(Duration::from_millis(10)), ..Settings::default() };
        let mut fast = Draw::new(&Settings { time_scale: 0.1, ..slow }, 1);
        assert_eq!((fast.first_token, fast.gap(), fast.gaps(3)), (20_000_000, 1_000_000, 3_000_000));
    }
}
