//! What Istio makes of a WasmPlugin and of a TrafficExtension, and traffic through it: the filter by itself, without a `vm_id` and without
//! the stop flag, in front of clusters that something else has given the policy override_host.

use super::istio::{CART, CATALOGUE};
use super::shape::{bootstrap, istio_cluster, listener};
use super::{Outcome, modules, shipped, trees};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use switchyard_cli::render::{Platform, read_site, render};
use switchyard_cli::source::File;
use switchyard_test_harness::prelude::*;

/// The filter as Istio's `pilot/pkg/model/extensions` has it: the document as a text, the image as the agent leaves it.
fn filter(manifest: &Value) -> Value {
    let spec = &manifest["spec"];
    let wasm = if manifest["kind"] == "WasmPlugin" { spec } else { &spec["wasm"] };
    assert!(wasm["url"].as_str().expect("an image").starts_with("oci://"));
    let name = |field: &str| manifest["metadata"][field].as_str().expect("a name");
    let name = format!("extensions.istio.io/wasmplugin/{}.{}", name("namespace"), name("name"));
    json!({ "name": name, "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": name,
            "root_id": wasm["pluginName"],
            "failure_policy": wasm["failStrategy"],
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": wasm["pluginConfig"].to_string(),
            },
            "vm_config": {
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": modules().join("switchyard.wasm") } },
            },
        },
    } })
}

/// A cluster of Istio's that somebody has given the policy.
fn steered(name: &str, endpoints: &[std::net::SocketAddr]) -> Value {
    let mut cluster = istio_cluster(name, endpoints, false);
    let round_robin = json!({ "name": "envoy.load_balancing_policies.round_robin", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
    } });
    cluster["load_balancing_policy"] = json!({ "policies": [{ "typed_extension_config": {
        "name": "envoy.load_balancing_policies.override_host",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
            "override_host_sources": [{ "header": "x-gateway-destination-endpoint" }],
            "fallback_policy": { "policies": [{ "typed_extension_config": round_robin }] },
        },
    } }] });
    cluster
}

/// An Envoy with the shipped example in this folder.
async fn start(upstreams: &Upstreams, folder: &str, file: &str) -> anyhow::Result<Envoy> {
    let site = read_site(&shipped(&format!("istio/{folder}/site.yaml")))?;
    let document = File::read(&shipped("istio/balanced.yaml"))?;
    let rendered = render(Platform::Istio, &document, &site)?;
    let manifest = trees(&rendered, file)?.remove(0);
    let all = upstreams.addresses();
    let clusters = [steered(CART, &all[..3]), steered(CATALOGUE, &all[3..])];
    let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
    let listener = listener("http.8080", [CART, CATALOGUE], &[filter(&manifest)], &router);
    Envoy::start(bootstrap(listener, clusters)?).await
}

/// Users stay with their endpoints, over both workers, and ten who ask for the same at the same time get one answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_wasm_plugin_and_a_traffic_extension_balance_and_coalesce() -> Outcome {
    for (folder, file) in [("wasm-plugin", "wasmplugin.yaml"), ("traffic-extension", "trafficextension.yaml")]
    {
        let upstreams = Upstreams::start(6).await?;
        let envoy = start(&upstreams, folder, file).await?;
        let client = envoy.client("ingress").await?;
        envoy
            .until("users to stay", async || {
                let mut homes = BTreeSet::new();
                for user in 0..20 {
                    let ask = || client.get("/").header("x-user", format!("user-{user}")).send();
                    let (one, two) = (ask().await?, ask().await?);
                    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200), "{folder}");
                    if one.upstream() != two.upstream() {
                        return Ok(None);
                    }
                    homes.insert(one.upstream().to_owned());
                }
                Ok((homes.len() > 1).then_some(()))
            })
            .await?;
        coalesces(&upstreams, &envoy).await?;
    }
    Ok(())
}

async fn coalesces(upstreams: &Upstreams, envoy: &Envoy) -> Outcome {
    let client = envoy.client("ingress").await?;
    upstreams.forget();
    let waiting = async || -> anyhow::Result<u64> {
        let stats = envoy.stats().await?;
        Ok(stats
            .iter()
            .filter(|(name, _)| name.ends_with("coalesce_followers_total"))
            .map(|(_, count)| count)
            .sum())
    };
    for one in upstreams.iter() {
        one.behave(Behaviour::held(Behaviour::default())).await?;
    }
    let before = waiting().await?;
    let asked = together(10, |_| client.get("/catalogue/search?q=tea"));
    envoy.until("nine to follow", async || Ok((waiting().await? == before + 9).then_some(()))).await?;
    for one in upstreams.iter() {
        one.behave(Behaviour::default()).await?;
        one.release();
    }
    let answered = answers(envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.status == 200));
    assert_eq!(upstreams.iter().map(Upstream::count).sum::<u64>(), 1);
    Ok(())
}
