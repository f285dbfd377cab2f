//! What small things say of themselves: which cluster is whose, how far a clock is ahead, whether a body waits for its answer.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::byte_map::ByteMap;
use switchyard_core::http::awaits_its_answer;
use switchyard_core::request::PlainRequest;
use switchyard_core::route::{Matcher, RouteTable};
use switchyard_core::{SteadyClock, Timestamp};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_request_that_meets_no_condition_is_of_the_first_route_that_has_its_cluster() {
    let table = RouteTable::new(vec![Matcher::default()]);
    assert!(!table.asks_for_cluster());
    assert_eq!((table.len(), table.is_empty()), (1, false));
    let table = table.with_clusters([("a".into(), 7), ("b".into(), 0), ("a".into(), 9)]);
    assert!(table.asks_for_cluster());
    assert_eq!(["a", "b", "c"].map(|cluster| table.of_cluster(cluster)), [Some(7), Some(0), None]);
    assert_eq!(table.len(), 1, "conditions stay as they are");
    assert!(RouteTable::new(Vec::new()).is_empty());
}

#[test]
fn a_steady_clock_is_ahead_by_all_steps_back_that_the_wall_took() {
    let (mut clock, at) = (SteadyClock::default(), Timestamp::from_millis);
    let mut ahead = |millis| {
        clock.read(at(millis));
        clock.ahead()
    };
    let expected = [0, 0, 400, 400, 420].map(Duration::from_millis);
    assert_eq!([500, 500, 100, 130, 110].map(&mut ahead), expected);
}

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

#[test]
fn a_map_with_a_value_in_it_is_not_empty() {
    let mut map = ByteMap::new(100);
    assert!(map.is_empty());
    assert!(map.put(b"key".as_slice(), 7_u8, 10, None));
    assert_eq!((map.is_empty(), map.len()), (false, 1));
}
