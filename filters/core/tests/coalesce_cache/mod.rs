//! Answers that are kept for a moment: for how long, for whom, and how many.

#![allow(missing_docs, reason = "a test is documented by its name")]

#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod room;
mod times;

use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Answer, Cache};
use switchyard_core::request::PlainRequest;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn get() -> PlainRequest {
    PlainRequest::get("/")
}

/// An answer of so many bytes, complete at 0.
fn answer(body: usize) -> Rc<Answer> {
    let answer = Answer::new(200, core::iter::empty(), &get(), at(0));
    Rc::new(Answer { body: vec![b'x'; body], ..answer })
}

/// Keeps an answer of so many bytes that is fresh until 100 and serves until 200.
fn put(cache: &mut Cache, key: &str, body: usize) {
    cache.put(key.as_bytes(), answer(body), at(100), at(200));
}

/// What an answer of so many bytes takes under this key.
fn size(key: &str, body: usize) -> u64 {
    let mut cache = Cache::new(u64::MAX);
    put(&mut cache, key, body);
    cache.bytes()
}

fn fresh(cache: &mut Cache, key: &str, now: u64) -> bool {
    cache.fresh(key.as_bytes(), &get(), at(now)).is_some()
}

fn stale(cache: &mut Cache, key: &str, now: u64) -> bool {
    cache.stale(key.as_bytes(), &get(), at(now)).is_some()
}

/// A copy of the cache has the answer; the cache does not know that it was looked for.
fn has(cache: &Cache, key: &str) -> bool {
    stale(&mut cache.clone(), key, 0)
}
