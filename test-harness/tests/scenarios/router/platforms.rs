//! Bootstraps of the shape that platforms give Envoy: names, discovery and plugins as Istio and Envoy Gateway have them.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use super::envoys_routes::{MESH, mesh_of, until_named};
use super::*;
use std::path::Path;

/// Clusters as Envoy Gateway names them, after the rules of routes.
const GATEWAY: [&str; 2] = ["httproute/default/cart/rule/0", "httproute/default/catalogue/rule/0"];

/// The same as Istio's bootstraps have it: the filter from ECDS, its document as a text, and every plugin under the empty `vm_id`.
fn as_istio_has_it(bootstrap: &Bootstrap, folder: &Path) -> anyhow::Result<Bootstrap> {
    let file = folder.join("ecds.json");
    reshaped(bootstrap, "", &MESH, |manager| {
        let filter = ours(manager)?;
        let resource = json!({
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "istio.switchyard",
            "typed_config": filter["typed_config"],
        });
        std::fs::write(&file, json!({ "resources": [resource] }).to_string())?;
        *filter = json!({
            "name": "istio.switchyard",
            "config_discovery": {
                "config_source": { "resource_api_version": "V3", "path_config_source": { "path": file } },
                "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
            },
        });
        Ok(())
    })
}

/// The same as Envoy Gateway's bootstraps have it: the filter is named after its policy, as its `vm_id` is, has its document as a text and no
/// stop flag, and is off but for the routes that the policy is for.
fn as_envoy_gateway_has_it(bootstrap: &Bootstrap) -> anyhow::Result<Bootstrap> {
    const POLICY: &str = "envoyextensionpolicy/default/switchyard/wasm/0";
    let name = format!("envoy.filters.http.wasm/{POLICY}");
    reshaped(bootstrap, POLICY, &GATEWAY, |manager| {
        let filter = ours(manager)?;
        filter["name"] = json!(name);
        filter["disabled"] = json!(true);
        let config = filter["typed_config"]["config"].as_object_mut();
        config.map(|config| config.remove("allow_on_headers_stop_iteration"));
        let routes =
            manager.pointer_mut("/route_config/virtual_hosts/0/routes").and_then(Value::as_array_mut);
        for route in routes.into_iter().flatten() {
            let on =
                json!({ "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {} });
            route["typed_per_filter_config"] = json!({ &name: on });
        }
        Ok(())
    })
}

/// The bootstrap with this `vm_id` everywhere, these clusters by EDS, and another connection manager at its listener.
fn reshaped(
    bootstrap: &Bootstrap,
    vm_id: &str,
    clusters: &[&str],
    reshape: impl FnOnce(&mut Value) -> anyhow::Result<()>,
) -> anyhow::Result<Bootstrap> {
    let mut ready = bootstrap.ready()?;
    with_vm_id(&mut ready, vm_id);
    let listeners = ready.pointer_mut("/static_resources/listeners").and_then(Value::as_array_mut);
    let ingress = listeners.into_iter().flatten().find(|listener| listener["name"] == "ingress");
    let ingress = ingress.ok_or_else(|| anyhow::anyhow!("no listener ingress"))?;
    reshape(&mut ingress["filter_chains"][0]["filters"][0]["typed_config"])?;
    let bootstrap = Bootstrap::from_yaml(&ready.to_string())?.admin_cluster("prometheus_stats");
    Ok(clusters.iter().fold(bootstrap, |bootstrap, cluster| bootstrap.live_endpoints(cluster)))
}

/// Our filter, in this connection manager.
fn ours(manager: &mut Value) -> anyhow::Result<&mut Value> {
    let filters = manager["http_filters"].as_array_mut();
    let ours = filters.and_then(|filters| filters.iter_mut().find(|filter| filter["name"] == "switchyard"));
    ours.ok_or_else(|| anyhow::anyhow!("the listener has no filter of ours"))
}

fn with_vm_id(value: &mut Value, vm_id: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| with_vm_id(item, vm_id)),
        Value::Object(map) => {
            if map.contains_key("vm_id") {
                map.insert("vm_id".to_owned(), json!(vm_id));
            }
            map.values_mut().for_each(|item| with_vm_id(item, vm_id));
        }
        _ => {}
    }
}

/// One section for all clusters whose name matches: balanced, tried again and ejected in.
fn section(pattern: &str) -> Value {
    json!({
        "name": "mesh",
        "cluster_pattern": pattern,
        "endpoints": { "envoy": { "admin_cluster": "prometheus_stats", "interval": "500ms" } },
        "balance": { "policy": "round_robin" },
        "retry": { "engine": "filter", "num_retries": 2, "retry_on": { "statuses": ["503"] } },
        "outlier": { "consecutive_5xx": 3, "base_ejection_time": "600s", "max_ejection_time": "600s", "max_ejection_percent": 50 },
    })
}

/// Clients see no error of the first endpoint, which fails and is ejected, in its own cluster alone.
async fn ejects(envoy: &Envoy, upstreams: &Upstreams, cluster: &str) -> Outcome {
    let all = upstreams.addresses();
    until_named(envoy, "/cart", &all[..3]).await?;
    until_named(envoy, "/catalogue", &all[3..]).await?;
    upstreams[0].behave(Behaviour::status(503)).await?;
    let client = envoy.client("ingress").await?;
    let ejections =
        format!("wasmcustom.switchyard.upstream=.={cluster};.;reason=.=consecutive_5xx;.;ejections_total");
    envoy
        .until("the endpoint that fails to be ejected", async || {
            assert_eq!(client.get("/cart").send().await?.status, 200);
            Ok((envoy.stat(&ejections).await? == 1).then_some(()))
        })
        .await?;
    until_named(envoy, "/cart", &all[1..3]).await?;
    until_named(envoy, "/catalogue", &all[3..]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_bootstrap_as_istio_has_it_one_section_serves_all_clusters_and_ejects_in_them() -> Outcome {
    let (upstreams, folder) = (Upstreams::start(5).await?, tempfile::TempDir::new()?);
    let (all, filters) = (upstreams.addresses(), ["router", "retry", "outlier"]);
    let bootstrap = mesh_of(&MESH, [&all[..3], &all[3..]], &section(r"outbound\|.*"), &filters);
    let bootstrap = bootstrap.modules(Modules::Chain).concurrency(2);
    let envoy = Envoy::start(as_istio_has_it(&bootstrap, folder.path())?).await?;
    ejects(&envoy, &upstreams, MESH[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_bootstrap_as_envoy_gateway_has_it_one_section_serves_all_clusters_and_ejects_in_them() -> Outcome
{
    let upstreams = Upstreams::start(5).await?;
    let (all, filters) = (upstreams.addresses(), ["router", "retry", "outlier"]);
    let bootstrap = mesh_of(&GATEWAY, [&all[..3], &all[3..]], &section("httproute/.*"), &filters);
    let bootstrap = bootstrap.modules(Modules::Chain).concurrency(2);
    let envoy = Envoy::start(as_envoy_gateway_has_it(&bootstrap)?).await?;
    ejects(&envoy, &upstreams, GATEWAY[0]).await
}
