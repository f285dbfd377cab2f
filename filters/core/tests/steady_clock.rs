//! A clock that never steps back, though the wall's does.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::{SteadyClock, Timestamp};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_steady_clock_is_ahead_by_all_steps_back_that_the_wall_took() {
    let (mut clock, at) = (SteadyClock::default(), Timestamp::from_millis);
    let mut ahead = |millis| {
        clock.read(at(millis));
        clock.ahead()
    };
    let expected = [0, 0, 400, 400, 420].map(Duration::from_millis);
    assert_eq!([500, 500, 100, 130, 110].map(&mut ahead), expected);
}
