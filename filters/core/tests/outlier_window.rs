//! The windows of endpoints, and the table of them that workers share.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::outlier::{BUCKETS, Counts, EndpointKey, Histogram, STEPS, Tally, Window, bucket_at};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const KEY: EndpointKey = EndpointKey(7);
const RING: u32 = BUCKETS as u32;
/// Where numbers begin, and where they are half round.
const PLACES: [u32; 5] = [1, 1_000_000, u32::MAX / 2 - 2, u32::MAX / 2 + 3, u32::MAX - 100];

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

fn counts(attempts: u32, failures: u32) -> Counts {
    Counts { attempts, failures, ..Counts::default() }
}

fn histogram(latencies: impl IntoIterator<Item = Duration>) -> Histogram {
    let mut histogram = Histogram::default();
    latencies.into_iter().for_each(|latency| histogram.add(latency));
    histogram
}

#[test]
fn a_quantile_is_the_latency_to_within_root_two() {
    // 1 ms to 9.9 s, evenly on a logarithmic scale.
    let latencies: Vec<Duration> =
        (0..1000_i32).map(|i| micros((1000.0 * 10_f64.powf(f64::from(i) / 250.0)) as u64)).collect();
    let histogram = histogram(latencies.iter().copied());
    for percent in 1..=99_u8 {
        let exact = latencies[usize::from(percent) * 10 - 1];
        let ratio = histogram.quantile(percent).as_secs_f64() / exact.as_secs_f64();
        assert!((1.0..=1.4143).contains(&ratio), "p{percent}: {ratio}");
    }
}

#[test]
fn a_quantile_of_nothing_is_zero_and_of_one_answer_is_that_answer() {
    assert_eq!(Histogram::default().quantile(50), Duration::ZERO);
    let one = histogram([micros(3000)]);
    for percent in [0, 1, 50, 99, 100] {
        assert_eq!(one.quantile(percent), micros(4000), "p{percent}");
    }
}

#[test]
fn latencies_beyond_the_scale_fall_into_its_ends() {
    assert_eq!(histogram([Duration::ZERO]).quantile(99), micros(500));
    let slowest = histogram([Duration::MAX]).quantile(99);
    assert!(slowest > Duration::from_secs(16), "{slowest:?}");
    assert_eq!(histogram([Duration::from_secs(17)]).quantile(99), slowest);
}

#[test]
fn full_counts_stay_full() {
    let mut full = histogram((0..70_000).map(|_| micros(1)));
    assert_eq!(full.volume(), u64::from(u16::MAX));
    full.merge(&full.clone());
    assert_eq!(full.volume(), u64::from(u16::MAX));
    let mut counts = Counts { attempts: u32::MAX, failures: u32::MAX - 1, latency: full };
    counts.merge(&counts.clone());
    assert_eq!((counts.attempts, counts.failures), (u32::MAX, u32::MAX));
    assert_eq!(counts.failure_rate_ppm(), 1_000_000);
}

#[test]
fn a_window_covers_its_buckets_and_slides() {
    for start in PLACES {
        let mut window = Window::default();
        for step in 0..20 {
            let now = start.wrapping_add(step);
            window.add(now, &counts(1 << step, 0));
            let expected: u32 = (0..=step).rev().take(BUCKETS).map(|step| 1 << step).sum();
            assert_eq!(window.sum(now, None).attempts, expected, "{start} + {step}");
        }
        let last = start.wrapping_add(19);
        assert_eq!(window.sum(last.wrapping_add(RING - 1), None).attempts, 1 << 19);
        assert!(window.sum(last.wrapping_add(RING), None).is_empty());
    }
}

#[test]
fn where_numbers_wrap_at_most_one_bucket_is_lost_and_nothing_old_is_counted() {
    for start in (u32::MAX - 10)..=u32::MAX {
        let mut window = Window::default();
        for step in 0..20 {
            let now = start.wrapping_add(step);
            window.add(now, &counts(1 << step, 0));
            let expected: u32 = (0..=step).rev().take(BUCKETS).map(|step| 1 << step).sum();
            let lost = expected ^ window.sum(now, None).attempts;
            // 2^32 is no multiple of the ring, so the last number and the first share a place.
            assert_eq!(lost & !expected, 0, "{start} + {step}");
            assert!(lost.count_ones() <= 1 && lost & (1 << step) == 0, "{start} + {step}");
        }
    }
}

#[test]
fn what_happened_before_since_is_left_out() {
    for start in PLACES {
        let mut window = Window::default();
        (0..RING).for_each(|step| window.add(start.wrapping_add(step), &counts(1 << step, 0)));
        let now = start.wrapping_add(RING - 1);
        for since in 0..RING {
            let expected: u32 = (since..RING).map(|step| 1 << step).sum();
            assert_eq!(window.sum(now, Some(start.wrapping_add(since))).attempts, expected);
        }
        assert!(window.sum(now, Some(now.wrapping_add(1))).is_empty());
    }
}

#[test]
fn of_all_numbers_the_half_before_where_counting_began_does_not_count() {
    for (after, counted) in [(0, 3), (u32::MAX / 2 - 1, 3), (u32::MAX / 2, 0), (u32::MAX, 0)] {
        let (since, mut window) = (7, Window::default());
        let number = after.wrapping_add(since);
        window.add(number, &counts(3, 0));
        assert_eq!(window.sum(number, Some(since)).attempts, counted, "{after} after it");
    }
}

#[test]
fn a_stale_merge_does_not_wipe_what_is_newer() {
    for start in PLACES {
        let mut window = Window::default();
        let now = start.wrapping_add(RING);
        window.add(now, &counts(10, 1));
        window.add(start, &counts(1000, 1000));
        assert_eq!(window.sum(now, None), counts(10, 1), "{start}");
        window.add(now, &counts(10, 1));
        assert_eq!(window.sum(now, None), counts(20, 2), "{start}");
    }
}

#[test]
fn reliability_is_the_probability_that_not_all_goes_wrong_as_documented() {
    let cases = [
        (counts(0, 0), 2, 0, 1_000_000),
        (counts(10, 0), 2, 0, 1_000_000),
        (counts(10, 1), 0, 100_000, 1_000_000),
        (counts(10, 1), 1, 100_000, 900_000),
        (counts(10, 1), 2, 100_000, 810_000),
        (counts(10, 5), 3, 500_000, 125_000),
        (counts(10, 10), 2, 1_000_000, 0),
        (counts(u32::MAX, 1), u32::MAX, 0, 1_000_000),
    ];
    for (counts, attempts, lambda, reliability) in cases {
        assert_eq!(counts.failure_rate_ppm(), lambda, "λ of {counts:?}");
        assert_eq!(counts.reliability_ppm(attempts), reliability, "R of {attempts} attempts");
    }
}

#[test]
fn an_interval_has_as_many_buckets_as_a_window() {
    let interval = Duration::from_secs(10);
    let first = bucket_at(1_700_000_000_000, interval);
    assert_eq!(bucket_at(1_700_000_001_999, interval), first);
    assert_eq!(bucket_at(1_700_000_002_000, interval), first + 1);
    assert_eq!(bucket_at(1_700_000_010_000, interval), first + RING);
    // Lengths that would be zero, and that nothing fits into.
    assert_eq!(bucket_at(5, Duration::ZERO), 5);
    assert_eq!(bucket_at(u64::MAX, Duration::MAX), 5);
    assert_eq!(bucket_at(u64::MAX, Duration::ZERO), u32::MAX);
}

#[test]
fn an_interval_that_puts_today_into_the_upper_half_of_numbers_counts_too() {
    // 1.7e12 ms in buckets of 500 ms: 3.4e9, above 2^31.
    let now = bucket_at(1_700_000_000_000, Duration::from_millis(2500));
    assert!(now > u32::MAX / 2);
    let mut tally = Tally::default();
    tally.add(KEY, now, &counts(3, 2));
    assert_eq!(tally.sum(KEY, now, None), counts(3, 2));
}

fn filled(start: u32) -> Tally {
    let mut tally = Tally::default();
    for step in 0..RING {
        for key in 0..3 {
            let latency = histogram((0..=step).map(|i| micros(1000 << i)));
            let number = start.wrapping_add(step);
            tally.add(EndpointKey(key), number, &Counts { attempts: step + 1, failures: step, latency });
        }
    }
    tally
}

#[test]
fn a_tally_comes_back_as_it_was_written() {
    for start in PLACES {
        let mut tally = filled(start);
        let now = start.wrapping_add(RING - 1);
        assert!(tally.claim(now));
        assert_eq!(Tally::decode(&tally.encode(now)), tally, "{start}");
    }
}

#[test]
fn a_tally_is_as_long_as_the_endpoints_that_did_something_lately() {
    let record = 8 + BUCKETS * (12 + 2 * STEPS);
    let mut tally = filled(100);
    assert_eq!(tally.encode(104).len(), 8 + 3 * record);
    tally.add(EndpointKey(2), 109, &counts(1, 0));
    let later = tally.encode(109);
    assert_eq!(later.len(), 8 + record, "two have no count any more");
    assert_eq!(Tally::decode(&later).sum(EndpointKey(2), 109, None), counts(1, 0));
    tally.retain(|key| key == EndpointKey(1));
    assert_eq!((tally.len(), tally.encode(109).len()), (1, 8));
    let mut silent = Tally::default();
    silent.add(KEY, 1, &Counts::default());
    assert!(silent.is_empty(), "nothing counted needs no record");
}

#[test]
fn one_worker_claims_a_bucket_and_no_other_does() {
    for start in PLACES {
        let mut tally = Tally::default();
        for step in 0..10 {
            let now = start.wrapping_add(step);
            assert!(tally.claim(now), "{start} + {step}");
            let mut read = Tally::decode(&tally.encode(now));
            assert!(!read.claim(now), "again: {start} + {step}");
            assert!(!read.claim(now.wrapping_sub(1)), "late: {start} + {step}");
        }
    }
}

#[test]
fn where_numbers_wrap_no_bucket_is_claimed_twice() {
    let mut tally = Tally::default();
    let numbers: Vec<u32> = (0..10).map(|step| (u32::MAX - 4).wrapping_add(step)).collect();
    for number in numbers.iter().copied() {
        let claimed = tally.claim(number);
        assert_eq!(claimed, number != 1, "{number}: 0 and 1 are claimed together");
        assert!(!tally.claim(number) && !tally.claim(number.wrapping_sub(1)), "{number}");
    }
    assert!(numbers.iter().rev().take(5).all(|number| !tally.claim(*number)), "late");
}

#[test]
fn a_bucket_that_nobody_claimed_is_not_waited_for() {
    let mut tally = Tally::default();
    assert!(tally.claim(10));
    assert!(tally.claim(1000));
    assert!(!tally.claim(995), "late");
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_evaluation() {
    let mut tally = Tally::default();
    assert!(tally.claim(1000));
    assert!(tally.claim(500) && !tally.claim(500));
    assert!(tally.claim(501));
}

#[test]
fn bytes_that_are_no_tally_are_an_empty_one() {
    let good = filled(100).encode(104);
    let newer: Vec<u8> = core::iter::once(2).chain(good[1..].iter().copied()).collect();
    for bytes in [&[][..], &[1], &good[..7], &newer, &[0; 400], &[255; 400]] {
        let tally = Tally::decode(bytes);
        assert!(tally.is_empty(), "{} bytes", bytes.len());
        assert_eq!(tally.is_read_only(), bytes.len() > 7 && bytes[0] > 1, "what is newer is left alone");
    }
    let cut = Tally::decode(&good[..good.len() - 1]);
    assert_eq!(cut.len(), 2, "half a record is none");
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    type Merge = (u64, u32, Counts);

    fn merges() -> impl Strategy<Value = Vec<Merge>> {
        // No more failures than attempts.
        let counted = (0..1000_u32, 0..=100_u32, prop::collection::vec(0..20_000_000_u64, 0..4));
        let counts = counted.prop_map(|(attempts, percent, latencies)| Counts {
            attempts,
            failures: attempts * percent / 100,
            latency: histogram(latencies.into_iter().map(micros)),
        });
        prop::collection::vec((0..3_u64, 0..12_u32, counts), 0..40)
    }

    fn tally(start: u32, merges: &[Merge]) -> Tally {
        let mut tally = Tally::default();
        for (key, step, counts) in merges {
            tally.add(EndpointKey(*key), start.wrapping_add(*step), counts);
        }
        tally
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn merging_in_any_order_gives_the_same_sums(
            (merges, shuffled) in merges().prop_flat_map(|m| (Just(m.clone()), Just(m).prop_shuffle())),
            place in 0..PLACES.len(),
            ahead in 0..6_u32,
        ) {
            let start = PLACES[place];
            let last = merges.iter().map(|(_, step, _)| *step).max().unwrap_or_default();
            let now = start.wrapping_add(last + ahead);
            let (one, other) = (tally(start, &merges), tally(start, &shuffled));
            for key in (0..3).map(EndpointKey) {
                let expected = merges.iter()
                    .filter(|(of, step, _)| *of == key.0 && last + ahead - step < RING)
                    .fold(Counts::default(), |mut sum, (_, _, counts)| { sum.merge(counts); sum });
                prop_assert_eq!(one.sum(key, now, None), expected);
                prop_assert_eq!(other.sum(key, now, None), expected);
                let read = Tally::decode(&other.encode(now));
                prop_assert_eq!(read.sum(key, now, None), expected);
            }
        }

        #[test]
        fn any_bytes_can_be_read_summed_and_written(
            version in 0..3_u8,
            bytes in prop::collection::vec(any::<u8>(), 0..1000),
            now: u32,
        ) {
            let bytes: Vec<u8> = core::iter::once(version).chain(bytes).collect();
            let mut tally = Tally::decode(&bytes);
            tally.add(KEY, now, &counts(u32::MAX, u32::MAX));
            tally.claim(now);
            prop_assert!(tally.encode(now).len() <= bytes.len() + 8 + 400);
        }
    }
}
