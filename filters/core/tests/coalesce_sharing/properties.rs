//! The same of headers that nobody thought of.

use super::settings;
use core::time::Duration;
use proptest::prelude::*;
use switchyard_core::coalesce::{NotShared, Settings};
use switchyard_core::request::PlainRequest;

fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn a_forbidding_word_is_found_among_anything(before in anything(), after in anything()) {
        let among = |word: &str| [&before, b",".as_slice(), word.as_bytes(), b",", &after].concat();
        let says = |name, word| PlainRequest::default().with(name, among(word));
        let share = |answer: &PlainRequest| settings().may_share(200, answer);
        prop_assert!(share(&says("cache-control", "private")).is_err());
        prop_assert!(share(&says("cache-control", "no-store")).is_err());
        prop_assert_eq!(share(&says("vary", "*")), Err(NotShared::Vary));
        let request = PlainRequest::get("/");
        prop_assert!(!settings().may_hold(&says("cache-control", "no-cache"), &request));
        prop_assert!(!settings().may_serve_stale(&says("cache-control", "must-revalidate"), &request));
    }

    #[test]
    fn nothing_is_held_beyond_the_operators_time_nor_its_own(
        seconds in any::<u64>(), age in 0..40_u64, hold in 0..20_000_u64,
    ) {
        let settings = Settings { hold: Duration::from_millis(hold), ..settings() };
        let control = format!("max-age={}", seconds % 40);
        let answer = PlainRequest::default().with("cache-control", control).with("age", age.to_string());
        let expected = hold.min(1_000 * (seconds % 40).saturating_sub(age));
        let held = settings.hold_for(&answer, &PlainRequest::get("/"));
        prop_assert_eq!(held, Duration::from_millis(expected));
    }
}
