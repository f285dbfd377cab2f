//! Clocks that step.

use crate::batch_gather::world::{Done, Proxy, items, ms, post, resumed, with};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::batch::gather::{Arrival, Event, Failure};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const HOUR: Duration = Duration::from_secs(3_600);

fn steps_back(proxy: &mut Proxy) {
    let nanos = proxy.outside.now.as_nanos() - HOUR.as_nanos() as u64;
    proxy.outside.now = Timestamp::from_nanos(nanos);
}

#[test]
fn who_waits_does_not_wait_for_longer_because_the_clock_is_set_back() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.passes(ms(10));
    steps_back(&mut proxy);
    let wait = proxy.workers[0].next_tick(proxy.outside.now).expect("an alarm");
    assert!(wait <= ms(20), "{wait:?}");
    proxy.passes(ms(0));
    proxy.passes(ms(10));
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert_eq!(proxy.outside.calls[0].left, ms(15_000 - 20));
}

#[test]
fn a_call_is_given_up_though_the_clock_is_set_back() {
    let mut proxy = Proxy::busy(&with(|settings| settings.is_repeatable = false), []);
    for stream in [2, 3] {
        proxy.arrives(0, stream, post().with("grpc-timeout", "200m"), "2");
    }
    proxy.returns(1);
    steps_back(&mut proxy);
    proxy.passes(ms(0));
    assert_eq!(proxy.passes(ms(690)), []);
    let done = proxy.passes(ms(20));
    assert!(done.iter().all(|done| matches!(done, Done::Replied(_, 504, _))) && done.len() == 2, "{done:?}");
    assert_eq!(proxy.count(Event::Failed(Failure::Timeout)), 1);
    proxy.is_quiet();
}

#[test]
fn a_claim_of_a_time_that_is_too_far_off_is_none() {
    let mut proxy = Proxy::with(2, &with(|settings| settings.scope = switchyard_core::batch::Scope::Proxy));
    assert_eq!(proxy.arrives(0, 1, post(), "1"), Arrival::Alone);
    steps_back(&mut proxy);
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Alone, "the first may be no more");
    proxy.leaves(0, 1);
    assert_eq!(proxy.arrives(0, 3, post(), "3"), Arrival::Waits, "and asks anew whose they are");
    assert_eq!(proxy.talk(), []);
    proxy.leaves(1, 2);
    proxy.acts(1);
    assert_eq!(proxy.talk(), resumed([3]));
}

#[test]
fn a_clock_that_is_set_forward_ends_waits_and_nothing_else() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    let done = proxy.passes(HOUR);
    assert!(done.iter().all(|done| matches!(done, Done::Replied(_, 504, _))) && done.len() == 2, "{done:?}");
    proxy.returns(1);
    proxy.is_quiet();
}

#[test]
fn no_more_than_a_tick_is_lost_when_the_clock_is_set_back_while_nothing_happens() {
    let settings = with(|settings| (settings.max_in_flight, settings.stall_timeout) = (1, HOUR));
    let mut proxy = Proxy::busy(&settings, []);
    assert_eq!(proxy.arrives(0, 2, post().with("grpc-timeout", "5S"), "2"), Arrival::Waits);
    for _ in 0..49 {
        let wait = proxy.workers[0].next_tick(proxy.outside.now).expect("a tick");
        assert_eq!(wait, ms(100));
        assert_eq!(proxy.passes(wait), []);
    }
    steps_back(&mut proxy);
    assert_eq!(proxy.passes(ms(100)), [], "that is what is lost");
    assert_eq!(proxy.passes(ms(90)).len(), 1);
}

#[test]
fn clocks_that_were_set_back_take_no_time_from_requests_of_other_workers() {
    let settings = with(|settings| settings.scope = switchyard_core::batch::Scope::Proxy);
    let mut proxy = Proxy::with(2, &settings);
    assert_eq!(proxy.arrives(0, 1, post(), "1"), Arrival::Alone);
    steps_back(&mut proxy);
    assert_eq!(proxy.passes(ms(0)), []);
    assert_eq!(proxy.arrives(0, 2, post(), "2"), Arrival::Waits);
    assert_eq!(proxy.arrives(1, 3, post(), "3"), Arrival::Waits);
    assert_eq!(proxy.talk(), []);
    proxy.leaves(0, 1);
    proxy.acts(0);
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert_eq!(proxy.outside.calls[0].left, ms(15_000));
}
