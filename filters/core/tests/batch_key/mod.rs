//! Which requests may share a call, and which go by themselves.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod alone;
mod apart;
mod known;
mod lengths;
mod principals;
#[cfg(not(target_arch = "wasm32"))]
mod properties;

use switchyard_core::batch::{Bypass, IdForm, IdList, JsonRpc, KeyPolicy, Part, Protocol, Settings};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{KeyRules, Known};

type Key = Result<Vec<u8>, Bypass>;

/// Settings of JSON-RPC with this policy.
fn settings(key: KeyPolicy) -> Settings {
    Settings { key, ..Settings::new(Protocol::JsonRpc(JsonRpc::default())) }
}

/// Settings of lists of ids below `/items`.
fn ids() -> Settings {
    Settings::new(Protocol::IdList(IdList {
        path: "/items".into(),
        parameter: "ids".into(),
        form: IdForm::Comma,
        takes_single: true,
        field: None,
        id_pointer: "/id".into(),
    }))
}

/// A key with these headers in it.
fn key(headers: &[&str], request: &PlainRequest) -> Key {
    let rules = KeyRules { headers: names(headers), ..KeyRules::default() };
    settings(KeyPolicy { rules, ..KeyPolicy::default() }).whole("route", 7, request, Known::nothing)
}

/// A key of a route where these headers say who asks.
fn key_of(principal: &[&str], request: &PlainRequest) -> Key {
    settings(KeyPolicy { principal: names(principal), ..KeyPolicy::default() }).whole(
        "route",
        7,
        request,
        Known::nothing,
    )
}

fn names(headers: &[&str]) -> Vec<Box<str>> {
    headers.iter().map(|name| (*name).into()).collect()
}

fn asks(method: &str, path: &str) -> PlainRequest {
    let request = PlainRequest::default().with(":method", method).with(":scheme", "https");
    request.with(":authority", "x.test").with(":path", path)
}

fn post() -> PlainRequest {
    asks("POST", "/a")
}

/// How many different keys there are; each must be one.
fn different(keys: impl IntoIterator<Item = Key>) -> usize {
    let mut keys: Vec<_> = keys.into_iter().map(|key| key.expect("a key")).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

/// The key of a request whose protocol groups it by nothing.
trait Whole {
    fn whole(
        &self,
        route: &str,
        configuration: u64,
        request: &PlainRequest,
        known: impl FnOnce() -> Option<Known>,
    ) -> Key;
}

impl Whole for Settings {
    fn whole(
        &self,
        route: &str,
        configuration: u64,
        request: &PlainRequest,
        known: impl FnOnce() -> Option<Known>,
    ) -> Key {
        let head = self.key(route, configuration, request)?;
        let mut key = self.complete(head, &grouped_by(b""), known)?;
        // The group's own length is not the head's.
        key.truncate(key.len() - 4);
        Ok(key)
    }
}

/// A part of this group.
fn grouped_by(group: &[u8]) -> Part {
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"a"}"#;
    let mut part = Protocol::JsonRpc(JsonRpc::default()).read(b"POST", b"/", call).expect("a part");
    part.group = group.into();
    part
}
