//! When requests of one round left and landed: how many were in the air at once, over how long they were sent, and when
//! each was answered.
//!
//! Exact up to [`EXACT_LIMIT`] requests a round; beyond that departures and landings are counted in slices of time, and
//! the most in the air is what it was at the slices' borders. Instants are microseconds since the start of the round.

use std::ops::AddAssign;

use super::burst::Burst;
use super::course::{Course, Leg};
use super::observation::Observation;
use super::slices::{Slice, Slices};
use super::values::{EXACT_LIMIT, room};

/// The flights of one round.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Flights {
    /// Requests, sent or not.
    pub requests: u64,
    /// Sent.
    pub sent: u64,
    /// Answered.
    pub ok: u64,
    /// Output tokens of answered requests.
    pub tokens_out: u64,
    /// The first that left.
    pub first_sent_us: Option<u64>,
    /// The last that left.
    pub last_sent_us: Option<u64>,
    /// The last that ended.
    pub last_end_us: u64,
    track: Track,
}

#[derive(Debug, Clone, PartialEq)]
enum Track {
    Exact(Vec<Flight>),
    Sliced(Slices),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flight {
    sent_us: u64,
    landed_us: u64,
    /// Our own lateness.
    lag_us: u64,
    ok: bool,
}

impl Default for Track {
    fn default() -> Track {
        Track::Exact(Vec::new())
    }
}

impl Flights {
    /// None yet, with places for so many.
    pub fn expecting(requests: u64) -> Flights {
        Flights { track: Track::Exact(Vec::with_capacity(room(requests))), ..Flights::default() }
    }

    /// Takes in one request.
    pub fn add(&mut self, seen: &Observation<'_>, tokens_out: u64) {
        self.requests += 1;
        self.ok += u64::from(seen.is_ok());
        self.tokens_out += tokens_out;
        self.last_end_us = self.last_end_us.max(seen.end_us);
        if let Some(sent_us) = seen.sent_us {
            self.first_sent_us = earliest(self.first_sent_us, Some(sent_us));
            self.last_sent_us = self.last_sent_us.max(Some(sent_us));
            let landed_us = seen.landed_us().max(sent_us);
            self.sent += 1;
            self.track.add(Flight { sent_us, landed_us, lag_us: seen.send_lag_us.unwrap_or(0), ok: seen.is_ok() });
        }
    }

    /// Last sent − first sent.
    pub fn spread_us(&self) -> Option<u64> {
        Some(self.last_sent_us? - self.first_sent_us?)
    }

    /// Last end − first sent.
    pub fn span_us(&self) -> Option<u64> {
        Some(self.last_end_us.saturating_sub(self.first_sent_us?))
    }

    /// The most in the air at once; a lower bound beyond [`EXACT_LIMIT`] requests.
    pub fn most(&self) -> u64 {
        match &self.track {
            Track::Exact(flights) => {
                // Departures are odd and landings even: plain numbers sort fastest, and landings come first.
                let mut changes: Vec<u64> =
                    flights.iter().flat_map(|flight| [flight.sent_us << 1 | 1, flight.landed_us << 1]).collect();
                changes.sort_unstable();
                peak(changes.into_iter().map(|change| if change & 1 == 1 { 1 } else { -1 }))
            }
            Track::Sliced(slices) => peak(slices.iter().map(|(_, slice)| slice.change)),
        }
    }

    /// How many had not landed when the last one left; `None` beyond [`EXACT_LIMIT`] requests or where none was sent.
    pub fn at_last_departure(&self) -> Option<u64> {
        let last = self.last_sent_us?;
        match &self.track {
            Track::Exact(flights) => Some(flights.iter().filter(|flight| flight.landed_us > last).count() as u64),
            Track::Sliced(_) => None,
        }
    }

    /// Of those that had landed by then, how many with an answer: the server was faster than the burst was sent.
    pub fn answered_before_last_departure(&self) -> u64 {
        match (&self.track, self.last_sent_us) {
            (Track::Exact(flights), Some(last)) => {
                flights.iter().filter(|flight| flight.ok && flight.landed_us <= last).count() as u64
            }
            _ => 0,
        }
    }

    /// What became of the round as a burst; `None` beyond [`EXACT_LIMIT`] requests or where none was sent.
    pub fn burst(&self) -> Option<Burst> {
        let (Track::Exact(flights), Some(first)) = (&self.track, self.first_sent_us) else { return None };
        let mut answered: Vec<&Flight> = flights.iter().filter(|flight| flight.ok).collect();
        answered.sort_by_key(|flight| (flight.sent_us, flight.landed_us));
        let seconds = |us: u64| us as f64 / 1e6;
        let fastest = answered.iter().map(|flight| flight.landed_us - flight.sent_us).min();
        Some(Burst {
            answered_s: answered.iter().map(|flight| seconds(flight.landed_us - first)).collect(),
            fastest_s: fastest.map_or(f64::INFINITY, seconds),
            spread_s: self.spread_us().map_or(0.0, seconds),
            failed: self.requests - self.ok,
        })
    }

    /// How the round went as a loop of so many users; `None` where nothing was sent.
    pub fn course(&self, users: u32) -> Option<Course> {
        let last = self.last_sent_us?;
        match &self.track {
            Track::Exact(flights) => {
                let mut legs: Vec<Leg> = flights.iter().map(Flight::leg).collect();
                legs.sort_by_key(|leg| leg.at_us);
                Course::of(legs.into_iter(), last, users)
            }
            Track::Sliced(slices) => {
                let leg = |(at_us, slice): (u64, &Slice)| {
                    let Slice { answered, latency_us, lag_us, .. } = *slice;
                    Leg { at_us, answered, latency_us, lag_us }
                };
                Course::of(slices.iter().map(leg), last, users)
            }
        }
    }

    /// Whether the most in the air is a lower bound.
    pub fn is_approximate(&self) -> bool {
        matches!(self.track, Track::Sliced(_))
    }
}

impl AddAssign<&Flights> for Flights {
    fn add_assign(&mut self, other: &Flights) {
        self.requests += other.requests;
        self.sent += other.sent;
        self.ok += other.ok;
        self.tokens_out += other.tokens_out;
        self.first_sent_us = earliest(self.first_sent_us, other.first_sent_us);
        self.last_sent_us = self.last_sent_us.max(other.last_sent_us);
        self.last_end_us = self.last_end_us.max(other.last_end_us);
        match (&mut self.track, &other.track) {
            (track, Track::Exact(flights)) => flights.iter().for_each(|flight| track.add(*flight)),
            (Track::Sliced(slices), Track::Sliced(more)) => *slices += more,
            (Track::Exact(flights), Track::Sliced(more)) => {
                let mut slices = more.clone();
                flights.drain(..).for_each(|flight| flight.into_slices(&mut slices));
                self.track = Track::Sliced(slices);
            }
        }
    }
}

impl Track {
    fn add(&mut self, flight: Flight) {
        match self {
            Track::Exact(flights) if flights.len() < EXACT_LIMIT => flights.push(flight),
            Track::Exact(flights) => {
                let mut slices = Slices::new();
                flights.drain(..).chain([flight]).for_each(|flight| flight.into_slices(&mut slices));
                *self = Track::Sliced(slices);
            }
            Track::Sliced(slices) => flight.into_slices(slices),
        }
    }
}

impl Flight {
    fn into_slices(self, slices: &mut Slices) {
        let left = slices.at(self.sent_us);
        left.change += 1;
        left.lag_us += self.lag_us;
        if self.ok {
            left.answered += 1;
            left.latency_us += self.landed_us - self.sent_us;
        }
        slices.at(self.landed_us).change -= 1;
    }

    fn leg(&self) -> Leg {
        let latency_us = if self.ok { self.landed_us - self.sent_us } else { 0 };
        Leg { at_us: self.sent_us, answered: u64::from(self.ok), latency_us, lag_us: self.lag_us }
    }
}

/// The highest running sum. At equal instants landings come first: a request is in the air from sent until just before
/// it lands.
fn peak(changes: impl Iterator<Item = i64>) -> u64 {
    let most = changes.scan(0i64, |now, change| {
        *now += change;
        Some(*now)
    });
    u64::try_from(most.max().unwrap_or(0)).unwrap_or(0)
}

fn earliest(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Outcome;

    fn flight(sent_us: u64, latency_us: u64) -> Observation<'static> {
        Observation {
            outcome: Some(Outcome::Ok),
            sent_us: Some(sent_us),
            latency_us: Some(latency_us),
            end_us: sent_us + latency_us + 10,
            ..Observation::default()
        }
    }

    fn flights(all: &[Observation<'_>]) -> Flights {
        let mut flights = Flights::default();
        all.iter().for_each(|seen| flights.add(seen, 7));
        flights
    }

    #[test]
    fn a_request_is_in_the_air_from_sent_until_it_lands() {
        let unsent = Observation { outcome: Some(Outcome::ConnectFailed), end_us: 900, ..Observation::default() };
        let round = flights(&[flight(0, 100), flight(50, 200), flight(100, 30), flight(120, 500), unsent]);
        assert_eq!((round.requests, round.sent, round.ok, round.most(), round.last_end_us), (5, 4, 4, 3, 900));
        assert_eq!((round.spread_us(), round.span_us()), (Some(120), Some(900)));
        assert_eq!((round.at_last_departure(), round.answered_before_last_departure()), (Some(3), 1));
        let burst = Burst {
            answered_s: vec![0.0001, 0.00025, 0.00013, 0.00062],
            fastest_s: 0.00003,
            spread_s: 0.00012,
            failed: 1,
        };
        assert_eq!(round.burst(), Some(burst));
    }

    #[test]
    fn the_two_halves_of_a_round_add_up_to_the_round() {
        let all: Vec<_> = (0..40).map(|place| flight(place * 7 % 90, 100 + place)).collect();
        let mut sum = flights(&all[..13]);
        sum += &flights(&all[13..]);
        assert_eq!(sum, flights(&all));
    }

    #[test]
    fn beyond_the_limit_the_most_in_the_air_is_a_close_lower_bound_in_flat_memory() {
        let mut round = Flights::default();
        // One leaves each millisecond and stays for 50.
        (0..150_000).for_each(|place| round.add(&flight(place * 1000, 50_000), 0));
        assert!(round.is_approximate() && round.at_last_departure().is_none());
        assert!((40..=50).contains(&round.most()), "{}", round.most());
    }

    #[test]
    fn nothing_sent_was_never_in_the_air() {
        let round = flights(&[Observation { outcome: Some(Outcome::ConnectFailed), ..Observation::default() }]);
        assert_eq!((round.most(), round.spread_us(), round.at_last_departure()), (0, None, None));
    }
}
