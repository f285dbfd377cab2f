//! What the route lets through, and where batches go.

use super::{ID_LIST, JSON_RPC, errors_of, errors_where};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_route_none_of_whose_methods_is_the_protocols_is_refused() {
    let none = |protocol: &str, taken: &str, methods: &str| {
        format!(
            "routes[0].batch: {protocol} batches {taken} alone, which is none of the route's methods ({methods}); add \
             it there or remove the section"
        )
    };
    let section = |protocol: &str| format!(r#"{{"protocol": {{{protocol}}}}}"#);
    assert_eq!(
        errors_where(r#"{"methods": ["GET", "PUT"]}"#, &section(JSON_RPC)),
        [none("json_rpc", "POST", "GET, PUT")]
    );
    assert_eq!(errors_where(r#"{"methods": ["POST"]}"#, &section(ID_LIST)), [none("id_list", "GET", "POST")]);
    let method = "routes[0].match.methods[1]: 7 is not a text; put it in quotes";
    assert_eq!(errors_where(r#"{"methods": ["PUT", 7]}"#, &section(JSON_RPC)), [method], "it may be any");
    let doubtful = r#"{"protocol": {"json_rpc": {}, "id_list": null}}"#;
    assert_eq!(errors_where(r#"{"methods": ["GET"]}"#, doubtful).len(), 1, "either may be meant");
    assert_eq!(errors_where(r#"{"methods": []}"#, &section(JSON_RPC)).len(), 1, "that no method can match");
    assert_eq!(
        errors_where(r#"{"methods": ["post"]}"#, &section(JSON_RPC)).len(),
        1,
        "that it is in capitals"
    );
}

#[test]
fn a_route_by_which_no_list_of_ids_comes_is_refused() {
    let section = format!(r#"{{"protocol": {{{ID_LIST}}}}}"#);
    let never = |field: &str, text: &str| {
        format!(
            r#"protocol.id_list.path: "/items" never comes by this route, whose match.{field} is "{text}"; change one of them"#
        )
    };
    assert_eq!(errors_where(r#"{"path": "/item"}"#, &section), [never("path", "/item")]);
    assert_eq!(errors_where(r#"{"path_prefix": "/items/"}"#, &section), [never("path_prefix", "/items/")]);
    let single = r#"{"protocol": {"id_list": {"path": "/items", "parameter": "ids", "single": true}}}"#;
    assert_eq!(errors_where(r#"{"path_prefix": "/v1/items"}"#, single), [never("path_prefix", "/v1/items")]);
    assert_eq!(
        errors_where(r#"{"path": "/items"}"#, single),
        [
            r#"protocol.id_list.single: no single object comes by this route, whose match.path is "/items"; remove it, or match by path_prefix"#
        ]
    );
    let wrong = r#"{"protocol": {"id_list": {"path": "items", "parameter": "ids"}}}"#;
    assert_eq!(errors_where(r#"{"path": "/item"}"#, wrong).len(), 1, "that it begins with no slash");
    for matches in [
        r#"{"path": "item"}"#,
        r#"{"path_prefix": "item"}"#,
        r#"{"path": 7, "path_prefix": "/item/"}"#,
        r#"{"path": "/item", "path_prefix": "/item"}"#,
    ] {
        assert_eq!(errors_where(matches, &section).len(), 1, "what is wrong with {matches} alone");
    }
}

#[test]
fn where_batches_go_is_refused_in_these_words() {
    let split = r#""split": [{"upstream": "billing", "weight": 1}, {"upstream": "search", "weight": 1}]"#;
    let errors = |targets: &str, upstream: &str| {
        errors_of(&format!(
            r#"{{"match": {{}}, {targets}, "batch": {{"protocol": {{{JSON_RPC}}} {upstream}}}}}"#
        ))
    };
    assert_eq!(
        errors(split, ""),
        ["upstream: is missing; a batch goes to one upstream, so a route with a split must name the one"]
    );
    assert_eq!(
        errors(split, r#", "upstream": "serach""#),
        [r#"upstream: "serach" is not an upstream of this document; did you mean "search"?"#]
    );
    assert_eq!(
        errors(r#""upstream": "billing""#, r#", "upstream": "other""#),
        [r#"upstream: "other" is not an upstream of this document"#]
    );
    assert_eq!(errors(split, r#", "upstream": 7"#), ["upstream: 7 is not a text; put it in quotes"]);
    assert_eq!(errors(r#""upstream": "other""#, "").len(), 1, "it is said once");
    assert_eq!(
        errors(&format!(r#""upstream": "billing", {split}"#), ""),
        ["routes[0]: has both upstream and split; keep one"]
    );
}
