//! How much of an attempt was the endpoint's time.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::outlier::{PRECISION, Timeline};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn timeline(asked: Option<u64>, answered: Option<u64>) -> Timeline {
    Timeline { started: at(0), asked: asked.map(at), answered: answered.map(at) }
}

#[test]
fn within_one_tick_the_whole_time_is_the_endpoints_to_the_nanosecond() {
    let exactly = Duration::from_nanos(3_123_456);
    assert_eq!(timeline(Some(0), Some(0)).first_byte(exactly, at(0)), Some(exactly));
    let thought = Duration::from_nanos(480_000_001);
    assert_eq!(timeline(Some(0), Some(480)).first_byte(thought, at(480)), Some(thought));
}

#[test]
fn what_the_client_took_to_send_and_to_read_is_not_the_endpoints() {
    // Sent for 4 s, thought 500 ms, read for 10 s.
    let slow = timeline(Some(4_000), Some(4_500)).first_byte(ms(14_500), at(14_500));
    assert_eq!(slow, Some(ms(500) - PRECISION));
    let reads = timeline(Some(0), Some(20)).first_byte(ms(10_005), at(10_000));
    assert_eq!(reads, Some(ms(25) - PRECISION));
}

#[test]
fn an_answer_before_the_request_was_whole_took_no_time_that_is_known() {
    assert_eq!(timeline(None, Some(5)).first_byte(ms(100), at(100)), None);
    assert_eq!(timeline(Some(50), Some(5)).first_byte(ms(100), at(100)), None);
    assert_eq!(timeline(Some(0), None).first_byte(ms(100), at(100)), None);
}

#[test]
fn who_has_not_the_whole_request_has_not_waited() {
    assert_eq!(timeline(None, None).waited(at(5_000)), None);
    assert_eq!(timeline(Some(4_000), None).waited(at(5_000)), Some(ms(1_000)));
    assert_eq!(
        timeline(Some(4_000), None).waited(at(3_000)),
        Some(Duration::ZERO),
        "a clock that steps back"
    );
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// The tick before this moment.
    fn tick(nanos: u64) -> Timestamp {
        let tick = u64::try_from(PRECISION.as_nanos()).unwrap_or(1);
        Timestamp::from_nanos(nanos / tick * tick)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However long the client sends and reads, the endpoint is charged with what it took, give or take two ticks; and with more than
        /// it took by a tick at most, though that is what is within one.
        #[test]
        fn nobody_is_charged_with_more_than_it_took(
            start in 0_u64..1_000_000_000,
            sends in 0_u64..5_000_000_000,
            thinks in 0_u64..5_000_000_000,
            reads in 0_u64..5_000_000_000,
        ) {
            let times = Timeline {
                started: tick(start),
                asked: Some(tick(start + sends)),
                answered: Some(tick(start + sends + thinks)),
            };
            let whole = Duration::from_nanos(sends + thinks + reads);
            let charged = times.first_byte(whole, tick(start + sends + thinks + reads));
            let took = Duration::from_nanos(thinks);
            let charged = charged.unwrap_or_default();
            prop_assert!(charged <= took + 2 * PRECISION, "{charged:?} of {took:?}");
            prop_assert!(charged + 3 * PRECISION >= took, "{charged:?} of {took:?}");
        }
    }
}
