//! Pictures of dumps in the forms that Envoy prints.

use super::*;
use crate::source::Filter;
use serde_json::json;

fn plugin(name: &str, module: &str, configuration: &Value) -> Value {
    json!({ "name": name, "typed_config": { "config": {
        "name": name, "root_id": name, "configuration": configuration,
        "vm_config": { "vm_id": "v", "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": module } } },
    } } })
}

fn of(configs: &Value) -> Picture {
    let address = "127.0.0.1:1".parse().unwrap();
    Picture::of(&address, &json!({}), &json!({ "configs": configs }), &json!({}), &json!({})).unwrap()
}

fn places(picture: &Picture) -> Vec<(String, Filter)> {
    picture.plugins.iter().map(|plugin| (plugin.place.to_string(), plugin.filter)).collect()
}

#[test]
fn plugins_are_found_in_listeners_and_clusters_static_and_dynamic() {
    let document =
        json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": "{\"upstreams\":[]}" });
    let (chain, judge) = (
        plugin("switchyard", "/x/switchyard.wasm", &document),
        plugin("switchyard.outlier", "/x/outlier.wasm", &Value::Null),
    );
    let picture = of(&json!([
        { "@type": "x.ListenersConfigDump",
          "static_listeners": [{ "listener": { "name": "b", "filters": [chain] } }],
          "dynamic_listeners": [
            { "name": "a", "active_state": { "listener": { "name": "a", "filters": [chain] } } },
            { "name": "c", "warming_state": { "listener": { "name": "c", "filters": [chain] } } },
            { "name": "d", "error_state": { "details": "no" } },
          ] },
        { "@type": "x.ClustersConfigDump",
          "static_clusters": [{ "cluster": { "name": "web", "filters": [judge] } }],
          "dynamic_active_clusters": [{ "cluster": { "name": "api", "filters": [judge] } }] },
    ]));
    let expected = [
        ("listener a", Filter::Switchyard),
        ("listener b", Filter::Switchyard),
        ("listener c", Filter::Switchyard),
        ("cluster api", Filter::Outlier),
        ("cluster web", Filter::Outlier),
    ];
    assert_eq!(places(&picture), expected.map(|(place, filter)| (place.to_owned(), filter)));
    let hashes: Vec<_> = picture.plugins.iter().map(Running::document).collect();
    assert!(hashes[0].is_some() && hashes[0] == hashes[2], "{hashes:?}");
    assert_eq!(hashes[3], None, "outlier has no document of its own");
    assert_eq!(picture.rejected.len(), 1);
}

#[test]
fn a_configuration_by_ecds_stands_where_it_is_referred_to() {
    let ecds = |name: &str| {
        let mut filter = plugin("switchyard", "/x/switchyard.wasm", &Value::Null);
        filter["name"] = json!(name);
        json!({ "ecds_filter": filter })
    };
    let picture = of(&json!([
        { "@type": "x.ListenersConfigDump", "static_listeners": [{ "listener": {
            "name": "ingress", "filters": [{ "name": "istio.one", "config_discovery": {} }, { "name": "other", "config_discovery": {} }],
        } }] },
        { "@type": "x.EcdsConfigDump", "ecds_filters": [ecds("istio.one"), ecds("istio.two")] },
    ]));
    let expected = [("listener ingress", Filter::Switchyard), ("extension istio.two", Filter::Switchyard)];
    assert_eq!(places(&picture), expected.map(|(place, filter)| (place.to_owned(), filter)));
}

/// Envoy has the extensions of listeners and of clusters in parts of their own.
#[test]
fn a_routers_filters_for_clusters_stand_apart_by_ecds_too() {
    let ecds = |name: &str, module: &str| json!({ "ecds_filter": plugin(name, module, &Value::Null) });
    let named = |name: &str| json!({ "name": name, "config_discovery": {} });
    let router =
        json!({ "name": "router", "typed_config": { "upstream_http_filters": [named("shop/judge")] } });
    let picture = of(&json!([
        { "@type": "x.ListenersConfigDump", "static_listeners": [
            { "listener": { "name": "ingress", "filters": [named("shop/chain"), router] } },
        ] },
        { "@type": "x.EcdsConfigDump", "ecds_filters": [ecds("shop/chain", "/x/switchyard.wasm")] },
        { "@type": "x.EcdsConfigDump", "ecds_filters": [ecds("shop/judge", "/x/outlier.wasm")] },
    ]));
    let expected =
        [("listener ingress", Filter::Switchyard), ("router of listener ingress", Filter::Outlier)];
    assert_eq!(places(&picture), expected.map(|(place, filter)| (place.to_owned(), filter)));
    assert_eq!(picture.listeners.len(), 3, "the listener, and what comes into it by ECDS");
}

#[test]
fn what_is_no_dump_is_an_error() {
    let address = "127.0.0.1:1".parse().unwrap();
    let error = Picture::of(&address, &json!({}), &json!({}), &json!({}), &json!({})).unwrap_err();
    assert!(error.to_string().contains("no configuration of an Envoy"), "{error}");
}
