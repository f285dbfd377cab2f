//! Priorities, places and zone aware routing in the document: what is meant, and what is refused in which words.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use switchyard_config::{Document, Upstream};
use switchyard_core::Locality;
use switchyard_core::balance::ZoneAware;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A document with one upstream of one endpoint, with these more fields of it and of its balance.
fn document(endpoint: &str, policy: &str, balance: &str) -> String {
    format!(
        r#"{{"upstreams": [{{"name": "a", "endpoints": [{{"address": "10.0.0.1:80"{endpoint}}}],
            "balance": {{"policy": "{policy}"{balance}}}}}]}}"#
    )
}

fn upstream(endpoint: &str, balance: &str) -> Upstream {
    let document = document(endpoint, "random", balance);
    Document::from_json(document.as_bytes()).expect("a document").upstreams()[0].clone()
}

#[test]
fn what_is_written_is_what_is_meant() {
    let upstream = upstream(
        r#", "priority": 128, "zone": "a", "region": "west", "sub_zone": "rack-7""#,
        r#", "overprovisioning_factor": 250, "zone_aware": {"routing_enabled": "40%", "min_cluster_size": 2}"#,
    );
    let endpoint = upstream.endpoints().get(0).expect("it");
    assert_eq!(endpoint.priority, 128);
    let there = Locality { region: "west".into(), zone: "a".into(), sub_zone: "rack-7".into() };
    assert_eq!(endpoint.locality.as_deref(), Some(&there));
    assert_eq!(upstream.health_policy().overprovisioning_factor, 250);
    assert_eq!(upstream.zone_aware(), Some(ZoneAware { routing_enabled: 40, min_cluster_size: 2 }));
}

#[test]
fn defaults_are_envoys() {
    let plain = upstream("", "");
    let endpoint = plain.endpoints().get(0).expect("it");
    assert_eq!((endpoint.priority, &endpoint.locality), (0, &None));
    assert_eq!((plain.health_policy().overprovisioning_factor, plain.zone_aware()), (140, None));
    let aware = upstream(r#", "zone": "a""#, r#", "zone_aware": {}"#);
    assert_eq!(aware.zone_aware(), Some(ZoneAware { routing_enabled: 100, min_cluster_size: 6 }));
}

#[test]
fn what_is_wrong_is_refused_with_its_place_and_what_it_takes() {
    for (document, error) in [
        (
            document(r#", "priority": 129"#, "random", ""),
            "upstreams[0].endpoints[0].priority: 129 is out of range; it takes 0 to 128",
        ),
        (
            document(r#", "zone": """#, "random", ""),
            "upstreams[0].endpoints[0].zone: is empty; name it or remove it",
        ),
        (
            document(r#", "sub_zone": """#, "random", ""),
            "upstreams[0].endpoints[0].sub_zone: is empty; name it or remove it",
        ),
        (
            document("", "random", r#", "overprovisioning_factor": 99"#),
            "upstreams[0].balance.overprovisioning_factor: 99 is out of range; it takes 100 to 4294967295",
        ),
        (
            document("", "random", r#", "zone_aware": {"min_cluster_size": 4294967296}"#),
            "upstreams[0].balance.zone_aware.min_cluster_size: 4294967296 is out of range; it takes 0 to 4294967295",
        ),
        (
            document("", "maglev", r#", "hash_on": [{"path": true}], "zone_aware": {}"#),
            "upstreams[0].balance.zone_aware: belongs to policies that do not hash, since a key has one endpoint; remove it or change the policy",
        ),
    ] {
        let errors = Document::from_json(document.as_bytes()).expect_err("it is wrong").to_string();
        assert!(errors.contains(error), "{errors}");
    }
}
