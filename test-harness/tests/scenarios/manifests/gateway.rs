//! What Envoy Gateway makes of our policies, and traffic through it.

use super::mesh::Mesh;
use super::patch;
use super::shape::{bootstrap, gateway_cluster, listener};
use super::{Outcome, doctor, example, modules, trees};
use serde_json::{Value, json};
use switchyard_cli::render::Platform;
use switchyard_cli::render::site::Site;
use switchyard_test_harness::prelude::*;

const CART: &str = "httproute/shop/cart/rule/0";
const CATALOGUE: &str = "httproute/shop/catalogue/rule/0";

/// The filter that the gateway makes of an EnvoyExtensionPolicy: named after it, as its `vm_id` is; off, but for the routes that it is for.
fn filter(policy: &Value) -> Value {
    let (metadata, wasm) = (&policy["metadata"], &policy["spec"]["wasm"][0]);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let id =
        format!("envoyextensionpolicy/{}/{}/wasm/0", text(&metadata["namespace"]), text(&metadata["name"]));
    assert_eq!(wasm["code"]["type"], "Image");
    let config = json!({
        "name": wasm["name"],
        "root_id": wasm["rootID"],
        "vm_config": {
            "vm_id": id,
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": modules().join("switchyard.wasm") } },
        },
        "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": wasm["config"].to_string() },
    });
    let kind = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    json!({ "name": format!("envoy.filters.http.wasm/{id}"), "disabled": true, "typed_config": { "@type": kind, "config": config } })
}

/// The policy that the gateway makes of a BackendTrafficPolicy's `endpointOverride`.
fn balancing(policy: &Value) -> Value {
    let balancer = &policy["spec"]["loadBalancer"];
    assert_eq!(balancer["type"], "RoundRobin");
    let sources = balancer["endpointOverride"]["extractFrom"].clone();
    let round_robin = json!({ "name": "envoy.load_balancing_policies.round_robin", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
    } });
    json!({ "policies": [{ "typed_extension_config": {
        "name": "envoy.load_balancing_policies.override_host",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
            "override_host_sources": sources,
            "fallback_policy": { "policies": [{ "typed_extension_config": round_robin }] },
        },
    } }] })
}

/// Puts the manifests into a listener and its clusters.
fn apply(manifests: &[Value], listener: &mut Value, clusters: &mut [Value]) -> Outcome {
    let of = |kind: &str| manifests.iter().find(|one| one["kind"] == kind);
    let filter = filter(of("EnvoyExtensionPolicy").expect("the extension"));
    let on = json!({ "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {} });
    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
    for route in manager["route_config"]["virtual_hosts"][0]["routes"].as_array_mut().expect("routes") {
        route["typed_per_filter_config"] = json!({ filter["name"].as_str().expect("a name"): on });
    }
    manager["http_filters"].as_array_mut().expect("filters").insert(0, filter);
    let policy = balancing(of("BackendTrafficPolicy").expect("the policy"));
    clusters.iter_mut().for_each(|cluster| cluster["load_balancing_policy"] = policy.clone());
    let Some(patches) = of("EnvoyPatchPolicy") else { return Ok(()) };
    for one in patches["spec"]["jsonPatches"].as_array().expect("patches") {
        let (name, operation) = (one["name"].as_str().expect("a name"), &one["operation"]);
        match one["type"].as_str().and_then(|kind| kind.rsplit('.').next()).expect("a type") {
            "Listener" => {
                assert_eq!(name, "shop/eg/http");
                patch::apply(listener, operation)?;
            }
            "RouteConfiguration" => {
                assert_eq!(name, "shop/eg/http");
                let routes = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"];
                patch::apply(routes, operation)?;
            }
            "Cluster" => {
                let cluster = clusters.iter_mut().find(|cluster| cluster["name"] == name);
                patch::apply(cluster.expect("the cluster"), operation)?;
            }
            other => anyhow::bail!("{other} is not known here"),
        }
    }
    Ok(())
}

async fn start(mesh: &Mesh, http2: bool, change: impl FnOnce(&mut Site)) -> anyhow::Result<Envoy> {
    let rendered = example(Platform::EnvoyGateway, "envoy-gateway", change)?;
    let names = rendered.files.iter().map(|file| trees(&rendered, &file.name));
    let manifests = names.collect::<anyhow::Result<Vec<_>>>()?.concat();
    let all = mesh.upstreams.addresses();
    let mut clusters =
        [gateway_cluster(CART, &all[..3], http2), gateway_cluster(CATALOGUE, &all[3..], false)];
    let router = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router", "suppress_envoy_headers": true,
    });
    let mut listener = listener("shop/eg/http", [CART, CATALOGUE], &[], &router);
    apply(&manifests, &mut listener, &mut clusters)?;
    Envoy::start(bootstrap(listener, clusters)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_policies_carry_traffic_in_an_envoy_of_the_gateways_shape() -> Outcome {
    let mesh = Mesh::start(CART, CATALOGUE).await?;
    let envoy = start(&mesh, false, |_| {}).await?;
    doctor::finds_no_cross(&envoy).await?;
    mesh.carries(&envoy).await
}

/// What the gateway has in a cluster's HttpProtocolOptions stays where the site says nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_http2_stays_one() -> Outcome {
    let mesh = Mesh::start(CART, CATALOGUE).await?;
    let envoy = start(&mesh, true, |_| {}).await?;
    mesh.carries(&envoy).await?;
    let connections =
        async |version: &str| envoy.stat(&format!("cluster.{CART}.upstream_cx_{version}_total")).await;
    assert!(connections("http2").await? > 0);
    assert_eq!(connections("http1").await?, 0);
    Ok(())
}
