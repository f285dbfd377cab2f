//! Quantiles of the answers of the last seconds, against exact ones.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Latencies, LatencyWindow};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MS: Duration = Duration::from_millis(1);
/// Enough answers to tell a quantile.
const ENOUGH: usize = 20;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn observe(window: &mut LatencyWindow, latency: Duration, now: Timestamp, times: usize) {
    (0..times).for_each(|_| window.observe(latency, now));
}

/// A window with one latency, enough times.
fn window(latency: Duration, now: Timestamp) -> LatencyWindow {
    let mut window = LatencyWindow::default();
    observe(&mut window, latency, now, ENOUGH);
    window
}

/// Whether this is the latency, or up to a twentieth more.
fn is_about(found: Option<Duration>, exact: Duration) -> bool {
    found.is_some_and(|found| {
        let ratio = found.as_secs_f64() / exact.as_secs_f64();
        (0.999_999..=1.050_001).contains(&ratio)
    })
}

#[test]
fn a_quantile_is_the_latency_to_within_a_twentieth() {
    // 100 us to 5 min, evenly on a logarithmic scale.
    let exact: Vec<Duration> =
        (1..=1000_i32).map(|i| Duration::from_secs_f64(1e-4 * 3e6_f64.powf(f64::from(i) / 1000.0))).collect();
    let mut window = LatencyWindow::default();
    exact.iter().rev().for_each(|latency| window.observe(*latency, at(0)));
    for percent in 1..=100_u8 {
        let exact = exact[usize::from(percent) * 10 - 1];
        let found = window.quantile(percent, at(0));
        assert!(is_about(found, exact), "p{percent}: {found:?}, exactly {exact:?}");
    }
}

#[test]
fn latencies_beyond_the_scale_fall_into_its_ends() {
    for short in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(100)] {
        assert_eq!(window(short, at(0)).quantile(50, at(0)), Some(Duration::from_micros(100)), "{short:?}");
    }
    let longest = window(Duration::MAX, at(0)).quantile(50, at(0));
    assert!(is_about(longest, Duration::from_secs(300)), "{longest:?}");
    assert_eq!(window(Duration::from_secs(86_400), at(0)).quantile(50, at(0)), longest);
}

#[test]
fn fewer_than_twenty_answers_tell_nothing() {
    let mut window = LatencyWindow::default();
    assert_eq!(window.quantile(50, at(0)), None);
    observe(&mut window, MS, at(0), ENOUGH - 1);
    assert_eq!(window.quantile(50, at(0)), None);
    window.observe(MS, at(0));
    assert!(is_about(window.quantile(50, at(0)), MS));
}

#[test]
fn a_quantile_takes_as_many_answers_as_its_percentage() {
    let mut window = window(MS, at(0));
    observe(&mut window, MS, at(0), 75);
    observe(&mut window, MS * 100, at(0), 5);
    for (percent, expected) in
        [(0, 1), (1, 1), (94, 1), (95, 1), (96, 100), (99, 100), (100, 100), (255, 100)]
    {
        assert!(is_about(window.quantile(percent, at(0)), MS * expected), "p{percent}");
    }
}

#[test]
fn an_answer_counts_for_ten_to_twenty_seconds() {
    let mut window = window(MS, at(0));
    for now in [0, 9_999] {
        assert!(window.quantile(50, at(now)).is_some(), "{now}");
    }
    observe(&mut window, MS * 100, at(10_000), ENOUGH);
    assert!(is_about(window.quantile(50, at(10_000)), MS), "both generations");
    assert!(is_about(window.quantile(51, at(19_999)), MS * 100));
    assert!(is_about(window.quantile(50, at(20_000)), MS * 100), "the first one is forgotten");
    assert_eq!(window.quantile(50, at(30_000)), None, "and so is the second");
}

#[test]
fn answers_are_forgotten_whether_others_come_or_not() {
    let window = window(MS, at(0));
    assert!(window.quantile(50, at(19_999)).is_some());
    assert_eq!(window.quantile(50, at(20_000)), None);
    assert_eq!(window.quantile(50, at(86_400_000)), None);
}

#[test]
fn a_generation_that_turns_late_is_not_kept_for_longer() {
    let mut window = window(MS, at(0));
    // Nobody came for nineteen seconds; the next one is a second away from the first one's end.
    observe(&mut window, MS * 100, at(19_000), ENOUGH);
    assert!(is_about(window.quantile(50, at(19_999)), MS));
    assert!(is_about(window.quantile(1, at(20_000)), MS * 100), "twenty seconds old, whoever came meanwhile");
}

#[test]
fn after_a_long_silence_only_the_new_counts() {
    let mut window = window(MS, at(0));
    window.observe(MS * 100, at(60_000));
    assert_eq!(window.quantile(50, at(60_000)), None);
    observe(&mut window, MS * 100, at(60_000), ENOUGH);
    assert!(is_about(window.quantile(1, at(60_000)), MS * 100));
}

#[test]
fn an_answer_counts_for_ten_seconds_whatever_the_silence_before_it() {
    for silence in [0, 1, 9_999, 10_000, 15_000, 19_999, 20_000, 25_000, 29_999, 30_000, 39_999, 86_400_000] {
        let mut window = window(MS, at(0));
        observe(&mut window, MS * 100, at(silence), 10 * ENOUGH);
        assert!(is_about(window.quantile(99, at(silence + 9_999)), MS * 100), "{silence}");
        assert_eq!(window.quantile(99, at(silence + 20_000)), None, "{silence}");
    }
}

#[test]
fn a_clock_that_was_set_back_starts_anew_and_one_that_was_set_forth_forgets() {
    let mut window = window(MS, at(3_600_000));
    assert_eq!(window.quantile(50, at(0)), None, "before the first answer there was none");
    observe(&mut window, MS * 100, at(0), ENOUGH);
    assert!(is_about(window.quantile(1, at(0)), MS * 100));
    assert!(is_about(window.quantile(1, at(9_999)), MS * 100), "and it goes on from there");
    assert_eq!(window.quantile(50, at(3_600_000)), None);
}

#[test]
fn the_ends_of_time_are_times_like_any_other() {
    for now in [Timestamp::default(), Timestamp::from_nanos(1), Timestamp::from_nanos(u64::MAX)] {
        let mut window = window(MS, now);
        assert!(is_about(window.quantile(50, now), MS), "{now:?}");
        observe(&mut window, MS, Timestamp::default(), ENOUGH);
        assert!(is_about(window.quantile(50, Timestamp::default()), MS));
    }
}

#[test]
fn a_copy_lives_a_life_of_its_own() {
    let one = window(MS, at(0));
    let mut other = one.clone();
    observe(&mut other, MS * 100, at(0), 10 * ENOUGH);
    assert!(is_about(one.quantile(99, at(0)), MS));
    assert!(is_about(other.quantile(99, at(0)), MS * 100));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Milliseconds between answers, and microseconds that each took.
    fn answers() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let pause = prop_oneof![30 => 0..700_u64, 1 => 9_000..40_000_u64];
        prop::collection::vec((pause, 100..300_000_000_u64), 1..200)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_quantile_lies_between_those_of_the_last_ten_and_twenty_seconds(
            answers in answers(), percent in 1..=100_u8, later in 0..12_000_u64,
        ) {
            let mut window = LatencyWindow::default();
            let mut now = 0;
            let mut seen = Vec::new();
            for (pause, micros) in answers {
                now += pause;
                window.observe(Duration::from_micros(micros), at(now));
                seen.push((now, Duration::from_micros(micros)));
            }
            now += later;
            // Some cut between ten and twenty seconds ago explains the answer.
            let found = window.quantile(percent, at(now));
            let ages = seen.iter().map(|(came, _)| now - came).filter(|age| (10_000..20_000).contains(age));
            let explained = ages.chain([10_000, 20_000]).any(|age| {
                let mut counted: Vec<_> =
                    seen.iter().filter(|(came, _)| now - came < age).map(|(_, latency)| *latency).collect();
                counted.sort_unstable();
                let rank = (counted.len() * usize::from(percent)).div_ceil(100).max(1);
                match counted.get(rank - 1).filter(|_| counted.len() >= ENOUGH) {
                    Some(exact) => is_about(found, *exact),
                    None => found.is_none(),
                }
            });
            prop_assert!(explained, "p{} is {:?}", percent, found);
        }

        #[test]
        fn quantiles_grow_with_their_percentage(answers in answers()) {
            let mut window = LatencyWindow::default();
            answers.iter().for_each(|(_, micros)| window.observe(Duration::from_micros(*micros), at(0)));
            let all: Vec<_> = (0..=100).map(|percent| window.quantile(percent, at(0))).collect();
            prop_assert!(all.is_sorted(), "{:?}", all);
        }

        #[test]
        fn no_clock_breaks_it(
            steps in prop::collection::vec((any::<u64>(), 0..64_u32, any::<u64>(), any::<u8>()), 1..100),
        ) {
            let mut window = LatencyWindow::default();
            for (clock, shift, nanos, percent) in steps {
                let now = Timestamp::from_nanos(clock >> shift);
                window.quantile(percent, now);
                window.observe(Duration::from_nanos(nanos >> shift), now);
            }
            // Whatever happened, what comes now is seen at once.
            observe(&mut window, MS, Timestamp::default(), 100 * ENOUGH);
            prop_assert!(is_about(window.quantile(50, Timestamp::default()), MS));
        }
    }
}

#[test]
fn the_quantile_of_several_endpoints_is_that_of_the_middle_one() {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let mut latencies = Latencies::default();
    assert_eq!(latencies.quantile(95, now), None);
    for _ in 0..30 {
        for (endpoint, millis) in [(0, 10), (1, 12), (2, 11), (3, 400)] {
            latencies.observe(Some(endpoint), Duration::from_millis(millis), now);
        }
    }
    let middle = latencies.quantile(95, now).expect("enough answers");
    assert!(middle >= Duration::from_millis(11) && middle < Duration::from_millis(12), "{middle:?}");
    // A quarter of all answers is slow: their common quantile would be the slow endpoint's.
    let mut together = Latencies::default();
    for number in 0..40 {
        let millis = if number % 4 == 0 { 400 } else { 10 };
        together.observe(None, Duration::from_millis(millis), now);
    }
    assert!(together.quantile(95, now).expect("enough answers") >= Duration::from_millis(400));
}

#[test]
fn answers_of_one_moment_are_forgotten_together_whenever_the_others_are_over() {
    let mut window = window(MS, at(0));
    // Just when the first ones are too old to be the older generation.
    observe(&mut window, MS * 100, at(20_000), ENOUGH);
    assert!(is_about(window.quantile(50, at(39_999)), MS * 100), "one fewer would tell nothing");
    assert_eq!(window.quantile(50, at(40_000)), None);
}

fn heard(latencies: &mut Latencies, endpoint: Option<usize>, latency: Duration, now: u64, times: usize) {
    (0..times).for_each(|_| latencies.observe(endpoint, latency, at(now)));
}

#[test]
fn of_two_endpoints_the_quicker_one_counts_and_those_beyond_256_share_a_window() {
    let mut latencies = Latencies::default();
    // So many that a quantile of all answers together would be this one's.
    heard(&mut latencies, Some(0), MS * 400, 0, 3 * ENOUGH);
    heard(&mut latencies, Some(1), MS * 10, 0, ENOUGH / 2);
    assert!(is_about(latencies.quantile(50, at(0)), MS * 400), "too few tell nothing");
    heard(&mut latencies, Some(257), MS * 10, 0, ENOUGH / 2);
    assert!(is_about(latencies.quantile(50, at(50)), MS * 10));
}

#[test]
fn each_quantile_is_looked_up_again_after_fifty_milliseconds() {
    let mut latencies = Latencies::default();
    heard(&mut latencies, None, MS, 0, ENOUGH);
    heard(&mut latencies, None, MS * 10, 0, ENOUGH);
    assert!(is_about(latencies.quantile(95, at(0)), MS * 10));
    assert!(is_about(latencies.quantile(5, at(0)), MS), "another one is not that");
    heard(&mut latencies, None, MS * 100, 0, 10 * ENOUGH);
    assert!(is_about(latencies.quantile(95, at(49)), MS * 10), "it is known");
    assert!(is_about(latencies.quantile(95, at(50)), MS * 100));
    heard(&mut latencies, None, MS * 1_000, 50, 1_000 * ENOUGH);
    assert!(is_about(latencies.quantile(95, at(99)), MS * 100), "it is known again");
    assert!(is_about(latencies.quantile(95, at(100)), MS * 1_000));
}
