//! Files in which documents stand, and what is around them.

mod page;

use super::check;
use crate::source::{File, Kind};
use serde_json::{Value, json};

/// `SY0101 place path` of everything that is found in this text.
fn found(text: &str) -> Vec<String> {
    let file = File::parse("f", text).unwrap();
    let report = check(&file);
    report
        .findings
        .iter()
        .map(|one| {
            format!("{} {} {}", one.code.id, one.place, one.path)
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn document(route: Value) -> Value {
    let mut first = json!({"name": "r", "match": {}, "upstream": "a"});
    first.as_object_mut().unwrap().extend(route.as_object().unwrap().clone());
    json!({"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}]}], "routes": [first]})
}

/// A plugin of Envoy's with this module and document.
fn plugin(module: &str, document: Value) -> Value {
    json!({"name": module, "typed_config": {"config": {
        "name": format!("switchyard.{module}"),
        "failure_policy": "FAIL_RELOAD",
        "vm_config": {"vm_id": "one", "runtime": "envoy.wasm.runtime.v8",
                      "code": {"local": {"filename": format!("/etc/switchyard/{module}.wasm")}}},
        "configuration": {"value": document},
    }}})
}

fn cluster(name: &str) -> Value {
    json!({"name": name, "load_balancing_policy": {"policies": [{"typed_extension_config": {"typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
        "override_host_sources": [{"header": "x-gateway-destination-endpoint"}],
    }}}]}})
}

fn bootstrap(filters: &[Value], clusters: &[Value]) -> Value {
    json!({"static_resources": {"listeners": [{"any": {"http_filters": filters}}], "clusters": clusters}})
}

#[test]
fn a_good_bootstrap_is_good_and_a_plugin_without_reload_or_flag_is_not() {
    let good = bootstrap(&[plugin("switchyard", document(json!({})))], &[cluster("a")]);
    assert_eq!(found(&good.to_string()), [""; 0]);
    let mut changed = good.clone();
    let config = "/static_resources/listeners/0/any/http_filters/0/typed_config/config";
    changed.pointer_mut(config).unwrap()["failure_policy"] = json!("FAIL_OPEN");
    assert_eq!(found(&changed.to_string()), ["SY0505 switchyard.switchyard"]);
    let body = json!({"coalesce": {"key": {"body": true}}, "match": {"methods": ["POST"]}});
    let judged =
        json!({"retry": {"engine": "filter", "retry_on": {"body": [{"pointer": "/error", "exists": true}]}}});
    let batched = json!({"batch": {"protocol": {"json_rpc": {}}}});
    for (module, section) in [("coalesce", body), ("batch", batched), ("retry", judged)] {
        for by in [module, "switchyard"] {
            let mut all = bootstrap(&[plugin(by, document(section.clone()))], &[cluster("a")]);
            assert_eq!(found(&all.to_string()), [format!("SY0507 switchyard.{by}")]);
            all.pointer_mut(config).unwrap()["allow_on_headers_stop_iteration"] = json!(true);
            assert_eq!(found(&all.to_string()), [""; 0]);
        }
        // Whose module does nothing with them needs none.
        let other = bootstrap(&[plugin("router", document(section))], &[cluster("a")]);
        assert_eq!(found(&other.to_string()), [""; 0]);
    }
    let ids = json!({"batch": {"protocol": {"id_list": {"path": "/x", "parameter": "id"}}}});
    assert_eq!(found(&bootstrap(&[plugin("batch", document(ids))], &[cluster("a")]).to_string()), [""; 0]);
}

#[test]
fn clusters_must_be_there_look_at_what_is_named_and_load() {
    let filters = [plugin("switchyard", document(json!({})))];
    assert_eq!(found(&bootstrap(&filters, &[]).to_string()), ["SY0501 static_resources.clusters"]);
    let mut dynamic = bootstrap(&filters, &[]);
    dynamic["dynamic_resources"] = json!({"cds_config": {}});
    assert_eq!(found(&dynamic.to_string()), [""; 0]);
    let plain = json!({"name": "a"});
    let policy = "static_resources.clusters[0].load_balancing_policy";
    assert_eq!(
        found(&bootstrap(&filters, std::slice::from_ref(&plain)).to_string()),
        [format!("SY0503 {policy}")]
    );
    // Nobody names endpoints of it.
    assert_eq!(found(&bootstrap(&[plugin("coalesce", document(json!({})))], &[plain]).to_string()), [""; 0]);
    let mut other = cluster("a");
    other["load_balancing_policy"]["policies"][0]["typed_extension_config"]["typed_config"]["override_host_sources"] =
        json!([{"header": "x-other"}]);
    assert_eq!(found(&bootstrap(&filters, &[other]).to_string()), [format!("SY0503 {policy}")]);
    for (field, path) in [
        (json!({"common_lb_config": {"zone_aware_lb_config": {}}}), "common_lb_config.zone_aware_lb_config"),
        (
            json!({"common_lb_config": {"locality_weighted_lb_config": {}}}),
            "common_lb_config.locality_weighted_lb_config",
        ),
        (json!({"lb_subset_config": {}}), "lb_subset_config"),
    ] {
        let mut refused = cluster("a");
        refused.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        assert_eq!(
            found(&bootstrap(&filters, &[refused]).to_string()),
            [format!("SY0504 static_resources.clusters[0].{path}")]
        );
    }
    let mesh = json!({"upstreams": [{"name": "mesh", "cluster_pattern": "out.*", "endpoints": {"envoy": {"admin_cluster": "amdin"}}}], "routes": []});
    assert_eq!(
        found(&bootstrap(&[plugin("switchyard", mesh)], &[]).to_string()),
        ["SY0501 static_resources.clusters"]
    );
}

#[test]
fn whoever_is_to_be_ejected_must_be_judged_and_all_must_share() {
    let mut document = document(json!({}));
    document["upstreams"][0]["outlier"] = json!({});
    let filters = [plugin("switchyard", document.clone())];
    let unjudged = "SY0508 static_resources.clusters[0].typed_extension_protocol_options";
    assert_eq!(found(&bootstrap(&filters, &[cluster("a")]).to_string()), [unjudged]);
    let mut judged = cluster("a");
    judged["typed_extension_protocol_options"] =
        json!({"http": {"http_filters": [plugin("outlier", json!({}))]}});
    assert_eq!(found(&bootstrap(&filters, &[judged.clone()]).to_string()), [""; 0]);
    let mut by_router = bootstrap(&filters, &[cluster("a")]);
    by_router["static_resources"]["listeners"][0]["router"] =
        json!({"upstream_http_filters": [plugin("outlier", json!({}))]});
    assert_eq!(found(&by_router.to_string()), [""; 0]);
    by_router["static_resources"]["clusters"][0]["typed_extension_protocol_options"] =
        json!({"http": {"http_filters": [{"name": "codec"}]}});
    assert_eq!(found(&by_router.to_string()), [unjudged], "its own stand in their place");
    let vm = "/typed_extension_protocol_options/http/http_filters/0/typed_config/config/vm_config";
    judged.pointer_mut(vm).unwrap()["vm_id"] = json!("two");
    assert_eq!(found(&bootstrap(&filters, &[judged]).to_string()), ["SY0506"]);
}

#[test]
fn a_batch_that_outlives_every_route_of_envoys_is_warned_of() {
    let delayed = json!({"batch": {"protocol": {"json_rpc": {}}, "max_delay": "2s"}});
    let mut plugin = plugin("switchyard", document(delayed));
    plugin["typed_config"]["config"]["allow_on_headers_stop_iteration"] = json!(true);
    let with = |timeouts: &[&str]| {
        let routes: Vec<_> = timeouts
            .iter()
            .map(|timeout| json!({"route": {"cluster_header": "x", "timeout": timeout}}))
            .collect();
        let mut all = bootstrap(&[plugin.clone()], &[cluster("a")]);
        all["static_resources"]["listeners"][0]["routes"] = json!(routes);
        found(&all.to_string())
    };
    assert_eq!(with(&["1s", "2s"]), ["SY0403 routes[0].batch.max_delay"]);
    assert_eq!(with(&["1s", "3s"]), [""; 0]);
    assert_eq!(with(&["1s", "0s"]), [""; 0]);
    assert_eq!(with(&[]), [""; 0]);
}

fn jwt(provider: Value) -> Value {
    let kind = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
    json!({"name": "jwt", "typed_config": {"@type": kind, "providers": {"users": provider}}})
}

fn behind(first: Value, second: Value) -> Vec<String> {
    let mut all = found(&bootstrap(&[first, second], &[cluster("a")]).to_string());
    all.retain(|one| one.starts_with("SY0502"));
    all
}

#[test]
fn a_token_that_is_taken_off_without_a_word_is_warned_of() {
    let stale = json!({"retry": {"engine": "filter", "fallback": {"stale_if_error": {"max_age": "1s"}}}});
    let batch = json!({"batch": {"protocol": {"json_rpc": {}}}});
    let silent = jwt(json!({"forward": false, "claim_to_headers": [], "payload_in_metadata": ""}));
    for (module, section) in [("coalesce", json!({"coalesce": {}})), ("batch", batch), ("retry", stale)] {
        let ours = plugin(module, document(section.clone()));
        let place = "SY0502 static_resources.listeners[0].any.http_filters[1]";
        assert_eq!(behind(silent.clone(), ours.clone()), [place]);
        // Behind it, or for another module, it says nothing.
        assert_eq!(behind(ours, silent.clone()), [""; 0]);
        assert_eq!(behind(silent.clone(), plugin("router", document(section))), [""; 0]);
    }
    let coalesce = plugin("coalesce", document(json!({"coalesce": {}})));
    for word in [
        json!({"payload_in_metadata": "payload"}),
        json!({"forward_payload_header": "x-jwt-payload"}),
        json!({"claim_to_headers": [{"header_name": "x-sub", "claim_name": "sub"}]}),
        json!({"forward": true}),
    ] {
        assert_eq!(behind(jwt(word), coalesce.clone()), [""; 0]);
    }
    let knowingly = json!({"coalesce": {"i_know_that_clients_share_answers_across_credentials": true}});
    for section in [json!({}), knowingly] {
        assert_eq!(behind(jwt(json!({})), plugin("coalesce", document(section))), [""; 0]);
    }
}

#[test]
fn a_document_that_several_plugins_have_is_spoken_of_once() {
    let wrong = json!({"mode": "of"});
    let all = bootstrap(&[plugin("router", wrong.clone()), plugin("retry", wrong)], &[]);
    assert_eq!(found(&all.to_string()), ["SY0202 switchyard.router mode"]);
}

#[test]
fn manifests_say_what_they_leave_to_chance() {
    let manifest = |kind: &str, spec: Value| {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "m", "namespace": "shop"}, "spec": spec}).to_string()
    };
    let batch = document(json!({"batch": {"protocol": {"json_rpc": {}}}}));
    let spec = |image: &str, strategy: &str, config: &Value| json!({"url": image, "failStrategy": strategy, "pluginConfig": config});
    let (pinned, good) = ("oci://registry.example/switchyard:0.1.0", document(json!({})));
    let of = |spec: Value| found(&manifest("WasmPlugin", spec));
    assert_eq!(of(spec(pinned, "FAIL_RELOAD", &good)), [""; 0]);
    let place = "WasmPlugin shop/m, m";
    assert_eq!(of(spec(pinned, "FAIL_RELOAD", &batch)), [format!("SY0603 {place}")]);
    assert_eq!(of(spec(pinned, "FAIL_CLOSE", &good)), [format!("SY0604 {place}")]);
    assert_eq!(of(spec(pinned, "FAIL_OPEN", &good)), [format!("SY0606 {place}")]);
    for image in ["oci://registry.example/switchyard", "registry.example:5000/switchyard:latest"] {
        assert_eq!(of(spec(image, "FAIL_RELOAD", &good)), [format!("SY0605 {place}")], "{image}");
    }
    assert_eq!(of(spec("oci://registry.example/switchyard@sha256:1", "FAIL_RELOAD", &good)), [""; 0]);
    let policy = |open: bool| json!({"wasm": [{"name": "x", "code": {"image": {"url": "r.example/switchyard:1"}}, "config": good, "failOpen": open}]});
    assert_eq!(found(&manifest("EnvoyExtensionPolicy", policy(false))), [""; 0]);
    assert_eq!(
        found(&manifest("EnvoyExtensionPolicy", policy(true))),
        ["SY0606 EnvoyExtensionPolicy shop/m, x"]
    );
    let patches = json!({"configPatches": [{"patch": {"value": plugin("switchyard", good.clone())}}]});
    assert_eq!(found(&manifest("EnvoyFilter", patches.clone())), ["SY0602 spec.priority"]);
    let mut ordered = patches;
    ordered["priority"] = json!(10);
    assert_eq!(found(&manifest("EnvoyFilter", ordered)), [""; 0]);
}

#[test]
fn what_has_no_plugin_of_ours_has_nothing_to_check() {
    assert_eq!(found("admin: {}"), ["SY0103"]);
    let elsewhere = |name: &str| {
        let ads = json!({"config_source": {"ads": {}}});
        let filters = [json!({"name": name, "config_discovery": ads})];
        let file = File::parse("f", &bootstrap(&filters, &[cluster("a")]).to_string()).unwrap();
        let report = check(&file);
        let says = report.seen.iter().map(|seen| seen.says.clone());
        (report.findings.iter().map(|finding| finding.code.id).collect::<Vec<_>>(), says.collect::<Vec<_>>())
    };
    let says = "ok, and no document in it: shop/switchyard from a control plane; check that, too".to_owned();
    assert_eq!(elsewhere("shop/switchyard"), (vec![], vec![says]));
    assert_eq!(elsewhere("other"), (vec!["SY0103"], vec![]));
    assert_eq!(found("{apiVersion: v1, kind: EnvoyFilter, spec: {configPatches: []}}"), ["SY0601"]);
}

#[test]
fn a_finding_names_the_line_in_its_file() {
    let lines = |text: &str| {
        let report = check(&File::parse("f", text).unwrap());
        report.findings.iter().map(|finding| (finding.code.id, finding.line)).collect::<Vec<_>>()
    };
    let document = "upstreams:
- name: a
  endpoints: [{address: '1.1.1.1:1'}]
routes:
- {match: {path_prefix: /}, upstream: b}
";
    assert_eq!(lines(document), [("SY0206", Some(5))]);
    let indented: String = document.lines().map(|line| format!("          {line}\n")).collect();
    let carried = format!(
        "static_resources:
  listeners:
  - name: switchyard
    failure_policy: FAIL_RELOAD
    vm_config: {{code: {{local: {{filename: /etc/router.wasm}}}}}}
    configuration:
        \"@type\": type.googleapis.com/google.protobuf.Struct
        value:
{indented}"
    );
    assert_eq!(lines(&carried), [("SY0206", Some(13))], "{carried}");
}

#[test]
fn routes_that_are_too_many_to_be_compared_are_said_to_be() {
    let says = |routes: usize| {
        let route = json!({"match": {"path_prefix": "/"}, "upstream": "a"});
        let tree = json!({"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}]}], "routes": vec![route; routes]});
        check(&File::of_trees("f".to_owned(), Kind::Document, vec![tree])).seen.remove(0).says
    };
    assert_eq!(says(2), "ok, 1 upstreams, 2 routes");
    assert!(says(10_001).ends_with("10001 routes; too many to be compared with each other"));
}
