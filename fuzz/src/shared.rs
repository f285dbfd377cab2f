//! Values of shared data that workers change together: ledger, tally, budget, board.
//!
//! Invariant: whatever bytes stand there, what is made of them is sound, bounded, and written as what is read alike; and what is counted is
//! what a plain model counts that keeps everything.

use crate::draw::Draw;
use core::time::Duration;
use std::collections::BTreeMap;
use switchyard_core::budget::{BUCKETS, BYTES, Budget, BudgetPolicy};
use switchyard_core::coalesce::fuzzing::{Leads, Led, claim, release, renew};
use switchyard_core::coalesce::{BUCKETS as BOARD_BUCKETS, Board, FlightId};
use switchyard_core::outlier::{
    BUCKETS as WINDOW_BUCKETS, Counts, EndpointKey, Histogram, Ledger, RECORD_BYTES, Record, Tally,
};
use switchyard_core::{Address, Timestamp};

/// The states of endpoints.
pub fn ledger(bytes: &[u8]) {
    let mut ledger = Ledger::decode(bytes);
    is_sound(&ledger, bytes.len());
    let mut draw = Draw::of(bytes);
    let mut known: BTreeMap<u64, Record> = ledger.records().iter().map(|one| (one.key.0, *one)).collect();
    while !draw.is_over() {
        let mut record = Record::new(EndpointKey(u64::from(draw.byte() % 8)));
        record.times = u16::from(draw.byte());
        record.since = Timestamp::from_millis(draw.number() >> 24);
        ledger.put(record);
        known.insert(record.key.0, record);
        let asked = EndpointKey(u64::from(draw.byte() % 8));
        assert_eq!(ledger.get(asked), known.get(&asked.0));
    }
    assert_eq!(ledger.records(), known.into_values().collect::<Vec<_>>(), "each once, in order");
    is_sound(&ledger, usize::MAX);
}

fn is_sound(ledger: &Ledger, bytes: usize) {
    let records = ledger.records();
    assert!(records.len() <= bytes / RECORD_BYTES, "{} in {bytes} bytes", records.len());
    let encoded = ledger.encode();
    assert!(encoded.len() <= 8 + records.len() * RECORD_BYTES);
    let again = Ledger::decode(&encoded);
    let kept: Vec<_> = records.iter().filter(|record| !record.is_blank()).map(in_millis).collect();
    assert_eq!(again.records(), kept);
    assert!(records.iter().all(|record| ledger.get(record.key) == Some(record)), "{records:?}");
}

/// A record as it is written: to the millisecond.
fn in_millis(record: &Record) -> Record {
    let written = |time: Timestamp| Timestamp::from_millis(time.as_millis());
    let Record { since, until, tried, marked, .. } = *record;
    Record {
        since: written(since),
        until: written(until),
        tried: written(tried),
        marked: written(marked),
        ..*record
    }
}

/// The windows of endpoints.
pub fn tally(bytes: &[u8]) {
    let mut draw = Draw::of(bytes);
    // Not where numbers go round: there a bucket is lost, as the window says.
    let now = draw.any::<u32>() / 2;
    let foreign = Tally::decode(draw.bytes(255));
    let keys = [0, 1, u64::MAX].map(EndpointKey);
    let again = Tally::decode(&foreign.encode(now));
    for key in keys {
        let sum = foreign.sum(key, now, None);
        assert!(foreign.is_read_only() || again.sum(key, now, None) == sum);
        assert!(sum.latency.quantile(99) >= sum.latency.quantile(50));
        let _ = (sum.failure_rate_ppm(), sum.reliability_ppm(now));
    }
    let (mut tally, mut all, mut number) = (Tally::default(), Vec::new(), now);
    while !draw.is_over() {
        number = number.wrapping_add(u32::from(draw.byte() % 4));
        let key = draw.one(&keys);
        let mut latency = Histogram::default();
        latency.add(Duration::from_micros(draw.number()));
        let counts = Counts { attempts: draw.byte().into(), failures: draw.byte().into(), latency };
        tally.add(key, number, &counts);
        all.push((key, number, counts));
        let since = draw.one_in(3).then(|| number.wrapping_sub(u32::from(draw.byte() % 4)));
        let (key, seen) = (draw.one(&keys), Tally::decode(&tally.encode(number)));
        let expected = naive_sum(&all, key, number, since);
        assert_eq!(tally.sum(key, number, since), expected);
        assert_eq!(seen.sum(key, number, since), expected, "and so it is written");
    }
    assert!(tally.len() <= keys.len());
}

/// What was counted within a window.
fn naive_sum(all: &[(EndpointKey, u32, Counts)], key: EndpointKey, now: u32, since: Option<u32>) -> Counts {
    let recent = |number: &u32| now.wrapping_sub(*number) < WINDOW_BUCKETS as u32;
    let begun = |number: &u32| since.is_none_or(|since| number.wrapping_sub(since) < u32::MAX / 2);
    let mut sum = Counts::default();
    for (_, _, counts) in all.iter().filter(|(of, number, _)| *of == key && recent(number) && begun(number)) {
        sum.merge(counts);
    }
    sum
}

/// The retries that there may be.
pub fn budget(bytes: &[u8]) {
    let mut draw = Draw::of(bytes);
    let policy = BudgetPolicy {
        ratio_ppm: u32::try_from(draw.number() >> 40).unwrap_or(u32::MAX),
        min_per_second: u32::try_from(draw.number() >> 48).unwrap_or(u32::MAX),
        window: Duration::from_millis(1_000 + (draw.number() >> 44)),
        max_concurrent: 1,
    };
    let length = u64::try_from((policy.window / BUCKETS as u32).as_millis()).expect("short");
    foreign_budget(draw.bytes(200), &policy, Timestamp::from_millis(draw.number()));
    let (mut budget, mut all) = (Budget::default(), BTreeMap::<u64, (u64, u64)>::new());
    let mut millis = 1_700_000_000_000;
    while !draw.is_over() {
        millis += u64::from(draw.byte()) * length / 64;
        let (now, bucket) = (Timestamp::from_millis(millis), millis / length);
        let (requests, retries) = all.entry(bucket).or_default();
        let many = u32::from(draw.byte());
        match draw.byte() % 5 {
            0 => {
                budget.deposit(&policy, now, many);
                *requests += u64::from(many);
            }
            1 => *retries += u64::from(budget.withdraw(&policy, now)),
            2 => *retries += u64::from(budget.withdraw_spread(&policy, now)),
            3 => *retries += u64::from(budget.withdraw_reserve(&policy, now)),
            _ => {
                budget.spend(&policy, now, many);
                *retries += u64::from(many);
            }
        }
        let recent = all.range(bucket.saturating_sub(BUCKETS as u64 - 1)..).map(|(_, counts)| *counts);
        let (requests, retries) = recent.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let least = policy.window.as_millis() * u128::from(policy.min_per_second) / 1_000;
        let allowed = u128::from(requests) * u128::from(policy.ratio_ppm) / 1_000_000 + least;
        let expected = i128::try_from(allowed).expect("few") - i128::from(retries);
        assert_eq!(i128::from(budget.balance(&policy, now)), expected);
        assert_eq!(Budget::decode(&budget.encode()), budget);
    }
}

/// A budget that somebody else has written allows or does not, and stays as long as it is.
fn foreign_budget(bytes: &[u8], policy: &BudgetPolicy, now: Timestamp) {
    let mut budget = Budget::decode(bytes);
    assert_eq!(Budget::decode(&budget.encode()), budget);
    let before = budget.balance(policy, now);
    assert_eq!(budget.withdraw(policy, now), before > 0);
    budget.deposit(policy, now, u32::MAX);
    budget.spend(policy, now, u32::MAX);
    budget.helped(policy, now, u32::MAX);
    budget.withdraw_spread(policy, now);
    budget.withdraw_reserve(policy, now);
    budget.give_back(policy, now);
    let _ = (budget.left_at_once(policy, now), budget.most_at_once(policy, now));
    assert_eq!(budget.encode().len(), BYTES);
}

/// Shared data in which others may write at any time.
#[derive(Default)]
struct Shared {
    values: BTreeMap<u32, (Vec<u8>, u32)>,
    cas: u32,
}

impl Board for Shared {
    fn read(&mut self, bucket: u32) -> Option<(Vec<u8>, u32)> {
        assert!(bucket < BOARD_BUCKETS);
        Some(self.values.entry(bucket).or_default().clone())
    }

    fn swap(&mut self, bucket: u32, value: &[u8], cas: u32) -> bool {
        let is_ours = self.values.entry(bucket).or_default().1 == cas;
        if is_ours {
            self.put(bucket, value);
        }
        is_ours
    }

    fn put(&mut self, bucket: u32, value: &[u8]) {
        self.cas += 1;
        self.values.insert(bucket, (value.to_vec(), self.cas));
    }
}

/// A flight that somebody leads, or has led.
struct Flight {
    key: u8,
    led: Led,
    leader: Address,
    until: Timestamp,
}

/// Who leads which flight. Each key has a bucket of its own, so that nobody clears another's.
pub fn board(bytes: &[u8]) {
    let mut draw = Draw::of(bytes);
    let (mut board, mut flights) = (Shared::default(), Vec::<Flight>::new());
    // Those that were over before their workers looked.
    let mut late = Vec::<Flight>::new();
    let (mut wall, mut number) = (Timestamp::from_millis(1_000), 0);
    let foreign = draw.bytes(40).to_vec();
    while !draw.is_over() {
        let (key, kind) = (draw.byte() % 4, draw.byte() % 7);
        let lease = Duration::from_millis(500 * (1 + u64::from(draw.byte() % 12)));
        let place = usize::from(key) % flights.len().max(1);
        match kind {
            0..3 => {
                number += 1;
                let leader = Address { queue: 1 + u32::from(draw.byte() % 3), epoch: 7 };
                let flight = FlightId { epoch: 7, number };
                match claim(&mut board, &[key], (flight, leader), (wall, lease)) {
                    Leads::We(led) => {
                        is_alone(&flights, key, leader, wall);
                        // A worker that claims a key again has given up what it led.
                        let over = flights.extract_if(.., |flight| flight.key == key);
                        late.extend(over.filter(|flight| flight.leader != leader));
                        late.retain(|flight| flight.key != key || flight.leader != leader);
                        flights.push(Flight { key, led, leader, until: wall.plus(lease) });
                    }
                    Leads::They(flight, leader) => is_led(&flights, key, (flight, leader), wall),
                    Leads::Nobody => panic!("there are few keys in a bucket"),
                }
            }
            3 if !flights.is_empty() => release(&mut board, &flights.swap_remove(place).led),
            4 if !flights.is_empty() => {
                renew(&mut board, &mut flights[place].led, (wall, lease));
                flights[place].until = wall.plus(lease);
            }
            5 => late.pop().into_iter().for_each(|flight| release(&mut board, &flight.led)),
            _ => wall = wall.plus(Duration::from_millis(u64::from(draw.byte()) * 8)),
        }
        let all = flights.iter_mut().chain(&mut late);
        all.for_each(|flight| flight.led.grow_old(wall, Duration::from_millis(500)));
    }
    foreign_board(&foreign, wall);
}

/// Nobody else leads this key.
fn is_alone(flights: &[Flight], key: u8, leader: Address, wall: Timestamp) {
    let other = |flight: &&Flight| flight.key == key && flight.leader != leader && flight.until > wall;
    assert!(!flights.iter().any(|flight| other(&flight)), "two lead {key}");
}

/// Somebody does.
fn is_led(flights: &[Flight], key: u8, (flight, leader): (FlightId, Address), wall: Timestamp) {
    let known = flights.iter().find(|known| known.led.flight() == flight).expect("somebody leads it");
    assert_eq!((known.key, known.leader), (key, leader));
    assert!(known.until > wall, "its lease is over");
}

/// Bytes that nobody wrote this way hold nobody up.
fn foreign_board(bytes: &[u8], wall: Timestamp) {
    let mut board = Shared::default();
    (0..BOARD_BUCKETS).for_each(|bucket| board.put(bucket, bytes));
    let (flight, me) = (FlightId { epoch: 7, number: 1 }, Address { queue: 1, epoch: 7 });
    let lease = (wall, Duration::from_secs(1));
    if let Leads::We(mut led) = claim(&mut board, b"key", (flight, me), lease) {
        renew(&mut board, &mut led, lease);
        release(&mut board, &led);
    }
}
