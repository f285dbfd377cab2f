//! What an endpoint did lately: a ring of time buckets, fixed memory per endpoint.
//!
//! Invariant: a window holds [`BUCKETS`] buckets whatever the traffic; a count that is full stays full and never
//! wraps. Trade-off: the window slides by whole buckets, so it covers between four and five fifths of the
//! interval and what is under way; latency is known to within a factor of √2, the width of a histogram's step. Where numbers of buckets go round
//! (once in 272 years of buckets of 2 s), the last bucket before and the first after share a place, and one of them is lost.

use core::time::Duration;

/// Buckets in a window: the interval is cut into this many.
pub const BUCKETS: usize = 5;
/// Steps of a latency histogram.
pub const STEPS: usize = 32;

/// Lower bound of the second step, in microseconds; each later step is √2 wider.
const FIRST_STEP_US: u64 = 500;

/// Latencies of complete answers, in steps that widen by √2 from 0.5 ms to about 16 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram(pub(super) [u16; STEPS]);

impl Histogram {
    /// One more answer.
    pub fn add(&mut self, latency: Duration) {
        if let Some(step) = self.0.get_mut(step_of(latency)) {
            *step = step.saturating_add(1);
        }
    }

    /// All of `other`'s answers too.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// How many answers there are.
    pub fn volume(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    /// The latency that `percent` of the answers did not exceed, as the upper bound of its step; zero without any.
    pub fn quantile(&self, percent: u8) -> Duration {
        let rank = (self.volume() * u64::from(percent)).div_ceil(100);
        let mut seen = 0;
        for (step, count) in self.0.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank && seen > 0 {
                return upper_bound(step);
            }
        }
        Duration::ZERO
    }
}

/// Upper bound of a step: 0.5 ms · √2^step.
fn upper_bound(step: usize) -> Duration {
    let doubled = FIRST_STEP_US << (step / 2);
    // √2 to within a millionth, in whole numbers.
    let micros = if step.is_multiple_of(2) { doubled } else { doubled * 1_414_214 / 1_000_000 };
    Duration::from_micros(micros)
}

fn step_of(latency: Duration) -> usize {
    (0..STEPS - 1).find(|step| latency <= upper_bound(*step)).unwrap_or(STEPS - 1)
}

/// What was counted in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts that say something about the endpoint.
    pub attempts: u32,
    /// Those that failed.
    pub failures: u32,
    /// How long the complete answers took.
    pub latency: Histogram,
}

impl Counts {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.attempts == 0 && self.latency.volume() == 0
    }

    /// All of `other` too.
    pub fn merge(&mut self, other: &Self) {
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.failures = self.failures.saturating_add(other.failures);
        self.latency.merge(&other.latency);
    }

    /// The failure rate λ in parts per million; 0 without attempts.
    pub fn failure_rate_ppm(&self) -> u64 {
        u64::from(self.failures) * 1_000_000 / u64::from(self.attempts.max(1))
    }

    /// The reliability `(1 - λ)^attempts` of a request with so many attempts, in parts per million.
    pub fn reliability_ppm(&self, attempts: u32) -> u64 {
        let failed = self.failure_rate_ppm() as f64 / 1e6;
        ((1.0 - failed).powi(i32::try_from(attempts).unwrap_or(i32::MAX)) * 1e6).round() as u64
    }
}

/// Number of the bucket that `millis` (since the epoch) falls into.
pub fn bucket_at(millis: u64, interval: Duration) -> u32 {
    // Ages are differences of neighbours, so only the low bits matter.
    (millis / bucket_length(interval)) as u32
}

/// In how long the bucket after that of `millis` begins.
pub fn next_bucket(millis: u64, interval: Duration) -> Duration {
    let length = bucket_length(interval);
    Duration::from_millis(length - millis % length)
}

/// In milliseconds; 1 at least.
fn bucket_length(interval: Duration) -> u64 {
    (u64::try_from(interval.as_millis()).unwrap_or(u64::MAX) / BUCKETS as u64).max(1)
}

/// The last [`BUCKETS`] stretches of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window(pub(super) [(u32, Counts); BUCKETS]);

impl Window {
    /// Adds `counts` to bucket `number`; what is older than the ring is dropped.
    pub fn add(&mut self, number: u32, counts: &Counts) {
        let Some((held, kept)) = self.0.get_mut(number as usize % BUCKETS) else { return };
        if *held != number {
            // A stale merge (a worker that was held up) must not wipe what is newer; a bucket never used is not newer.
            if !kept.is_empty() && number.wrapping_sub(*held) > u32::MAX / 2 {
                return;
            }
            (*held, *kept) = (number, Counts::default());
        }
        kept.merge(counts);
    }

    /// All that is in the [`BUCKETS`] buckets up to `now`, and not before bucket `since`.
    pub fn sum(&self, now: u32, since: Option<u32>) -> Counts {
        let mut sum = Counts::default();
        for (number, counts) in &self.0 {
            let recent = (now.wrapping_sub(*number) as usize) < BUCKETS;
            let begun = since.is_none_or(|since| number.wrapping_sub(since) < u32::MAX / 2);
            if recent && begun {
                sum.merge(counts);
            }
        }
        sum
    }
}
