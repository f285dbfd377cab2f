//! Clusters of Istio's InferencePools, which go to the endpoint that metadata names, not the header.

use super::istio::{CART, CATALOGUE, apply};
use super::mesh::Mesh;
use super::shape::{bootstrap, istio_cluster, listener};
use super::{Outcome, doctor, example, trees};
use serde_json::{Value, json};
use switchyard_cli::render::Platform;
use switchyard_cli::render::site::Cluster;
use switchyard_test_harness::prelude::*;

/// The cluster as Istio makes it for a pool.
fn of_pool(mut cluster: Value) -> Value {
    let round_robin = json!({ "name": "envoy.load_balancing_policies.round_robin", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
    } });
    let source =
        json!({ "metadata": { "key": "envoy.lb", "path": [{ "key": "x-gateway-destination-endpoint" }] } });
    cluster["load_balancing_policy"] = json!({ "policies": [{ "typed_extension_config": {
        "name": "envoy.load_balancing_policies.override_host",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
            "override_host_sources": [source],
            "fallback_policy": { "policies": [{ "typed_extension_config": round_robin }] },
        },
    } }] });
    cluster
}

/// A user stays with an endpoint, and where that fails Envoy's retries walk the list that the filter has named until it is ejected.
/// Requests are coalesced and batched as ever, though a batch, a call of the filter's own, goes where Istio's policy sends it.
#[tokio::test(flavor = "multi_thread")]
async fn an_inference_pool_is_steered_by_metadata() -> Outcome {
    let (mesh, folder) = (Mesh::start(CART, CATALOGUE).await?, tempfile::TempDir::new()?);
    let upstreams = &mesh.upstreams;
    let rendered = example(Platform::Istio, "istio", |site| {
        let pool = |name: &str| Cluster {
            name: name.to_owned(),
            endpoints: Vec::new(),
            dns: None,
            protocol: None,
            inference_pool: true,
        };
        site.clusters = [CART, CATALOGUE].map(pool).to_vec();
    })?;
    assert!(rendered.warnings.iter().any(|warning| warning.contains("InferencePool")));
    let manifest = trees(&rendered, "envoyfilter.yaml")?.remove(0);
    let all = upstreams.addresses();
    let mut clusters =
        [of_pool(istio_cluster(CART, &all[..3], false)), of_pool(istio_cluster(CATALOGUE, &all[3..], false))];
    let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
    let mut listener = listener("http.8080", [CART, CATALOGUE], &[], &router);
    apply(&manifest, &mut listener, &mut clusters, folder.path())?;
    let envoy = Envoy::start(bootstrap(listener, clusters)?).await?;
    doctor::finds_no_cross(&envoy).await?;
    let client = envoy.client("ingress").await?;
    let homes = async || -> anyhow::Result<Vec<String>> {
        let mut homes = Vec::new();
        for user in 0..20 {
            let answer = client.get("/").header("x-user", format!("user-{user}")).send().await?;
            assert_eq!(answer.status, 200);
            homes.push(answer.upstream().to_owned());
        }
        Ok(homes)
    };
    let before = envoy
        .until("users to stay", async || {
            let (one, two) = (homes().await?, homes().await?);
            Ok((one == two && one.iter().any(|home| *home != one[0])).then_some(one))
        })
        .await?;
    let seen = upstreams.iter().flat_map(Upstream::requests);
    assert!(seen.into_iter().all(|one| one.header("x-gateway-destination-endpoint").is_none()));
    upstreams[0].behave(Behaviour::status(503)).await?;
    let after = homes().await?;
    let dead = upstreams[0].name();
    assert!(before.iter().any(|home| home == dead));
    for (before, after) in before.iter().zip(&after) {
        assert!(after != dead && (before == dead || before == after), "{before} {after}");
    }
    // Those retries have it ejected; then it is not asked at all.
    envoy
        .until("the endpoint that fails to be ejected", async || {
            upstreams.forget();
            homes().await?;
            Ok((upstreams[0].count() == 0).then_some(()))
        })
        .await?;
    mesh.coalesces(&envoy).await?;
    mesh.batches(&envoy).await
}
