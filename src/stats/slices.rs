//! Departures, landings, waits and lateness in slices of time: flat memory, however many requests.

use std::ops::AddAssign;

/// Slices that are kept at most; where more are needed, neighbours are merged.
pub(super) const SLICES: usize = 65_536;
/// The first width of a slice.
const WIDTH_US: u64 = 1024;

/// Slices of equal width from the start of a round.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slices {
    width_us: u64,
    all: Vec<Slice>,
}

/// What happened within one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Slice {
    /// Departures less landings.
    pub(super) change: i64,
    /// Of those that left, how many were answered.
    pub(super) answered: u64,
    /// The sum of their latencies.
    pub(super) latency_us: u64,
    /// The sum of our own lateness with those that left.
    pub(super) lag_us: u64,
}

impl Slices {
    pub(super) fn new() -> Slices {
        Slices { width_us: WIDTH_US, all: Vec::new() }
    }

    /// The slice of an instant.
    pub(super) fn at(&mut self, at_us: u64) -> &mut Slice {
        while at_us / self.width_us >= SLICES as u64 {
            self.coarsen();
        }
        let place = (at_us / self.width_us) as usize;
        if place >= self.all.len() {
            self.all.resize(place + 1, Slice::default());
        }
        &mut self.all[place]
    }

    /// Each slice with when it begins, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Slice)> {
        self.all.iter().enumerate().map(|(place, slice)| (place as u64 * self.width_us, slice))
    }

    fn coarsen(&mut self) {
        self.width_us *= 2;
        let merged = |pair: &[Slice]| {
            pair.iter().fold(Slice::default(), |mut sum, slice| {
                sum += slice;
                sum
            })
        };
        self.all = self.all.chunks(2).map(merged).collect();
    }
}

impl AddAssign<&Slices> for Slices {
    fn add_assign(&mut self, other: &Slices) {
        while self.width_us < other.width_us {
            self.coarsen();
        }
        for (at_us, slice) in other.iter() {
            *self.at(at_us) += slice;
        }
    }
}

impl AddAssign<&Slice> for Slice {
    fn add_assign(&mut self, other: &Slice) {
        self.change += other.change;
        self.answered += other.answered;
        self.latency_us += other.latency_us;
        self.lag_us += other.lag_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_widen_as_time_goes_on_and_sums_stay() {
        let mut slices = Slices::new();
        let times = [0, 5_000, 1_000_000, 3_600_000_000, 90_000_000_000];
        times.iter().for_each(|at| slices.at(*at).answered += 1);
        assert!(slices.all.len() <= SLICES);
        let found: Vec<u64> = slices.iter().filter(|(_, slice)| slice.answered > 0).map(|(at, _)| at).collect();
        assert_eq!((found.len(), slices.iter().map(|(_, slice)| slice.answered).sum::<u64>()), (3, 5));
        assert!(found.iter().zip([0, 3_600_000_000, 90_000_000_000]).all(|(at, real)| real - at < slices.width_us));
    }

    #[test]
    fn the_sum_of_two_is_what_one_would_have_been() {
        let of = |times: &[u64]| {
            let mut slices = Slices::new();
            times.iter().for_each(|at| slices.at(*at).lag_us += 1);
            slices
        };
        let (fine, coarse) = ([10, 2_000, 70_000], [3_000, 400_000_000]);
        for (one, other) in [(&fine[..], &coarse[..]), (&coarse[..], &fine[..])] {
            let mut sum = of(one);
            sum += &of(other);
            assert_eq!(sum, of(&[one, other].concat()));
        }
    }
}
