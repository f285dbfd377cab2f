//! How many answers are kept for messages that are on their way, and what those do who ask for one that is not.

use crate::coalesce_flights::proxy::{Done, Proxy, collapsed, get, head, resumed};
use core::time::Duration;
use switchyard_core::coalesce::{Answer, Arrival, Begun, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Answers of these lengths, one after the other; what those elsewhere get whose messages come after all of them.
fn late(lengths: &[usize]) -> Vec<Done> {
    let mut proxy = Proxy::of(2);
    for (number, length) in (0_u32..).zip(lengths) {
        let key = number.to_le_bytes();
        assert_eq!(proxy.asks(0, number, &key, get()), Arrival::Leads);
        assert_eq!(proxy.asks(0, 1_000 + number, &key, get()), Arrival::Waits);
        assert_eq!(proxy.asks(1, 2_000 + number, &key, get()), Arrival::Waits);
        proxy.answer_whole(0, number, &"x".repeat(*length));
        proxy.acts(0);
        [number, 1_000 + number].into_iter().for_each(|stream| proxy.ends(0, stream));
    }
    proxy.talk();
    proxy.acts(1)
}

/// How many of those have to ask for themselves.
fn left_out(lengths: &[usize]) -> usize {
    late(lengths).iter().filter(|done| matches!(done, Done::Resumed(_))).count()
}

#[test]
fn no_more_than_32_answers_are_kept_and_the_oldest_goes() {
    assert_eq!([31, 32, 33, 35].map(|count| left_out(&vec![3; count])), [0, 0, 1, 3]);
    assert!(late(&[3; 33]).contains(&Done::Resumed(2_000)));
}

#[test]
fn no_more_than_four_mebibytes_of_answers_are_kept() {
    let nothing = Answer::new(200, core::iter::empty(), &get(), switchyard_core::Timestamp::default()).size();
    let quarter = (1 << 20) - nothing as usize;
    assert_eq!(left_out(&[quarter; 4]), 0);
    assert_eq!(left_out(&[quarter, quarter, quarter, quarter, 1]), 1);
}

#[test]
fn of_those_whose_flight_is_gone_one_leads_and_the_others_wait_for_it() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(1, 3);
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Passes);
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([2]));
    assert_eq!(proxy.workers[1].waiting(), 1);
    proxy.answer_whole(1, 2, "two");
    assert_eq!(proxy.acts(1), collapsed([3], "two"));
}

/// How many copies of an answer of so many bytes are given out in the first callback, and in the second.
fn copies(bytes: usize, followers: u32) -> (usize, usize) {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, 1..2 + followers);
    proxy.answer_whole(0, 1, &"x".repeat(bytes));
    let mut give = || {
        proxy.workers[0].act(&mut proxy.outside);
        core::mem::take(&mut proxy.outside.done).len()
    };
    (give(), give())
}

#[test]
fn one_callback_gives_out_a_mebibyte_or_128_copies_and_no_more_if_that_is_reached() {
    assert_eq!(copies(1 << 19, 3), (2, 1));
    assert_eq!(copies(1, 200), (128, 72));
}

#[test]
fn a_failure_that_comes_late_leaves_the_flight_to_who_leads_now_and_any_other_answer_ends_it() {
    for (status, done) in [(503, vec![]), (403, resumed([3]))] {
        let settings = Settings { max_leader_age: Duration::from_secs(1), ..Settings::default() };
        let mut proxy = Proxy::with(1, &settings);
        proxy.burst(0, [1, 2, 3]);
        assert_eq!(proxy.ticks(0, 1_000), resumed([2]));
        assert_eq!(proxy.begins(0, 1, status, &head()), Begun::Passes);
        assert_eq!(proxy.acts(0), done, "{status}");
    }
}
