//! How many answers there is room for, and which of them go.

use super::{answer, at, fresh, get, has, put, size, stale};
use switchyard_core::coalesce::Cache;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_one_that_was_asked_for_least_recently_goes_first() {
    let mut cache = Cache::new(3 * size("a", 100));
    ["a", "b", "c"].iter().for_each(|key| put(&mut cache, key, 100));
    assert_eq!(cache.len(), 3, "they fill it to the last byte");
    assert!(fresh(&mut cache, "a", 0) && stale(&mut cache, "b", 0));
    put(&mut cache, "d", 100);
    assert_eq!(["a", "b", "c", "d"].map(|key| has(&cache, key)), [true, true, false, true]);
    put(&mut cache, "e", 101);
    assert_eq!(["a", "b", "d", "e"].map(|key| has(&cache, key)), [false, false, true, true]);
}

#[test]
fn who_gets_nothing_has_not_used_it() {
    let mut cache = Cache::new(2 * size("a", 100));
    cache.put(b"a".as_slice(), answer(100), at(0), at(200));
    put(&mut cache, "b", 100);
    assert!(!fresh(&mut cache, "a", 0), "it is not fresh");
    put(&mut cache, "c", 100);
    assert_eq!(["a", "b", "c"].map(|key| has(&cache, key)), [false, true, true]);
}

#[test]
fn an_answer_that_is_kept_anew_is_the_youngest_and_counts_once() {
    let mut cache = Cache::new(2 * size("a", 100));
    ["a", "b", "a", "c"].iter().for_each(|key| put(&mut cache, key, 100));
    assert_eq!(["a", "b", "c"].map(|key| has(&cache, key)), [true, false, true]);
    put(&mut cache, "a", 7);
    assert_eq!((cache.len(), cache.bytes()), (2, size("a", 7) + size("c", 100)));
    assert_eq!(cache.fresh(b"a", &get(), at(0)).map(|answer| answer.body.len()), Some(7));
}

#[test]
fn an_answer_that_is_too_large_is_not_kept_and_nobody_goes_for_it_but_its_predecessor() {
    let mut cache = Cache::new(2 * size("a", 100));
    ["a", "b"].iter().for_each(|key| put(&mut cache, key, 100));
    put(&mut cache, "c", 1_000);
    assert_eq!(["a", "b", "c"].map(|key| has(&cache, key)), [true, true, false]);
    put(&mut cache, "a", 2_000);
    assert_eq!(["a", "b"].map(|key| has(&cache, key)), [false, true], "the old one is no longer true");
    assert_eq!(cache.bytes(), size("b", 100));
}

#[test]
fn without_room_nothing_is_kept() {
    for mut cache in [Cache::new(0), Cache::default()] {
        put(&mut cache, "", 0);
        assert_eq!((cache.len(), cache.bytes(), cache.is_empty()), (0, 0, true));
    }
}

#[test]
fn keys_and_bodies_count_and_each_answer_a_little_more() {
    assert!(size("", 0) > answer(0).size() + 100, "an entry takes more than its answer");
    assert_eq!(size("key", 10), size("", 0) + 13);
}

#[test]
fn what_is_forgotten_takes_nothing() {
    let mut cache = Cache::new(10_000);
    assert!(cache.is_empty());
    put(&mut cache, "a", 100);
    assert!(!cache.is_empty());
    cache.forget(b"a");
    put(&mut cache, "a", 100);
    put(&mut cache, "b", 200);
    ["a", "a", "nobody"].iter().for_each(|key| cache.forget(key.as_bytes()));
    assert_eq!((cache.len(), cache.bytes()), (1, size("b", 200)));
    assert!(!has(&cache, "a") && has(&cache, "b"));
}
