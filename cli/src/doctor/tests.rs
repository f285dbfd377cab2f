//! The doctor on what the shipped bootstrap would show, and on the same with one thing broken.

mod page;

use super::*;
use crate::source::File;
use serde_json::{Value, json};

/// What an Envoy is made to say.
struct Said {
    version: &'static str,
    bootstrap: Value,
    stats: Vec<(String, u64)>,
    rejected: Value,
}

impl Said {
    /// An Envoy with the shipped bootstrap, to which requests have come.
    fn shipped() -> Self {
        let bootstrap = include_str!("../../../envoy-config/envoy.yaml");
        let bootstrap = File::parse("envoy.yaml", bootstrap).unwrap().trees.remove(0);
        let mut stats = vec![("wasm.envoy.wasm.runtime.v8.active".to_owned(), 8)];
        for filter in ["switchyard", "outlier"] {
            let version = env!("CARGO_PKG_VERSION");
            stats.push((ours(&format!("filter=.={filter};.;version=.={version};.;build_info")), 1));
            stats.push((ours(&format!("filter=.={filter};.;result=.=accepted;.;configurations_total")), 4));
        }
        for (upstream, endpoints) in [("checkout", 3), ("catalog", 3), ("checkout-canary", 1)] {
            stats.push((ours(&format!("upstream=.={upstream};.;endpoint_list_age_seconds")), 0));
            stats.push((ours(&format!("upstream=.={upstream};.;state=.=healthy;.;endpoints")), endpoints));
        }
        Self { version: "c/1.40.0/Clean/RELEASE/BoringSSL", bootstrap, stats, rejected: json!([]) }
    }

    fn at(&mut self, pointer: &str) -> &mut Value {
        self.bootstrap.pointer_mut(&format!("/static_resources{pointer}")).unwrap()
    }

    fn manager(&mut self, pointer: &str) -> &mut Value {
        self.at(&format!("/listeners/0/filter_chains/0/filters/0/typed_config{pointer}"))
    }

    /// What stands around the first plugin's document.
    fn plugin(&mut self, pointer: &str) -> &mut Value {
        self.manager(&format!("/http_filters/0/typed_config/config{pointer}"))
    }

    fn document(&mut self, pointer: &str) -> &mut Value {
        self.plugin(&format!("/configuration/value{pointer}"))
    }

    fn stat(&mut self, name: &str, value: u64) {
        self.stats.retain(|(known, _)| known != name);
        self.stats.push((name.to_owned(), value));
    }

    fn picture(&self) -> Picture {
        let list = |pointer: &str| self.bootstrap.pointer(pointer).and_then(Value::as_array).unwrap().clone();
        let (listeners, clusters) = (list("/static_resources/listeners"), list("/static_resources/clusters"));
        let route = "/filter_chains/0/filters/0/typed_config/route_config";
        let named = |field: &str, tree: &Value| json!({ field: tree });
        let each =
            |field: &str, trees: &[Value]| trees.iter().map(|tree| named(field, tree)).collect::<Vec<_>>();
        let routes: Vec<_> = listeners.iter().filter_map(|one| one.pointer(route).cloned()).collect();
        let hosts = |cluster: &Value| {
            let endpoints =
                cluster.pointer("/load_assignment/endpoints/0/lb_endpoints").and_then(Value::as_array);
            let address = |host: &Value| json!({ "address": host["endpoint"]["address"] });
            endpoints.map(|all| all.iter().map(address).collect::<Vec<_>>()).unwrap_or_default()
        };
        let status = |cluster: &Value| json!({ "name": cluster["name"], "host_statuses": hosts(cluster) });
        let dump = json!({ "configs": [
            { "@type": "x.BootstrapConfigDump", "bootstrap": self.bootstrap },
            { "@type": "x.ListenersConfigDump", "static_listeners": each("listener", &listeners), "dynamic_listeners": self.rejected },
            { "@type": "x.ClustersConfigDump", "static_clusters": each("cluster", &clusters) },
            { "@type": "x.ScopedRoutesConfigDump" },
            { "@type": "x.RoutesConfigDump", "static_route_configs": each("route_config", &routes) },
        ] });
        let stats: Vec<_> =
            self.stats.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        Picture::of(
            &"127.0.0.1:9901".parse().unwrap(),
            &json!({ "version": self.version, "state": "LIVE" }),
            &dump,
            &json!({ "cluster_statuses": clusters.iter().map(status).collect::<Vec<_>>() }),
            &json!({ "stats": stats }),
        )
        .unwrap()
    }

    /// Every line but the ticks: the code, the verdict and what was said.
    fn wrong(&self) -> Vec<(&'static str, Verdict, String)> {
        let checks = examine(&self.picture());
        assert!(checks.iter().all(|check| CODES.contains(&check.code)), "every code is in the table");
        assert!(checks.is_sorted_by_key(|check| check.group), "a group stands together");
        let wrong = checks.into_iter().filter(|check| check.verdict != Verdict::Good);
        wrong
            .map(|check| {
                assert!(!check.next.is_empty(), "{} has a next step", check.code.id);
                (check.code.id, check.verdict, check.said)
            })
            .collect()
    }
}

fn ours(name: &str) -> String {
    format!("wasmcustom.switchyard.{name}")
}

/// Breaks one thing, and expects this one line and no other.
fn broken(code: &str, verdict: Verdict, said: &str, broken: impl FnOnce(&mut Said)) {
    let mut all = Said::shipped();
    broken(&mut all);
    match all.wrong().as_slice() {
        [one] => {
            assert_eq!((one.0, one.1), (code, verdict), "{}", one.2);
            assert!(one.2.contains(said), "{code}: {:?} has no {said:?}", one.2);
        }
        others => panic!("{code} alone is expected: {others:#?}"),
    }
}

/// Everything below `tree` that has a `vm_config`.
fn each_plugin(tree: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    if tree.get("vm_config").is_some() {
        return change(tree);
    }
    match tree {
        Value::Array(items) => items.iter_mut().for_each(|item| each_plugin(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_plugin(field, change)),
        _ => {}
    }
}

fn remove(tree: &mut Value, field: &str) {
    tree.as_object_mut().unwrap().remove(field).unwrap();
}

/// The document's first upstream lists these endpoints.
fn listing(said: &mut Said, endpoints: &[&str]) {
    let endpoints: Vec<_> = endpoints.iter().map(|address| json!({ "address": address })).collect();
    *said.document("/upstreams/0/endpoints") = json!(endpoints);
}

const ALL: [&str; 3] = ["172.30.0.11:8080", "172.30.0.12:8080", "172.30.0.13:8080"];

#[test]
fn the_shipped_bootstrap_has_nothing_but_ticks() {
    let said = Said::shipped();
    assert_eq!(said.wrong(), []);
    let groups: std::collections::BTreeSet<_> =
        examine(&said.picture()).iter().map(|check| check.group).collect();
    assert_eq!(groups.len(), 7, "every group has one");
}

#[test]
fn versions_and_modules() {
    use Verdict::{Bad, Note, Warning};
    broken("SY0701", Bad, "1.35.2 is older", |said| said.version = "c/1.35.2/Clean/RELEASE/BoringSSL");
    broken("SY0701", Warning, "1.41.0-dev was not run", |said| {
        said.version = "c/1.41.0-dev/Clean/RELEASE/BoringSSL"
    });
    broken("SY0702", Warning, "wasmtime", |said| {
        each_plugin(&mut said.bootstrap, &mut |plugin| {
            plugin["vm_config"]["runtime"] = json!("envoy.wasm.runtime.wasmtime")
        });
    });
    broken("SY0703", Bad, "no listener, no cluster", |said| {
        each_plugin(&mut said.bootstrap, &mut |plugin| *plugin = json!({}));
    });
    broken("SY0704", Bad, "outlier never took", |said| {
        said.stats.retain(|(name, _)| !name.contains("outlier;.;version"))
    });
    broken("SY0705", Bad, "0.0.9", |said| {
        said.stat(&ours("filter=.=outlier;.;version=.=0.0.9;.;build_info"), 1)
    });
    broken("SY0705", Note, "the modules are 9.9.9", |said| {
        for (name, _) in &mut said.stats {
            *name = name.replace(&format!("version=.={}", env!("CARGO_PKG_VERSION")), "version=.=9.9.9");
        }
    });
    broken("SY0706", Warning, "FAIL_CLOSED", |said| remove(said.plugin(""), "failure_policy"));
    broken("SY0706", Warning, "FAIL_OPEN", |said| *said.plugin("/failure_policy") = json!("FAIL_OPEN"));
}

#[test]
fn what_stands_around_documents() {
    use Verdict::Bad;
    broken("SY0707", Bad, "routes[2].batch", |said| {
        remove(said.plugin(""), "allow_on_headers_stop_iteration");
    });
    broken("SY0707", Bad, "routes[0].retry.retry_on.body", |said| {
        *said.plugin("/allow_on_headers_stop_iteration") = json!(false);
    });
    broken("SY0708", Bad, "\"other\"", |said| *said.plugin("/vm_config/vm_id") = json!("other"));
    broken("SY0708", Bad, "outlier: finds nobody", |said| {
        said.stat(&ours("filter=.=outlier;.;ejection_disconnected"), 1)
    });
}

#[test]
fn no_flag_is_needed_where_no_route_needs_a_body() {
    let mut said = Said::shipped();
    remove(said.plugin(""), "allow_on_headers_stop_iteration");
    let routes = said.document("/routes").as_array_mut().unwrap();
    routes.retain(|route| !["rpc", "catalog"].contains(&route["name"].as_str().unwrap()));
    assert_eq!(said.wrong(), []);
    said.document("/routes").as_array_mut().unwrap()[0]["coalesce"] = json!({ "key": { "body": true } });
    assert_eq!(said.wrong()[0].0, "SY0707");
}

#[test]
fn documents() {
    use Verdict::{Bad, Warning};
    broken("SY0712", Bad, "different documents", |said| {
        let mut document = said.plugin("/configuration").clone();
        document["value"]["mode"] = json!("shadow");
        let filter = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters/0";
        said.at(&format!("/clusters/0{filter}/typed_config/config"))["configuration"] = document;
    });
    broken("SY0713", Bad, "Envoy refuses listener ingress: no such module", |said| {
        let failed = json!({ "@type": "x.Listener", "name": "ingress" });
        said.rejected = json!([{ "name": "ingress", "error_state": { "failed_configuration": failed, "details": "no such module" } }]);
    });
    broken("SY0713", Warning, "switchyard has refused a configuration 2 times", |said| {
        said.stat(&ours("filter=.=switchyard;.;result=.=rejected;.;configurations_total"), 2);
    });
    broken("SY0713", Warning, "listener_manager.lds.update_rejected is 1", |said| {
        said.stat("listener_manager.lds.update_rejected", 1)
    });
}

#[test]
fn a_document_that_is_wrong_is_told_with_its_first_error_and_nothing_is_concluded_from_it() {
    let mut said = Said::shipped();
    *said.document("/routes/0/upstream") = json!("nobody");
    let wrong = said.wrong();
    assert_eq!(wrong.iter().map(|one| one.0).collect::<Vec<_>>(), ["SY0711"], "{wrong:?}");
    assert!(wrong[0].2.contains("routes[0].upstream"), "{wrong:?}");
}

#[test]
fn a_document_in_a_store_is_a_note() {
    let mut said = Said::shipped();
    *said.plugin("/configuration/value") =
        json!({ "document": { "etcd": { "cluster": "etcd", "key": "/switchyard" } } });
    let wrong = said.wrong();
    assert_eq!((wrong[0].0, wrong[0].1), ("SY0711", Verdict::Note), "{wrong:?}");
}

#[test]
fn steering() {
    use Verdict::Bad;
    broken("SY0721", Bad, "upstream catalog: Envoy has no cluster catalog", |said| {
        said.at("/clusters").as_array_mut().unwrap().retain(|cluster| cluster["name"] != "catalog");
    });
    broken("SY0722", Bad, "cluster catalog has no override_host", |said| {
        remove(said.at("/clusters/1"), "load_balancing_policy")
    });
    broken("SY0722", Bad, "metadata envoy.lb", |said| {
        let typed =
            "/load_balancing_policy/policies/0/typed_extension_config/typed_config/override_host_sources";
        *said.at(&format!("/clusters/1{typed}")) = json!([{ "metadata": { "key": "envoy.lb", "path": [] } }]);
    });
    broken("SY0723", Bad, "catalog, checkout-canary", |said| {
        said.manager("/route_config/virtual_hosts/0/routes").as_array_mut().unwrap().remove(0);
    });
    broken("SY0724", Bad, "cluster checkout lacks outlier.wasm", |said| {
        remove(said.at("/clusters/0"), "typed_extension_protocol_options")
    });
}

/// Moves outlier.wasm from the cluster into the router of the listener, as what is made for Istio and Envoy Gateway has it.
fn judged_by_the_router(said: &mut Said) {
    let options =
        "/clusters/0/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let filters = said.at(options)["http_filters"].take();
    remove(said.at(options), "http_filters");
    let router = said.manager("/http_filters").as_array_mut().unwrap().last_mut().unwrap();
    router["typed_config"]["upstream_http_filters"] = filters;
}

#[test]
fn a_router_judges_the_clusters_that_have_no_filters_of_their_own() {
    let mut said = Said::shipped();
    judged_by_the_router(&mut said);
    assert_eq!(said.wrong(), []);
    broken("SY0724", Verdict::Bad, "cluster checkout lacks outlier.wasm", |said| {
        judged_by_the_router(said);
        let codec = json!([{ "name": "envoy.filters.http.upstream_codec" }]);
        said.at("/clusters/0/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions")["http_filters"] = codec;
    });
    // In front of the router it sees no attempt.
    broken("SY0724", Verdict::Bad, "cluster checkout lacks outlier.wasm", |said| {
        judged_by_the_router(said);
        let filters = said.manager("/http_filters").as_array_mut().unwrap();
        let judge = filters.last_mut().unwrap()["typed_config"]["upstream_http_filters"].take();
        filters.insert(1, judge[0].clone());
    });
}

#[test]
fn metadata_is_heeded_where_the_header_is_carried_over() {
    let pool = |said: &mut Said, header: &str, namespace: &str| {
        let typed =
            "/load_balancing_policy/policies/0/typed_extension_config/typed_config/override_host_sources";
        *said.at(&format!("/clusters/1{typed}")) = json!([{ "metadata": { "key": "envoy.lb", "path": [] } }]);
        let present = json!({ "metadata_namespace": namespace, "key": "x-gateway-destination-endpoint" });
        let filter = json!({ "name": "x", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config",
            "request_rules": [{ "header": header, "on_header_present": present }],
        } });
        said.manager("/http_filters").as_array_mut().unwrap().insert(1, filter);
    };
    let mut said = Said::shipped();
    pool(&mut said, "x-gateway-destination-endpoint", "envoy.lb");
    assert_eq!(said.wrong(), []);
    broken("SY0722", Verdict::Bad, "metadata envoy.lb", |said| pool(said, "x-other", "envoy.lb"));
    broken("SY0722", Verdict::Bad, "metadata envoy.lb", |said| {
        pool(said, "x-gateway-destination-endpoint", "elsewhere")
    });
}

#[test]
fn what_envoy_refuses_beside_override_host_is_in_the_next_step() {
    let mut said = Said::shipped();
    remove(said.at("/clusters/1"), "load_balancing_policy");
    said.at("/clusters/1")["common_lb_config"] = json!({ "zone_aware_lb_config": {} });
    let checks = examine(&said.picture());
    let check = checks.iter().find(|check| check.verdict == Verdict::Bad).unwrap();
    assert!(check.next.contains("remove common_lb_config.zone_aware_lb_config first"), "{}", check.next);
}

#[test]
fn endpoints() {
    use Verdict::{Bad, Note, Warning};
    broken("SY0731", Bad, "lacks 172.30.0.99:8080", |said| {
        listing(said, &[ALL[0], ALL[1], ALL[2], "172.30.0.99:8080"])
    });
    broken("SY0732", Warning, "the document lacks 172.30.0.13:8080", |said| listing(said, &ALL[..2]));
    broken("SY0733", Bad, "Envoy has no cluster admin", |said| {
        said.at("/clusters").as_array_mut().unwrap().retain(|cluster| cluster["name"] != "admin");
    });
    broken("SY0734", Warning, "its list is 99 s old: status 7", |said| {
        said.stat(&ours("upstream=.=catalog;.;endpoint_list_age_seconds"), 99);
        said.stat(&ours("upstream=.=catalog;.;reason=.=status;.;endpoint_list_errors_total"), 7);
    });
    broken("SY0734", Bad, "its list was never read: status 7", |said| {
        said.stats.retain(|(name, _)| !name.contains("catalog;.;endpoint_list_age"));
        said.stat(&ours("upstream=.=catalog;.;reason=.=status;.;endpoint_list_errors_total"), 7);
    });
    broken("SY0734", Note, "was not asked for yet", |said| {
        said.stats.retain(|(name, _)| !name.contains("catalog;.;endpoint_list_age"));
    });
    let mut all = Said::shipped();
    listing(&mut all, &ALL);
    assert_eq!(all.wrong(), []);
}

#[test]
fn health() {
    use Verdict::{Bad, Note, Warning};
    broken("SY0741", Warning, "2 were loaded again", |said| {
        said.stat("wasm.switchyard.vm_reload_success", 2)
    });
    broken("SY0741", Bad, "1 could not", |said| said.stat("wasm.switchyard.vm_reload_failure", 1));
    broken("SY0742", Bad, "upstream catalog is in panic: 2 of 3", |said| {
        said.stat(&ours("upstream=.=catalog;.;ejections_active"), 2);
    });
    broken("SY0742", Note, "was in panic for 5 requests", |said| {
        said.stat(&ours("upstream=.=catalog;.;panics_total"), 5)
    });
    broken("SY0743", Warning, "10.0.0.1:80 is ejected (consecutive_5xx)", |said| {
        let endpoint = "upstream=.=checkout;.;endpoint=.=10.0.0.1:80;.;";
        said.stat(&ours(&format!("{endpoint}endpoint_state")), 1);
        said.stat(&ours(&format!("{endpoint}endpoint_ejected_reason")), 1);
    });
    broken("SY0744", Warning, "used up: route catalog", |said| {
        said.stat(&ours("route=.=catalog;.;retry_budget_balance"), 0)
    });
    broken("SY0744", Note, "9 retries", |said| {
        said.stat(&ours("route=.=catalog;.;reason=.=budget;.;retries_denied_total"), 9)
    });
    broken("SY0745", Warning, "switchyard_retry_watchdog_total: a request", |said| {
        said.stat(&ours("route=.=catalog;.;retry_watchdog_total"), 1)
    });
    broken("SY0745", Warning, "{reason=\"not_in_cluster\"}", |said| {
        said.stat(&ours("upstream=.=catalog;.;reason=.=not_in_cluster;.;fallbacks_total"), 1);
    });
}

#[test]
fn observability() {
    broken("SY0751", Verdict::Bad, "lack route", |said| {
        said.bootstrap["stats_config"]["stats_tags"].as_array_mut().unwrap().remove(0);
    });
    broken("SY0751", Verdict::Bad, "route, upstream, policy", |said| {
        remove(&mut said.bootstrap, "stats_config")
    });
}

#[test]
fn what_is_shown_is_the_same_each_time_and_has_a_next_step_for_each_cross() {
    let mut said = Said::shipped();
    remove(said.at("/clusters/1"), "load_balancing_policy");
    let picture = said.picture();
    let shown = |checks: &[Check]| {
        let mut text = Vec::new();
        show::text(&picture, checks, &mut text).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(text).unwrap()).to_string()
    };
    let text = shown(&examine(&picture));
    assert_eq!(text, shown(&examine(&picture)));
    let cross = "  ✗ cluster catalog has no override_host: Envoy's own policy decides where its requests go  SY0722\n    → give it the ";
    assert!(text.contains(cross), "{text}");
    assert!(text.ends_with("\nhttp://127.0.0.1:9901: 1 thing does not work, 0 warnings\n"), "{text}");
    let mut json = Vec::new();
    show::json(&picture, &examine(&picture), &mut json).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let bad = json["checks"].as_array().unwrap().iter().find(|check| check["verdict"] == "bad").unwrap();
    assert_eq!((&bad["code"], &bad["group"]), (&json!("SY0722"), &json!("Steering")));
}
