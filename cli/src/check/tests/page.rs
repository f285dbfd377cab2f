//! The status page among the plugins, and what only looks like it.

use super::*;

/// The status page, as a filter of Envoy's.
fn page(vm_id: &str) -> Value {
    let mut page = plugin("status", json!({}));
    let config = &mut page["typed_config"]["config"];
    config.as_object_mut().unwrap().remove("configuration").unwrap();
    config["vm_config"]["vm_id"] = json!(vm_id);
    page
}

#[test]
fn the_status_page_is_checked_as_a_plugin_without_a_document() {
    let with = |page: Value| {
        let mut all = bootstrap(&[plugin("switchyard", document(json!({})))], &[cluster("a")]);
        let listeners = all["static_resources"]["listeners"].as_array_mut().unwrap();
        listeners.push(json!({"any": {"http_filters": [page]}}));
        all
    };
    let good = with(page("one"));
    assert_eq!(found(&good.to_string()), [""; 0]);
    let seen = check(&File::parse("f", &good.to_string()).unwrap()).seen;
    assert_eq!((seen.len(), &*seen[1].place), (2, "switchyard.status"));
    assert_eq!(seen[1].says, "ok, the status page, which has no document");
    assert_eq!(found(&with(page("swtichyard")).to_string()), ["SY0506"], "it would show nothing");
    let mut closed = page("one");
    closed["typed_config"]["config"].as_object_mut().unwrap().remove("failure_policy").unwrap();
    assert_eq!(found(&with(closed).to_string()), ["SY0505 switchyard.status"]);
    // A file of its own has nothing else in it, and is good.
    assert_eq!(found(&json!({"http_filters": [page("one")]}).to_string()), [""; 0]);
}

#[test]
fn the_status_page_in_a_listener_of_clients_is_warned_of() {
    let ours = plugin("switchyard", document(json!({})));
    let both = bootstrap(&[ours.clone(), page("one")], &[cluster("a")]);
    assert_eq!(found(&both.to_string()), ["SY0511 static_resources.listeners[0]"]);
    assert_eq!(found(&json!({"http_filters": [page("one"), ours]}).to_string()), ["SY0511 http_filters"]);
    let chains = |first: Value, second: Value| json!({"resources": [{"filter_chains": [{"http_filters": [first]}, {"http_filters": [second]}]}]});
    let ours = plugin("router", document(json!({})));
    assert_eq!(found(&chains(page("one"), ours.clone()).to_string()), ["SY0511 resources[0]"]);
    let apart = json!({"resources": [{"http_filters": [page("one")]}, {"http_filters": [ours]}]});
    assert_eq!(found(&apart.to_string()), [""; 0]);
    // outlier.wasm in a router sees attempts, and not clients.
    let judge = json!({"upstream_http_filters": [plugin("outlier", document(json!({})))]});
    assert_eq!(found(&chains(page("one"), judge).to_string()), [""; 0]);
}

/// A service may be called so: its document is checked all the same.
#[test]
fn a_plugin_of_a_service_that_is_called_status_is_checked() {
    for name in ["switchyard-status", "switchyard.order-status"] {
        let spec = json!({"url": "oci://registry.example/switchyard:1", "failStrategy": "FAIL_RELOAD", "pluginConfig": {"mode": "of"}});
        let manifest =
            json!({"apiVersion": "v1", "kind": "WasmPlugin", "metadata": {"name": name}, "spec": spec});
        let place = format!("WasmPlugin {name}, {name} mode");
        assert_eq!(found(&manifest.to_string()), [format!("SY0202 {place}")]);
    }
    for module in ["/var/lib/istio/data/ab/cd.wasm", "https://modules.example/filter"] {
        let mut plugin = plugin("order-status", json!({"mode": "of"}));
        let code = if module.contains("://") {
            json!({"remote": {"http_uri": {"uri": module}, "sha256": "1"}})
        } else {
            json!({"local": {"filename": module}})
        };
        plugin["typed_config"]["config"]["vm_config"]["code"] = code;
        let all = bootstrap(&[plugin], &[]);
        assert_eq!(found(&all.to_string()), ["SY0202 switchyard.order-status mode"], "{module}");
    }
}
