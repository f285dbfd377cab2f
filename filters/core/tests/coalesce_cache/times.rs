//! For how long an answer serves, and whom.

use super::{answer, at, fresh, get, put, stale};
use std::rc::Rc;
use switchyard_core::coalesce::{Answer, Cache};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn an_answer_is_given_out_without_a_copy() {
    let (mut cache, kept) = (Cache::new(10_000), answer(5));
    cache.put(b"a".as_slice(), Rc::clone(&kept), at(100), at(200));
    let found = cache.fresh(b"a", &get(), at(0));
    assert!(found.is_some_and(|found| Rc::ptr_eq(&found, &kept)));
    assert!(!fresh(&mut cache, "b", 0) && !fresh(&mut cache, "", 0));
}

#[test]
fn an_answer_is_fresh_first_then_stale_then_gone() {
    let mut cache = Cache::new(10_000);
    put(&mut cache, "a", 1);
    for (now, is_fresh, is_stale) in
        [(0, true, true), (99, true, true), (100, false, true), (199, false, true), (200, false, false)]
    {
        assert_eq!(fresh(&mut cache, "a", now), is_fresh, "{now}");
        assert_eq!(
            stale(&mut cache, "a", now),
            is_stale,
            "{now}: one that is fresh serves in place of a failure too"
        );
    }
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
    assert!(!stale(&mut cache, "a", 150), "gone is gone");
}

#[test]
fn an_answer_that_never_serves_in_place_of_a_failure_goes_when_it_is_stale() {
    let mut cache = Cache::new(10_000);
    for stale_until in [at(100), at(0)] {
        cache.put(b"a".as_slice(), answer(1), at(100), stale_until);
        assert!(fresh(&mut cache, "a", 99) && stale(&mut cache, "a", 99));
        assert!(!stale(&mut cache, "a", 100) && cache.is_empty());
    }
}

#[test]
fn an_answer_that_is_never_fresh_may_serve_in_place_of_a_failure() {
    let mut cache = Cache::new(10_000);
    cache.put(b"a".as_slice(), answer(1), at(0), at(200));
    assert!(!fresh(&mut cache, "a", 0) && stale(&mut cache, "a", 0));
}

#[test]
fn those_whose_time_is_over_go_whoever_is_asked_for() {
    let mut cache = Cache::new(10_000);
    for (key, end) in [("a", 300), ("b", 100), ("c", 200), ("d", 100)] {
        cache.put(key.as_bytes(), answer(1), at(0), at(end));
    }
    assert!(!fresh(&mut cache, "nobody", 100));
    assert_eq!(cache.len(), 2);
    cache.expire(at(200));
    assert_eq!(cache.len(), 1);
    assert!(stale(&mut cache, "a", 200));
}

#[test]
fn an_answer_goes_only_to_requests_that_it_fits() {
    let leader = get().with("x-a", "1");
    let varies = Answer::new(200, [(&b"vary"[..], &b"x-a"[..])].into_iter(), &leader, at(0));
    let mut cache = Cache::new(10_000);
    cache.put(b"a".as_slice(), Rc::new(varies), at(100), at(200));
    for other in [get(), get().with("x-a", "2"), get().with("x-a", "1").with("x-a", "1")] {
        assert!(cache.fresh(b"a", &other, at(0)).is_none() && cache.stale(b"a", &other, at(0)).is_none());
    }
    assert!(cache.fresh(b"a", &leader, at(0)).is_some(), "it stays for those that it fits");
}

#[test]
fn an_answer_from_the_future_goes() {
    let mut cache = Cache::new(10_000);
    let tomorrow = Answer { at: at(50), ..Answer::new(200, core::iter::empty(), &get(), at(0)) };
    cache.put(b"a".as_slice(), Rc::new(tomorrow), at(100), at(200));
    assert!(fresh(&mut cache, "a", 50));
    assert!(!fresh(&mut cache, "a", 49), "the clock was set back: nobody knows its age");
    assert!(cache.is_empty(), "and so nobody ever will");
}

#[test]
fn a_clock_that_steps_back_lengthens_a_life_by_the_step_at_most() {
    let mut cache = Cache::new(10_000);
    put(&mut cache, "a", 1);
    assert!(fresh(&mut cache, "a", 90));
    // From 90 to 30: sixty more than it had.
    assert!(fresh(&mut cache, "a", 30) && fresh(&mut cache, "a", 99));
    assert!(!fresh(&mut cache, "a", 100));
}

#[test]
fn a_new_answer_has_a_time_of_its_own() {
    let mut cache = Cache::new(10_000);
    cache.put(b"a".as_slice(), answer(1), at(0), at(10));
    cache.put(b"a".as_slice(), answer(2), at(100), at(200));
    cache.expire(at(10));
    assert!(fresh(&mut cache, "a", 50), "its predecessor's end is not its own");
    assert_eq!(cache.len(), 1);
}
