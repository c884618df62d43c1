//! How likely a burst's answer times are, if the server works on `places` requests at once and takes the others in order.
//!
//! The model: a queue with `places` servers, service times lognormal. Which of the requests in service an answer belongs
//! to is not known, so the likelihood is a sum over all histories; a particle filter (Gordon, Salmond and Smith 1993)
//! takes the sum, with the request that finishes drawn in proportion to its hazard. The mean service time needs no
//! search: whatever the history, service times sum up to the last `places` answer times.

use std::sync::LazyLock;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use statrs::function::erf::erfc;

/// Answers that enter a likelihood at most: the first of a burst tell the most.
const STEPS: usize = 2000;

/// The answer times of one burst, ready for the filter.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    /// In seconds since the burst began, ascending.
    pub(super) times: Vec<f64>,
    /// The place in the order of sending, from 0, of the request behind each.
    places: Vec<usize>,
    /// Sum of the last k answer times, by k.
    tail: Vec<f64>,
}

impl Answers {
    /// Of answer times in the order in which the requests were sent.
    pub(super) fn of(answered_s: &[f64]) -> Answers {
        let mut sorted: Vec<(f64, usize)> = answered_s.iter().copied().zip(0..).collect();
        sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut tail = vec![0.0];
        let mut sum = 0.0;
        for (time, _) in sorted.iter().rev() {
            sum += time;
            tail.push(sum);
        }
        let (times, places) = sorted.into_iter().unzip();
        Answers { times, places, tail }
    }

    pub(super) fn n(&self) -> usize {
        self.times.len()
    }

    /// Whether the last answer came so soon after the first that none can have waited for another to end: it would have
    /// taken less than half as long as the fastest.
    pub(super) fn none_waited(&self) -> bool {
        self.times.first().zip(self.times.last()).is_some_and(|(first, last)| *last < 1.5 * first)
    }

    /// How much later those were sent that are answered after the first `places`: the rank sum, in units of its
    /// deviation where the one has nothing to do with the other (Mann and Whitney 1947).
    pub(super) fn lateness(&self, places: usize) -> f64 {
        let first = places.min(self.n());
        let late = &self.places[first..];
        let (n, early_n, late_n) = (self.n() as f64, first as f64, late.len() as f64);
        let ranks: f64 = late.iter().map(|place| *place as f64 + 1.0).sum();
        let deviation = (early_n * late_n * (n + 1.0) / 12.0).sqrt();
        if deviation > 0.0 { (ranks - late_n * (n + 1.0) / 2.0) / deviation } else { 0.0 }
    }

    /// Mean service time, if so many were served at once.
    pub(super) fn mean_service(&self, places: usize) -> f64 {
        self.tail[places.min(self.n())] / self.n() as f64
    }
}

/// How the order of sending is held against the order of serving: the log of a chance, by the distance between the two.
pub(super) type Kernel = Vec<f64>;

/// One hypothesis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue<'a> {
    /// Requests served at once.
    pub(super) places: usize,
    /// Deviation of the logarithm of a service time.
    pub(super) sigma: f64,
    /// Whether the order of sending is used too.
    pub(super) kernel: Option<&'a Kernel>,
}

/// The log-likelihood of a burst under a hypothesis.
pub(super) fn log_likelihood(answers: &Answers, queue: Queue<'_>, particles: usize, rng: &mut ChaCha8Rng) -> f64 {
    let mean = answers.mean_service(queue.places);
    let mut cloud = Cloud::new(queue, mean, particles);
    let mut sum = 0.0;
    for step in 0..answers.n().min(STEPS) {
        let next = step + queue.places;
        let next = (next < answers.n()).then_some(next);
        sum += cloud.step(answers.times[step], answers.places[step], next, rng);
        if !sum.is_finite() {
            return f64::NEG_INFINITY;
        }
    }
    sum
}

/// The same where every request is served at once, which needs no particles: the answers are the service times, in some
/// order.
pub(super) fn all_at_once(answers: &Answers, sigma: f64) -> f64 {
    let n = answers.n();
    let mu = answers.mean_service(n).max(1e-9).ln() - sigma * sigma / 2.0;
    let mut last = 0.0;
    let mut sum = 0.0;
    for (place, time) in answers.times.iter().take(STEPS).enumerate() {
        let log_time = time.max(1e-9).ln();
        let z = (log_time - mu) / sigma;
        sum += ((n - place) as f64).ln() - 0.5 * z * z - HALF_LOG_TAU - sigma.ln() - log_time;
        last = log_survival(z);
    }
    sum + (n - n.min(STEPS)) as f64 * last
}

/// The particles: each is one history, as the requests that are in service.
struct Cloud<'a> {
    queue: Queue<'a>,
    /// Mean of the logarithm of a service time.
    mu: f64,
    /// Requests in service, the same number in every particle.
    busy: usize,
    slots: Vec<Slot>,
    spare: Vec<Slot>,
    /// Log-weight of each particle.
    weights: Vec<f64>,
    hazards: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    started: f64,
    /// Its place in the order of serving.
    place: usize,
    /// Log of the chance to last as long as it has.
    survival: f64,
}

impl<'a> Cloud<'a> {
    fn new(queue: Queue<'a>, mean: f64, particles: usize) -> Cloud<'a> {
        let first = (0..queue.places).map(|place| Slot { started: 0.0, place, survival: 0.0 });
        let slots: Vec<Slot> = first.cycle().take(queue.places * particles).collect();
        Cloud {
            queue,
            mu: mean.max(1e-9).ln() - queue.sigma * queue.sigma / 2.0,
            busy: queue.places,
            spare: slots.clone(),
            slots,
            weights: vec![-(particles as f64).ln(); particles],
            hazards: vec![0.0; queue.places],
        }
    }

    /// One answer: at `time`, of the request that was sent as number `sent`; then the next in the queue begins.
    fn step(&mut self, time: f64, sent: usize, next: Option<usize>, rng: &mut ChaCha8Rng) -> f64 {
        let width = self.queue.places;
        let mut total = Vec::with_capacity(self.weights.len());
        for particle in 0..self.weights.len() {
            let slots = &mut self.slots[particle * width..particle * width + self.busy];
            let (gain, done) = advance(slots, &mut self.hazards, self.queue, self.mu, (time, sent), rng);
            match next {
                Some(place) => slots[done] = Slot { started: time, place, survival: 0.0 },
                None => slots.swap(done, self.busy - 1),
            }
            total.push(self.weights[particle] + gain);
        }
        if next.is_none() {
            self.busy -= 1;
        }
        let likelihood = log_sum(&total);
        total.iter_mut().for_each(|weight| *weight -= likelihood);
        self.weights = total;
        self.resample(rng);
        likelihood
    }

    /// Draws the particles anew by their weights once few of them carry all of it.
    fn resample(&mut self, rng: &mut ChaCha8Rng) {
        let n = self.weights.len();
        let effective = 1.0 / self.weights.iter().map(|weight| (2.0 * weight).exp()).sum::<f64>();
        if !effective.is_finite() || effective > n as f64 / 2.0 {
            return;
        }
        let width = self.queue.places;
        let offset: f64 = rng.random();
        let (mut source, mut reached) = (0, self.weights[0].exp());
        for particle in 0..n {
            let aim = (particle as f64 + offset) / n as f64;
            while reached < aim && source + 1 < n {
                source += 1;
                reached += self.weights[source].exp();
            }
            let (from, to) = (source * width, particle * width);
            self.spare[to..to + self.busy].copy_from_slice(&self.slots[from..from + self.busy]);
        }
        std::mem::swap(&mut self.slots, &mut self.spare);
        self.weights.fill(-(n as f64).ln());
    }
}

/// Lets the requests of one particle go on until one of them is answered. Gives the log-likelihood of that and which.
fn advance(
    slots: &mut [Slot],
    hazards: &mut [f64],
    queue: Queue<'_>,
    mu: f64,
    (time, sent): (f64, usize),
    rng: &mut ChaCha8Rng,
) -> (f64, usize) {
    let mut lasting = 0.0;
    let mut highest = f64::NEG_INFINITY;
    for (slot, hazard) in slots.iter_mut().zip(hazards.iter_mut()) {
        let age = (time - slot.started).max(1e-9);
        let log_age = age.ln();
        let z = (log_age - mu) / queue.sigma;
        let survival = log_survival(z);
        lasting += survival - slot.survival;
        slot.survival = survival;
        let order = queue.kernel.map_or(0.0, |kernel| kernel[slot.place.abs_diff(sent).min(kernel.len() - 1)]);
        *hazard = -0.5 * z * z - HALF_LOG_TAU - queue.sigma.ln() - log_age - survival + order;
        highest = highest.max(*hazard);
    }
    let mut sum = 0.0;
    for hazard in &mut hazards[..slots.len()] {
        sum += (*hazard - highest).exp();
        *hazard = sum;
    }
    let aim = rng.random::<f64>() * sum;
    let done = hazards[..slots.len()].partition_point(|reached| *reached < aim).min(slots.len() - 1);
    (lasting + highest + sum.ln(), done)
}

const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;

/// ln P(Z > z) of the standard normal: a table up to |z| = 8, and beyond it the leading terms of its expansion.
fn log_survival(z: f64) -> f64 {
    const PER_UNIT: f64 = 64.0;
    static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| {
        (0..=1024)
            .map(|place| (0.5 * erfc((f64::from(place) / PER_UNIT - 8.0) / std::f64::consts::SQRT_2)).ln())
            .collect()
    });
    if z <= -8.0 {
        return 0.0;
    }
    if z >= 7.98 {
        return -0.5 * z * z - HALF_LOG_TAU - z.ln() - 1.0 / (z * z);
    }
    let at = (z + 8.0) * PER_UNIT;
    let place = at as usize;
    let part = at - place as f64;
    TABLE[place] * (1.0 - part) + TABLE[place + 1] * part
}

pub(super) fn log_sum(values: &[f64]) -> f64 {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !highest.is_finite() {
        return f64::NEG_INFINITY;
    }
    highest + values.iter().map(|value| (value - highest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// SciPy 1.17: `special.log_ndtr(-z)`.
    #[test]
    fn the_log_of_the_survival_agrees_with_scipy() {
        let table = [
            (-3.0, -0.0013508099647481923),
            (0.0, -std::f64::consts::LN_2),
            (1.3, -2.335103278662442),
            (7.9, -34.20622817098172),
            (12.0, -75.41067300156881),
        ];
        for (z, expected) in table {
            let got = log_survival(z);
            assert!((got - expected).abs() < 2e-4 * (1.0f64).max(-expected), "{z}: {got}, SciPy says {expected}");
        }
    }

    /// Where one is served at a time nothing is hidden: the likelihood is that of the gaps between answers.
    #[test]
    fn one_at_a_time_the_likelihood_is_that_of_the_gaps() {
        let (gaps, sigma) = ([0.9, 1.2, 1.0, 0.7, 1.1f64], 0.2);
        let times: Vec<f64> = gaps
            .iter()
            .scan(0.0, |sum, gap| {
                *sum += gap;
                Some(*sum)
            })
            .collect();
        let answers = Answers::of(&times);
        let mean = gaps.iter().sum::<f64>() / 5.0;
        assert!((answers.mean_service(1) - mean).abs() < 1e-12);
        let mu = mean.ln() - sigma * sigma / 2.0;
        let expected: f64 = gaps
            .iter()
            .map(|gap| -0.5 * ((gap.ln() - mu) / sigma).powi(2) - HALF_LOG_TAU - sigma.ln() - gap.ln())
            .sum();
        let queue = Queue { places: 1, sigma, kernel: None };
        let got = log_likelihood(&answers, queue, 4, &mut ChaCha8Rng::seed_from_u64(1));
        assert!((got - expected).abs() < 1e-3, "{got} and not {expected}");
    }

    /// Where all are served at once the answers are just the service times, in some order.
    #[test]
    fn all_at_once_the_likelihood_is_that_of_the_times() {
        let (times, sigma) = ([0.9, 1.2, 1.0, 0.7, 1.1f64], 0.2);
        let mu = (times.iter().sum::<f64>() / 5.0).ln() - sigma * sigma / 2.0;
        let each: f64 = times
            .iter()
            .map(|time| -0.5 * ((time.ln() - mu) / sigma).powi(2) - HALF_LOG_TAU - sigma.ln() - time.ln())
            .sum();
        let orders = 120f64.ln();
        let queue = Queue { places: 5, sigma, kernel: None };
        let got = log_likelihood(&Answers::of(&times), queue, 4, &mut ChaCha8Rng::seed_from_u64(1));
        assert!((got - each - orders).abs() < 1e-3, "{got} and not {}", each + orders);
        assert!((all_at_once(&Answers::of(&times), sigma) - each - orders).abs() < 1e-9);
    }
}
