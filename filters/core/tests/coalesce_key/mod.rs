//! Which requests share a key, and which go by themselves.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

mod alone;
mod apart;
mod known;
mod neutral;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod rules;

use switchyard_core::coalesce::{Bypass, KeyPolicy, Settings};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{KeyRules, Known};

type Key = Result<Vec<u8>, Bypass>;

/// Settings with these headers in the key.
fn settings(headers: &[&str]) -> Settings {
    let headers = headers.iter().map(|name| (*name).into()).collect();
    let rules = KeyRules { headers, ..KeyRules::default() };
    Settings { key: KeyPolicy { rules, ..KeyPolicy::default() }, ..Settings::default() }
}

/// Settings whose keys hold the body.
fn with_body() -> Settings {
    Settings { key: KeyPolicy { body: true, ..KeyPolicy::default() }, ..Settings::default() }
}

fn key(headers: &[&str], request: &PlainRequest) -> Key {
    settings(headers).key("route", request, None, Known::nothing)
}

fn asks(method: &str, path: &str) -> PlainRequest {
    let request = PlainRequest::default().with(":method", method).with(":scheme", "https");
    request.with(":authority", "x.test").with(":path", path)
}

fn get() -> PlainRequest {
    asks("GET", "/a")
}

/// How many different keys there are; each must be one.
fn different(keys: impl IntoIterator<Item = Key>) -> usize {
    let mut keys: Vec<_> = keys.into_iter().map(|key| key.expect("a key")).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}
