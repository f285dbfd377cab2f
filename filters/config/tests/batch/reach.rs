//! Which routes let requests through that their protocol batches.

use super::{batch, route};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Whether the document is taken whose route matches so.
fn takes(matches: &str, protocol: &str) -> bool {
    let section = format!(r#"{{"protocol": {{{protocol}}}}}"#);
    batch(route(&format!(r#"{{"match": {matches}, "upstream": "a", "batch": {section}}}"#))).is_some()
}

#[test]
fn a_route_batches_if_one_of_its_methods_is_the_protocols() {
    let list = r#""id_list": {"path": "/items", "parameter": "ids"}"#;
    for protocol in [r#""json_rpc": {}"#, r#""json_array": {}"#, r#""embeddings": {}"#] {
        assert!(takes(r#"{"methods": ["GET", "POST"]}"#, protocol), "{protocol}");
        assert!(!takes(r#"{"methods": ["GET", "PUT"]}"#, protocol), "{protocol}");
    }
    assert!(takes(r#"{"methods": ["POST", "GET"]}"#, list));
    assert!(!takes(r#"{"methods": ["POST", "HEAD"]}"#, list));
}

#[test]
fn a_route_batches_lists_of_ids_if_one_of_their_paths_may_come() {
    let list = r#""id_list": {"path": "/v1/items", "parameter": "ids"}"#;
    let single = r#""id_list": {"path": "/v1/items", "parameter": "ids", "single": true}"#;
    for (matches, lists, singles) in [
        (r#"{}"#, true, true),
        (r#"{"path_prefix": "/"}"#, true, true),
        (r#"{"path_prefix": "/v1"}"#, true, true),
        (r#"{"path_prefix": "/V1/Items", "ignore_case": true}"#, true, true),
        (r#"{"path_prefix": "/V1/Items"}"#, false, false),
        (r#"{"path": "/V1/Items/42", "ignore_case": true}"#, false, true),
        (r#"{"path_prefix": "/v1/it"}"#, false, false),
        (r#"{"path_prefix": "/v1/items"}"#, true, true),
        (r#"{"path_prefix": "/v1/items/"}"#, false, true),
        (r#"{"path_prefix": "/v1/items/4"}"#, false, true),
        (r#"{"path_prefix": "/v1/items/4/"}"#, false, false),
        (r#"{"path_prefix": "/v1/itemsets"}"#, false, false),
        (r#"{"path_prefix": "/v2"}"#, false, false),
        (r#"{"path": "/v1/items"}"#, true, false),
        (r#"{"path": "/v1/items/42"}"#, false, true),
        (r#"{"path": "/v1/items/"}"#, false, false),
        (r#"{"path": "/v1/items/42/7"}"#, false, false),
        (r#"{"path": "/v1"}"#, false, false),
        (r#"{"path_regex": "/v2"}"#, true, true),
    ] {
        assert_eq!((takes(matches, list), takes(matches, single)), (lists, singles), "{matches}");
    }
}
