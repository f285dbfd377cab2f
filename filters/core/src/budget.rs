//! How many requests may be made again: a share of the requests, plus a few per second, over a sliding window. Retries have such budgets,
//! which workers share, and repeats of batches that failed, in each worker.
//!
//! One value of shared data per budget. Requests are counted in each worker and added on its tick; a retry is taken by
//! compare-and-swap before it is sent. So what workers take together is never more than the table allows: the bound on
//! overdrawing is zero for a retry that asks first. The router's engine cannot ask: it allows a request its retries at the
//! start, while it knows of some that are left, and learns at the end how many were made; its bound is the number
//! of requests that were under way, or began before the next tick, times their retries. A budget that cannot be read or
//! written allows none: without a budget there is no retry.
//!
//! Finagle's and linkerd's retry budget, with a window of buckets instead of a queue of deposits. Beside the window a bucket spreads
//! retries in time until they are seen to help (`unproven`); whoever takes one says whether that counts.
//!
//! Layout, little-endian: version u8 and three zero bytes, then per bucket its number, requests and retries as u32, then the bucket of
//! unproven retries, which earlier versions of the filter neither read nor write.
//! Invariant: [`BYTES`] whatever the traffic; counts that are full stay full.

mod unproven;

use crate::Timestamp;
use crate::wire::{Reader, Writer};
use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;
use unproven::Unproven;

/// Buckets in a window.
pub const BUCKETS: usize = 10;
/// Bytes of a budget.
pub const BYTES: usize = 4 + BUCKETS * 12 + unproven::BYTES;

const VERSION: u8 = 1;

/// How many retries there may be, in all workers together; of a route, or of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetPolicy {
    /// Retries per request, in parts per million.
    pub ratio_ppm: u32,
    /// Retries that are allowed however few requests there are.
    pub min_per_second: u32,
    /// The time over which requests and retries are compared.
    pub window: Duration,
    /// Retries under way at a time, per worker (the filter's engine).
    pub max_concurrent: u32,
}

impl Default for BudgetPolicy {
    /// Finagle's and linkerd's: a fifth of the requests, and ten a second, over ten seconds.
    fn default() -> Self {
        Self { ratio_ppm: 200_000, min_per_second: 10, window: Duration::from_secs(10), max_concurrent: 1024 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    number: u32,
    requests: u32,
    retries: u32,
}

/// Requests and retries of the last window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    buckets: [Bucket; BUCKETS],
    unproven: Unproven,
}

impl Budget {
    /// The budget in these bytes; an empty one if they are none of this version.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut budget = Self::default();
        let mut reader = Reader::new(bytes);
        let Some([VERSION, ..]) = reader.array::<4>() else { return budget };
        for bucket in &mut budget.buckets {
            let words = (reader.word(), reader.word(), reader.word());
            let (Some(number), Some(requests), Some(retries)) = words else { break };
            *bucket = Bucket { number, requests, retries };
        }
        budget.unproven = Unproven::decode(&mut reader).unwrap_or_default();
        budget
    }

    /// The bytes of this budget; an empty one, if there is no memory for it.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_room(BYTES);
        writer.raw(&[VERSION, 0, 0, 0]);
        for Bucket { number, requests, retries } in self.buckets {
            writer.word(number).word(requests).word(retries);
        }
        self.unproven.encode(&mut writer);
        writer.finish().unwrap_or_default()
    }

    /// Adds requests that were sent.
    pub fn deposit(&mut self, policy: &BudgetPolicy, now: Timestamp, requests: u32) {
        if let Some(bucket) = self.bucket(policy, now) {
            bucket.requests = bucket.requests.saturating_add(requests);
        }
        self.unproven.deposit(policy, requests);
    }

    /// Takes one retry, if there may be one more of which nobody knows whether it helps.
    pub fn withdraw_spread(&mut self, policy: &BudgetPolicy, now: Timestamp) -> bool {
        let taken = self.left_at_once(policy, now) > 0 && self.withdraw(policy, now);
        if taken {
            self.unproven.add(1);
        }
        taken
    }

    /// So many of the retries that were taken spread have helped.
    pub fn helped(&mut self, policy: &BudgetPolicy, now: Timestamp, retries: u32) {
        self.unproven.pass(policy, now);
        self.unproven.helped(retries);
    }

    /// How many retries may be taken at once, as far as they are spread; below zero where more were made than there might be.
    pub fn left_at_once(&mut self, policy: &BudgetPolicy, now: Timestamp) -> i64 {
        self.unproven.pass(policy, now);
        self.unproven.left(policy, self.per_second(policy, now))
    }

    /// The same when there are none of which nobody knows whether they help.
    pub fn most_at_once(&self, policy: &BudgetPolicy, now: Timestamp) -> i64 {
        Unproven::default().left(policy, self.per_second(policy, now))
    }

    /// The requests of a second, at the most that there were in a bucket of the window.
    fn per_second(&self, policy: &BudgetPolicy, now: Timestamp) -> u64 {
        let most = self.recent(number(policy, now)).map(|bucket| bucket.requests).max();
        u64::from(most.unwrap_or_default()) * 1_000 / length_ms(policy)
    }

    /// Takes one retry; `false` if there is none left.
    pub fn withdraw(&mut self, policy: &BudgetPolicy, now: Timestamp) -> bool {
        let allowed = self.balance(policy, now) > 0;
        if allowed && let Some(bucket) = self.bucket(policy, now) {
            bucket.retries = bucket.retries.saturating_add(1);
            return true;
        }
        false
    }

    /// Takes one of those that are allowed however few requests there are: as many per bucket as `min_per_second` gives it, and
    /// one at least, or nobody would learn that retries help again.
    pub fn withdraw_reserve(&mut self, policy: &BudgetPolicy, now: Timestamp) -> bool {
        let reserve = (policy.window / BUCKETS as u32).as_millis() * u128::from(policy.min_per_second) / 1000;
        let retries = self.bucket(policy, now).map_or(u32::MAX, |bucket| bucket.retries);
        let taken = u128::from(retries) < reserve.max(1) && self.withdraw(policy, now);
        if taken {
            self.unproven.add(1);
        }
        taken
    }

    /// Takes retries that have been made already, whether there are any left or not: the router's engine learns of them
    /// when a request has ended.
    pub fn spend(&mut self, policy: &BudgetPolicy, now: Timestamp, retries: u32) {
        if let Some(bucket) = self.bucket(policy, now) {
            bucket.retries = bucket.retries.saturating_add(retries);
        }
        self.unproven.pass(policy, now);
        self.unproven.add(retries.into());
    }

    /// Gives back a retry that was taken spread and not made.
    pub fn give_back(&mut self, policy: &BudgetPolicy, now: Timestamp) {
        if let Some(bucket) = self.bucket(policy, now) {
            bucket.retries = bucket.retries.saturating_sub(1);
        }
        self.unproven.add(-1);
    }

    /// Retries that are left now; below zero only after the policy became stricter or requests left the window.
    pub fn balance(&self, policy: &BudgetPolicy, now: Timestamp) -> i64 {
        let recent = self.recent(number(policy, now));
        let (requests, retries) = recent.fold((0_u64, 0_u64), |(requests, retries), bucket| {
            (requests + u64::from(bucket.requests), retries + u64::from(bucket.retries))
        });
        let share = u128::from(requests) * u128::from(policy.ratio_ppm) / 1_000_000;
        let least = policy.window.as_millis() * u128::from(policy.min_per_second) / 1000;
        i64::try_from(share + least).unwrap_or(i64::MAX).saturating_sub_unsigned(retries)
    }

    /// The buckets of the window that ends with the one of this number.
    fn recent(&self, number: u32) -> impl Iterator<Item = &Bucket> {
        self.buckets.iter().filter(move |bucket| (number.wrapping_sub(bucket.number) as usize) < BUCKETS)
    }

    /// The bucket of this moment, emptied if it was of another; `None` if the clock was set back by more than a window.
    fn bucket(&mut self, policy: &BudgetPolicy, now: Timestamp) -> Option<&mut Bucket> {
        let number = number(policy, now);
        let bucket = self.buckets.get_mut(number as usize % BUCKETS)?;
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        Some(bucket)
    }
}

fn number(policy: &BudgetPolicy, now: Timestamp) -> u32 {
    (now.as_millis() / length_ms(policy)) as u32
}

/// How long a bucket of the window is, in milliseconds.
fn length_ms(policy: &BudgetPolicy) -> u64 {
    u64::try_from((policy.window / BUCKETS as u32).as_millis()).unwrap_or(u64::MAX).max(1)
}

/// How many are under way that a budget has allowed, which [`BudgetPolicy::max_concurrent`] bounds: under all configurations of a
/// worker, if they have it from one [`Lasting`](crate::lasting::Lasting).
#[derive(Clone, Debug, Default)]
pub struct Concurrency(Rc<Cell<u32>>);

impl From<Rc<Cell<u32>>> for Concurrency {
    fn from(count: Rc<Cell<u32>>) -> Self {
        Self(count)
    }
}

/// One of those that are under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Rc<Cell<u32>>);

impl Concurrency {
    /// How many there are.
    pub(crate) fn active(&self) -> u32 {
        self.0.get()
    }

    /// Whether there may be one more.
    pub(crate) fn has_room(&self, policy: &BudgetPolicy) -> bool {
        self.active() < policy.max_concurrent
    }

    /// One more.
    pub(crate) fn begin(&self) -> UnderWay {
        self.0.set(self.active().saturating_add(1));
        UnderWay(Rc::clone(&self.0))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn all_that_count_in_one_place_are_under_way_together() {
        let count = Rc::new(Cell::new(0));
        let [one, other] = [0, 1].map(|_| Concurrency::from(Rc::clone(&count)));
        let under_way = (one.begin(), other.begin());
        assert_eq!((one.active(), other.active(), count.get()), (2, 2, 2));
        drop(under_way);
        assert_eq!((one.active(), count.get()), (0, 0));
    }
}
