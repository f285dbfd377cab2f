//! What people and programs are shown of a small picture.

use super::*;
use crate::admin::Picture;
use serde_json::{Value, json};

fn plugin(name: &str, vm_id: &str, configuration: &Value) -> Value {
    json!({
        "name": name, "root_id": name, "configuration": configuration, "failure_policy": "FAIL_RELOAD",
        "vm_config": { "vm_id": vm_id, "code": { "remote": { "http_uri": { "uri": "oci://r/x.wasm" }, "sha256": "0123456789abcdef" } } },
    })
}

fn ours(name: &str, value: u64) -> Value {
    json!({ "name": format!("wasmcustom.switchyard.{name}"), "value": value })
}

/// Six clusters with outlier.wasm, one listener with the chain; one endpoint of two is ejected.
fn picture() -> Picture {
    let document = json!({
        "upstreams": [{ "name": "web", "endpoints": [{ "address": "10.0.0.1:80" }, { "address": "10.0.0.2:80" }] }],
        "routes": [{ "name": "all", "match": {}, "upstream": "web" }],
    });
    let configuration = json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": document });
    let judge = plugin("switchyard-outlier", "v", &Value::Null);
    let clusters: Vec<_> = (0..6)
        .map(|number| json!({ "cluster": { "name": format!("c{number}"), "filter": judge } }))
        .collect();
    let chain = plugin("switchyard", "v", &configuration);
    let dump = json!({ "configs": [
        { "@type": "x.ListenersConfigDump", "static_listeners": [{ "listener": { "name": "ingress", "filter": chain } }] },
        { "@type": "x.ClustersConfigDump", "static_clusters": clusters },
    ] });
    let endpoint = "upstream=.=web;.;endpoint=.=10.0.0.2:80;.;";
    let stats = json!({ "stats": [
        ours("filter=.=switchyard;.;version=.=0.1.0;.;build_info", 1),
        ours("route=.=all;.;upstream=.=web;.;policy=.=round_robin;.;decisions_total", 7),
        ours("route=.=all;.;retry_budget_balance", 9),
        ours("upstream=.=web;.;ejections_active", 1),
        ours(&format!("{endpoint}endpoint_state"), 1),
        ours(&format!("{endpoint}endpoint_ejected_reason"), 7),
        { "name": "listener_manager.lds.update_rejected", "value": 2 },
        { "name": "cluster_manager.cds.update_rejected", "value": 0 },
    ] });
    let server = json!({ "version": "c/1.39.3/Clean/RELEASE/BoringSSL", "state": "LIVE", "uptime_current_epoch": "8s",
        "command_line_options": { "concurrency": 4 } });
    Picture::of(&"envoy:9901".parse().unwrap(), &server, &dump, &json!({}), &stats).unwrap()
}

#[test]
fn people_see_everything_once() {
    let summary = summarize(&picture());
    let hash = summary.plugins[0].document.clone().unwrap();
    let mut text = Vec::new();
    show::text(&summary, &mut text).unwrap();
    let text = anstream::adapter::strip_str(&String::from_utf8(text).unwrap()).to_string();
    let expected = format!(
        "\
Envoy 1.39.3 at http://envoy:9901, LIVE for 8s, 4 workers

Plugins 0.1.0
  plugin              root                vm_id  after a trap  given bodies  document         module
  switchyard          switchyard          v      FAIL_RELOAD   no            {hash}     oci://r/x.wasm sha256 0123456789ab…
  switchyard-outlier  switchyard-outlier  v      FAIL_RELOAD   no            none of its own  oci://r/x.wasm sha256 0123456789ab…
  switchyard in listener ingress
  switchyard-outlier in cluster c0, cluster c1, cluster c2, cluster c3 and 2 more
  All that have a document have the same.

Upstreams
  upstream  cluster  endpoints  listed by     ejected  decisions  in panic
  web       web      2          the document  1        7          0
  web: 10.0.0.2:80 is ejected, stall

Counters since Envoy's start
  decisions  7

Retries that are left
  route all  9

Refused by Envoy
  listener_manager.lds.update_rejected  2
"
    );
    assert_eq!(text, expected);
}

#[test]
fn programs_see_the_same() {
    let summary = serde_json::to_value(summarize(&picture())).unwrap();
    assert_eq!(summary["upstreams"][0]["out"], json!({ "10.0.0.2:80": "ejected, stall" }));
    assert_eq!(summary["plugins"][1]["places"].as_array().unwrap().len(), 6);
    assert_eq!((&summary["one_document"], &summary["versions"]), (&json!(true), &json!(["0.1.0"])));
    assert_eq!(summary["envoy"]["uptime_seconds"], 8);
}
