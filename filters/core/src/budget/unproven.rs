//! Retries that nobody has seen help: how many there may be at once.
//!
//! The window of a budget holds what the requests of ten seconds have saved, and the first tenth of a second of an outage would spend it.
//! So beside it is a bucket. A retry puts one in, a request takes its share of one out, and time takes out what is allowed however few
//! requests there are; when it is full there is no retry. A retry that has helped takes two out: its own, and one that lets another be
//! made, so what can be bridged doubles with every round of retries that help, up to the window.
//!
//! Invariant: of retries that do not help there are never more in any time than [`burst`], what the policy allows for the time, and its
//! share of the requests.
//! Trade-off: where many requests fail at the same moment, as when an endpoint dies that has them all, those above the burst fail too,
//! though others could have taken them: nobody can tell that from an outage before the first retries have come back.
//! Source: the token bucket; gRPC's retry throttling (gRFC A6), where successes give back; TCP's slow start for the doubling.
//!
//! Layout, little-endian: millionths of retries in the bucket (below zero: allowed in advance) as i64, and when that was so in
//! milliseconds as u64.

use super::BudgetPolicy;
use crate::Timestamp;
use crate::wire::{Reader, Writer};

/// Bytes of a bucket.
pub(super) const BYTES: usize = 16;

/// One retry, in millionths.
const ONE: i64 = 1_000_000;
/// So few at once harm nobody, and an endpoint that dies with a few requests under way fails all of them at the same moment.
const LEAST: i64 = 10 * ONE;
/// A burst is the share of the requests of so many milliseconds.
const BURST_MS: u64 = 20;
/// What retries that have helped allow in advance is forgotten in about so many milliseconds.
const FADES_MS: i64 = 1_000;

/// The bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unproven {
    level: i64,
    at_ms: u64,
}

/// How many retries there may be at once, in millionths, under this policy where so many requests come in a second: what it allows a second
/// however few there are, or the share of the requests of a moment, and [`LEAST`] at least.
fn burst(policy: &BudgetPolicy, per_second: u64) -> i64 {
    let share = u128::from(per_second) * u128::from(policy.ratio_ppm) * u128::from(BURST_MS) / 1_000;
    let share = i64::try_from(share).unwrap_or(i64::MAX);
    share.max(i64::from(policy.min_per_second).saturating_mul(ONE)).max(LEAST)
}

impl Unproven {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { level: reader.long()?.cast_signed(), at_ms: reader.long()? })
    }

    pub(super) fn encode(self, writer: &mut Writer) {
        writer.long(self.level.cast_unsigned()).long(self.at_ms);
    }

    /// Time has passed.
    pub(super) fn pass(&mut self, policy: &BudgetPolicy, now: Timestamp) {
        // The clock may have been set back.
        let passed = i64::try_from(now.as_millis().saturating_sub(self.at_ms)).unwrap_or(i64::MAX);
        self.at_ms = now.as_millis();
        if self.level > 0 {
            let drained = passed.saturating_mul(i64::from(policy.min_per_second)).saturating_mul(ONE / 1_000);
            self.level = self.level.saturating_sub(drained).max(0);
        } else {
            let faded = i128::from(self.level) * i128::from(passed.min(FADES_MS)) / i128::from(FADES_MS);
            self.level = self.level.saturating_sub(i64::try_from(faded).unwrap_or(self.level));
        }
    }

    /// So many requests have come.
    pub(super) fn deposit(&mut self, policy: &BudgetPolicy, requests: u32) {
        if self.level > 0 {
            let share = i64::from(requests).saturating_mul(i64::from(policy.ratio_ppm));
            self.level = self.level.saturating_sub(share).max(0);
        }
    }

    /// So many retries are made, or are taken back.
    pub(super) fn add(&mut self, retries: i64) {
        self.level = self.level.saturating_add(retries.saturating_mul(ONE));
    }

    /// So many retries have helped.
    pub(super) fn helped(&mut self, retries: u32) {
        self.add(i64::from(retries).saturating_mul(-2));
    }

    /// How many there may be now.
    pub(super) fn left(self, policy: &BudgetPolicy, per_second: u64) -> i64 {
        burst(policy, per_second).saturating_sub(self.level).div_euclid(ONE)
    }
}
