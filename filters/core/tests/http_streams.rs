//! Which requests wait for their answer before their body ends.

#![allow(missing_docs, reason = "a test is documented by its name")]

use switchyard_core::http::awaits_its_answer;
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_call_that_streams_and_a_client_that_wants_to_be_told_to_go_on_wait_for_their_answer() {
    let with =
        |name: &str, value: &str| awaits_its_answer(&PlainRequest::get("/").with(name, value.as_bytes()));
    for kind in ["application/grpc", "application/grpc+proto", "application/connect+json"] {
        assert!(with("content-type", kind), "{kind}");
    }
    assert!(with("expect", "100-continue"));
    for kind in ["application/json", "application/proto", ""] {
        assert!(!with("content-type", kind), "{kind}");
    }
    assert!(!awaits_its_answer(&PlainRequest::get("/")));
}
