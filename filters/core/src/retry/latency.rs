//! How long answers take: a quantile of the last ten to twenty seconds, in bounded memory.
//!
//! Counts in buckets whose bounds grow by a twentieth, so a quantile is at most 5 % too high; two generations, of which the
//! older one is forgotten every [`GENERATION`]. Trade-off: no decay within a generation, and so no arithmetic per answer
//! but a logarithm. Source: the log-spaced buckets of HdrHistogram and DDSketch (Masson et al., VLDB 2019).
//!
//! Invariants: no answer counts for longer than two generations; a clock that steps back forgets, and never counts an answer
//! twice.

use crate::{EndpointIndex, Timestamp};
use core::time::Duration;

/// How long a generation takes answers.
const GENERATION: Duration = Duration::from_secs(10);
/// Fewer answers tell no quantile.
const ENOUGH: u32 = 20;
/// The upper bound of the first bucket, in microseconds.
const FIRST: f64 = 100.0;
/// How much longer each bucket's bound is.
const GROWTH: f64 = 1.05;
/// The last one ends at 100 us times 1.05 to the 306th power: a little over five minutes.
const BUCKETS: usize = 307;

/// Recent latencies of one upstream.
#[derive(Clone, Debug)]
pub struct LatencyWindow {
    now: Vec<u32>,
    before: Vec<u32>,
    since: Timestamp,
}

impl Default for LatencyWindow {
    fn default() -> Self {
        Self { now: vec![0; BUCKETS], before: vec![0; BUCKETS], since: Timestamp::default() }
    }
}

impl LatencyWindow {
    /// An answer took this long.
    pub fn observe(&mut self, latency: Duration, now: Timestamp) {
        self.turn(now);
        if let Some(count) = self.now.get_mut(bucket(latency)) {
            *count = count.saturating_add(1);
        }
    }

    /// The time within which `percent` of the recent answers came, up to 5 % too long; `None` if there were too few.
    pub fn quantile(&self, percent: u8, now: Timestamp) -> Option<Duration> {
        let generations = now.since(self.since).as_nanos() / GENERATION.as_nanos();
        if generations > 1 || now < self.since {
            return None;
        }
        // The older one is over as soon as the newer one is full, whether a new answer has come or not.
        let before = if generations == 0 { self.before.as_slice() } else { &[] };
        let counts = || {
            self.now
                .iter()
                .enumerate()
                .map(|(at, count)| u64::from(*count) + u64::from(before.get(at).copied().unwrap_or(0)))
        };
        let total: u64 = counts().sum();
        if total < u64::from(ENOUGH) {
            return None;
        }
        let rank = (total * u64::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        let position = counts().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(bound(position))
    }

    fn turn(&mut self, now: Timestamp) {
        let age = now.since(self.since);
        if age < GENERATION && now >= self.since {
            return;
        }
        let recent = age < GENERATION * 2 && now >= self.since;
        core::mem::swap(&mut self.now, &mut self.before);
        self.now.fill(0);
        if recent {
            // Not `now`: else what came long before would count until a whole generation after it.
            self.since = self.since.plus(GENERATION);
        } else {
            self.before.fill(0);
            self.since = now;
        }
    }
}

fn bucket(latency: Duration) -> usize {
    let micros = latency.as_secs_f64() * 1e6;
    let step = (micros.max(FIRST) / FIRST).ln() / GROWTH.ln();
    (step.ceil() as usize).min(BUCKETS - 1)
}

fn bound(bucket: usize) -> Duration {
    let power = i32::try_from(bucket).unwrap_or(i32::MAX);
    Duration::from_secs_f64(FIRST * GROWTH.powi(power) / 1e6)
}

/// Endpoints that have a window of their own; others share them.
const WINDOWS: usize = 256;
/// A quantile is looked up again after so long: it takes a look at every window.
const FRESH: Duration = Duration::from_millis(50);

/// Recent latencies of an upstream, endpoint by endpoint.
///
/// Its quantile is that of the middle endpoint. A quantile of all answers together would be the slow endpoint's own as soon as
/// more than one answer in twenty is slow, and a hedge after that time would help nobody.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    all: LatencyWindow,
    endpoints: Vec<LatencyWindow>,
    known: Vec<(u8, Timestamp, Option<Duration>)>,
}

impl Latencies {
    /// An answer of this endpoint took this long; `None`: nobody knows which.
    pub fn observe(&mut self, endpoint: Option<EndpointIndex>, latency: Duration, now: Timestamp) {
        self.all.observe(latency, now);
        let Some(window) = endpoint.map(|endpoint| endpoint % WINDOWS) else { return };
        if self.endpoints.len() <= window {
            self.endpoints.resize_with(window + 1, LatencyWindow::default);
        }
        if let Some(window) = self.endpoints.get_mut(window) {
            window.observe(latency, now);
        }
    }

    /// The time within which `percent` of the middle endpoint's recent answers came; of all answers, while no endpoint has
    /// given enough. As of at most `FRESH` ago.
    pub fn quantile(&mut self, percent: u8, now: Timestamp) -> Option<Duration> {
        let known = self.known.iter().find(|(of, ..)| *of == percent);
        if let Some((_, at, quantile)) = known
            && now >= *at
            && now.since(*at) < FRESH
            && quantile.is_some()
        {
            return *quantile;
        }
        let mut each: Vec<_> =
            self.endpoints.iter().filter_map(|window| window.quantile(percent, now)).collect();
        crate::sort::sort(&mut each);
        // The lower one of two in the middle: of two endpoints one may be slow.
        let middle = each.get(each.len().saturating_sub(1) / 2).copied();
        let quantile = middle.or_else(|| self.all.quantile(percent, now));
        self.known.retain(|(of, ..)| *of != percent);
        self.known.push((percent, now, quantile));
        quantile
    }
}
