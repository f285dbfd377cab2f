//! What all endpoints have in common: the weather, the clock, and who has asked how often.
//!
//! Invariant: an attempt is counted before anything of its answer is sent, so at the end of a request its attempts are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::truth::mixed;
use super::weather::{Fault, Weather};

/// Over all endpoints.
pub struct Sky {
    seed: u64,
    started: Instant,
    weather: RwLock<Weather>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Attempts, by who sent them: what decides of faults.
    by: BTreeMap<u64, u32>,
    /// Attempts that had this request's item, or were this request.
    of: BTreeMap<u64, u32>,
    /// Requests of which a fault has struck an attempt.
    hurt: BTreeSet<u64>,
    all: u64,
    struck: BTreeMap<Fault, u64>,
}

impl Sky {
    /// A fine one.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let (weather, counts) = (RwLock::new(Weather::fine()), Mutex::default());
        Self { seed, started: Instant::now(), weather, counts }
    }

    /// The soak's clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// Another phase: its weather, and nobody has asked yet.
    pub fn turns(&self, weather: Weather) {
        *self.weather.write().unwrap_or_else(PoisonError::into_inner) = weather;
        let mut counts = self.counts();
        (counts.by, counts.of, counts.hurt) = Default::default();
    }

    /// The weather is fine from now on; who has asked how often is still known.
    pub fn clears(&self) {
        *self.weather.write().unwrap_or_else(PoisonError::into_inner) = Weather::fine();
    }

    /// Lets as much time pass as an answer to this one takes now.
    pub(super) async fn takes(&self, by: u64) {
        let pace = self.weather.read().unwrap_or_else(PoisonError::into_inner).pace_ms;
        if pace > 0 {
            pass(Duration::from_millis(mixed(&[self.seed, by, 11]) % u64::from(pace))).await;
        }
    }

    /// What happens to an attempt that this one has sent to this endpoint.
    pub(super) fn strikes(&self, endpoint: usize, by: u64) -> Option<Fault> {
        let mut counts = self.counts();
        let attempt = counts.by.entry(by).or_default();
        *attempt += 1;
        let attempt = *attempt;
        counts.all += 1;
        let weather = self.weather.read().unwrap_or_else(PoisonError::into_inner);
        let fault = weather.strikes(self.seed, endpoint, by, attempt)?;
        *counts.struck.entry(fault).or_default() += 1;
        Some(fault)
    }

    /// Counts an attempt that this one has sent, that had these, and that this fault strikes.
    pub(super) fn sees(&self, by: u64, tags: &[u64], fault: Option<Fault>) {
        let mut counts = self.counts();
        for tag in tags {
            *counts.of.entry(*tag).or_default() += 1;
        }
        if fault.is_some_and(|fault| !fault.is_harmless()) {
            counts.hurt.extend(tags.iter().copied().chain([by]));
        }
    }

    /// Whether a fault that can be noticed has struck an attempt for this request.
    pub(super) fn has_struck(&self, request: u64) -> bool {
        self.counts().hurt.contains(&request)
    }

    /// How often endpoints have seen a request of this phase.
    #[must_use]
    pub fn attempts(&self, request: u64) -> u32 {
        self.counts().of.get(&request).copied().unwrap_or(0)
    }

    /// Attempts since the start, and how many of them each fault has struck.
    #[must_use]
    pub fn all(&self) -> (u64, Vec<(Fault, u64)>) {
        let counts = self.counts();
        let mut struck: Vec<_> = counts.struck.iter().map(|(fault, count)| (*fault, *count)).collect();
        struck.sort_unstable();
        (counts.all, struck)
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets so much time pass, as a part of a fault or of a script; nothing else waits for it.
pub async fn pass(time: Duration) {
    let mut ticks =
        tokio::time::interval_at(tokio::time::Instant::now() + time, time.max(Duration::from_millis(1)));
    ticks.tick().await;
}
