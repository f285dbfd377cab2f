//! Requests and answers as clients and servers write them, read, joined and split by every protocol.
//!
//! A file of the corpus has requests (`>>> method path`, with `alone: why` if it goes by itself, and a body), the answer to
//! those that were joined (`<<< status`), and what comes of it: one `=== status outcome` for each client, or `=== broken: how`.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod case;
mod changes;

use case::Case;

#[test]
fn everyone_gets_what_the_server_says_to_it() {
    let cases = Case::all();
    assert!(cases.len() >= 30, "{}", cases.len());
    for case in cases {
        assert_eq!(case.reasons(), case.alone, "{}", case.name);
        assert_eq!(case.split(&case.answer).as_str(), case.comes_of_it, "{}", case.name);
    }
}

#[test]
fn what_is_joined_is_again_a_request_of_the_protocol() {
    for case in Case::all() {
        let joined = case.protocol.join(&case.parts());
        let path = joined.path.as_deref().unwrap_or("/").as_bytes();
        let method: &[u8] = if case.protocol.groups_by_path() { b"GET" } else { b"POST" };
        let read = case.protocol.read(method, path, &joined.body);
        // A server of single items is asked for a list that its clients do not send.
        assert!(case.name.starts_with("items/") || read.is_ok(), "{}: {read:?}", case.name);
    }
}
