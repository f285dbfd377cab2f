//! Envoy's own routes, retries that stand at an upstream, and sections that stand for many clusters.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use switchyard_config::Document;
use switchyard_core::retry::Engine;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MESH: &str = r#"{"name": "mesh", "cluster_pattern": "outbound\\|.*", "max_clusters": 2,
    "endpoints": {"envoy": {"admin_cluster": "prometheus_stats"}}, "retry": {"num_retries": 1}}"#;

fn document(upstreams: &str, routes: &str) -> Document {
    let text = format!(r#"{{"upstreams": [{upstreams}], "routes": [{routes}]}}"#);
    Document::from_json(text.as_bytes()).expect("it is right")
}

fn errors(upstreams: &str, routes: &str) -> Vec<String> {
    let text = format!(r#"{{"upstreams": [{upstreams}], "routes": [{routes}]}}"#);
    let Err(refused) = Document::from_json(text.as_bytes()) else { return Vec::new() };
    refused.iter().map(ToString::to_string).collect()
}

#[test]
fn each_upstream_has_a_route_of_envoys_own_behind_those_of_the_document() {
    let document = document(
        r#"{"name": "a", "cluster": "x", "endpoints": [{"address": "10.0.0.1:80"}]},
           {"name": "b", "cluster": "x", "endpoints": [{"address": "10.0.0.2:80"}]},
           {"name": "c", "endpoints": [{"address": "10.0.0.3:80"}]}"#,
        r#"{"name": "first", "match": {}, "upstream": "b"}"#,
    );
    let names: Vec<_> = document.routes().iter().map(|route| (route.name(), route.is_envoys())).collect();
    assert_eq!(names, [("first", false), ("cluster:a", true), ("cluster:b", true), ("cluster:c", true)]);
    let table = document.table();
    assert_eq!((table.len(), table.asks_for_cluster()), (1, true));
    assert_eq!(["x", "c", "a"].map(|name| table.of_cluster(name)), [Some(1), Some(3), None]);
    assert!(!Document::from_json(b"{}").expect("an empty one").table().asks_for_cluster());
}

#[test]
fn a_route_to_one_upstream_is_tried_again_as_that_says_unless_it_says_so_itself() {
    let document = document(
        r#"{"name": "a", "endpoints": [{"address": "10.0.0.1:80"}], "retry": {"engine": "filter", "num_retries": 3}},
           {"name": "b", "endpoints": [{"address": "10.0.0.2:80"}]}"#,
        r#"{"name": "inherits", "match": {"path": "/1"}, "upstream": "a"},
           {"name": "own", "match": {"path": "/2"}, "upstream": "a", "retry": {"num_retries": 1}},
           {"name": "split", "match": {"path": "/3"}, "split": [{"upstream": "a", "weight": 1}, {"upstream": "b", "weight": 1}]},
           {"name": "none", "match": {}, "upstream": "b"}"#,
    );
    let retries =
        |route: &switchyard_config::Route| route.retry().map(|retry| (retry.engine, retry.num_retries));
    let all: Vec<_> = document.routes().iter().map(retries).collect();
    let of_upstream = Some((Engine::Filter, 3));
    assert_eq!(all, [of_upstream, Some((Engine::Router, 1)), None, None, of_upstream, None]);
}

#[test]
fn a_section_that_stands_for_many_is_an_upstream_for_each_cluster_that_is_followed() {
    let document = document(
        &format!(
            r#"{MESH}, {{"name": "web", "cluster": "outbound|named", "endpoints": [{{"address": "10.0.0.1:80"}}]}}"#
        ),
        r#"{"match": {"path": "/web"}, "upstream": "web"}"#,
    );
    assert_eq!(document.upstreams().len(), 1, "a section is no upstream itself");
    let patterns = document.cluster_patterns();
    assert!(!patterns.is_empty());
    assert!(patterns.stand_for("outbound|80||a.svc") && !patterns.stand_for("inbound|80||"));
    let followed =
        document.with_clusters(["outbound|a", "inbound|b", "outbound|named", "outbound|c", "outbound|d"]);
    let upstreams: Vec<_> = followed.upstreams().iter().map(|one| (one.name(), one.cluster())).collect();
    assert_eq!(
        upstreams,
        [("web", "outbound|named"), ("outbound|a", "outbound|a"), ("outbound|c", "outbound|c")],
        "who has a section of its own keeps it, and two are followed at most"
    );
    assert!(followed.upstreams()[1].source().is_some());
    let names: Vec<_> = followed.routes().iter().map(|route| route.name()).collect();
    assert_eq!(names, ["route-0", "cluster:web", "cluster:outbound|a", "cluster:outbound|c"]);
    assert_eq!(followed.routes()[2].retry().map(|retry| retry.num_retries), Some(1));
    assert_eq!(followed.table().of_cluster("outbound|c"), Some(3));
    assert_eq!(document.table().of_cluster("outbound|c"), None);
}

#[test]
fn each_section_has_its_own_places() {
    let one = MESH.replace("mesh", "egress").replace("outbound", "egress");
    let document = document(&format!("{MESH}, {one}"), "");
    let patterns = document.cluster_patterns();
    let followed = ["outbound|a", "egress|a", "outbound|b"];
    let mut left = patterns.places(followed.into_iter());
    let takes =
        ["outbound|c", "egress|b", "inbound|a", "egress|c"].map(|name| patterns.take(name, &mut left));
    assert_eq!(takes, [false, true, false, false], "two of each, and of another section's none");
}

#[test]
fn a_cluster_whose_name_an_upstream_has_is_told_from_it() {
    let named = r#"{"name": "outbound/a", "cluster": "other", "endpoints": [{"address": "10.0.0.1:80"}]}"#;
    let document = document(&format!("{}, {named}", MESH.replace(r"\\|", "/")), "");
    let followed = document.with_clusters(["outbound/a"]);
    assert_eq!(followed.upstreams()[1].name(), "cluster:outbound/a");
}

#[test]
fn wrong_sections_are_refused_in_words() {
    let upstream = |fields: &str| format!(r#"{{"name": "a", {fields}}}"#);
    let envoys = r#""endpoints": {"envoy": {"admin_cluster": "x"}}"#;
    let list = r#""endpoints": [{"address": "10.0.0.1:80"}]"#;
    let wrong = [
        (
            upstream(&format!(r#""cluster": "b", "cluster_pattern": "x.*", {envoys}"#)),
            "upstreams[0]: has both cluster and cluster_pattern; keep one",
        ),
        (
            upstream(&format!(r#""cluster_pattern": "x.*", {list}"#)),
            "upstreams[0].endpoints: are of one cluster; with cluster_pattern write {envoy: {admin_cluster: …}}",
        ),
        (
            upstream(&format!(r#""max_clusters": 5, {list}"#)),
            "upstreams[0].max_clusters: belongs to cluster_pattern; add that or remove it",
        ),
        (
            upstream(&format!(r#""cluster_pattern": "x", "max_clusters": 1001, {envoys}"#)),
            "upstreams[0].max_clusters: 1001 is out of range; it takes 1 to 1000",
        ),
        (
            upstream(&format!(r#"{list}, "retry": {{"num_retries": 11}}"#)),
            "upstreams[0].retry.num_retries: 11 is out of range; it takes 0 to 10",
        ),
    ];
    for (upstream, meant) in wrong {
        assert_eq!(errors(&upstream, ""), [meant], "{upstream}");
    }
    let pattern = upstream(&format!(r#""cluster_pattern": "(", {envoys}"#));
    assert!(
        errors(&pattern, "")[0].starts_with("upstreams[0].cluster_pattern: "),
        "{:?}",
        errors(&pattern, "")
    );
    assert_eq!(
        errors(MESH, r#"{"match": {}, "upstream": "mesh"}"#),
        [r#"routes[0].upstream: "mesh" stands for many clusters; give one of them an upstream of its own"#]
    );
    assert_eq!(
        errors(&upstream(list), r#"{"name": "cluster:a", "match": {}, "upstream": "a"}"#),
        [r#"routes[0].name: "cluster:a": Envoy's own routes are called so; take another name"#]
    );
}
