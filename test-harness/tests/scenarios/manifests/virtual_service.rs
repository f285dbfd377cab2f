//! What a VirtualService sets on the route to a steered cluster: rows of the table of docs/platforms.md.

use super::istio::{CART, CATALOGUE, apply};
use super::mesh::Mesh;
use super::shape::{bootstrap, istio_cluster, listener};
use super::{Outcome, example, trees};
use serde_json::{Value, json};
use std::path::Path;
use switchyard_cli::render::Platform;
use switchyard_test_harness::prelude::*;

/// An Envoy of Istio's shape with the shipped EnvoyFilter, whose route to cart is changed like this.
async fn start(mesh: &Mesh, folder: &Path, change: impl FnOnce(&mut Value)) -> anyhow::Result<Envoy> {
    let rendered = example(Platform::Istio, "istio", |_| {})?;
    let manifest = trees(&rendered, "envoyfilter.yaml")?.remove(0);
    let all = mesh.upstreams.addresses();
    let mut clusters = [istio_cluster(CART, &all[..3], false), istio_cluster(CATALOGUE, &all[3..], false)];
    let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
    let fault = json!({ "name": "envoy.filters.http.fault", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
    } });
    let mut listener = listener("http.8080", [CART, CATALOGUE], &[fault], &router);
    let hosts =
        &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"];
    change(&mut hosts[0]["routes"][1]);
    apply(&manifest, &mut listener, &mut clusters, folder)?;
    Envoy::start(bootstrap(listener, clusters)?).await
}

/// Every ejection of any endpoint of this upstream.
async fn ejections(envoy: &Envoy, upstream: &str) -> anyhow::Result<u64> {
    let label = format!("switchyard.upstream=.={upstream};");
    let stats = envoy.stats().await?;
    let ours = stats.iter().filter(|(name, _)| name.contains(&label) && name.ends_with(";ejections_total"));
    Ok(ours.map(|(_, count)| count).sum())
}

/// What Istio gives every route whose VirtualService says nothing of retries.
fn istios_retries() -> Value {
    json!({
        "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        "num_retries": 2,
        "retry_host_predicate": [{ "name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
        } }],
        "host_selection_retry_max_attempts": 5,
        "retriable_status_codes": [503],
    })
}

/// The filter does not send a POST twice that an endpoint has seen; Istio's default for 503 does. Without it (`attempts: 0`) the
/// document's word is the only one. A GET has as many attempts either way: numbers are not added up.
#[tokio::test(flavor = "multi_thread")]
async fn retries_of_a_virtual_service_are_added_to_what_the_document_says() -> Outcome {
    for (what, policy, attempts) in
        [("Istio's default", istios_retries(), 3), ("attempts: 0", Value::Null, 1)]
    {
        let (mesh, folder) = (Mesh::start(CART, CATALOGUE).await?, tempfile::TempDir::new()?);
        let envoy = start(&mesh, folder.path(), |route| {
            if !policy.is_null() {
                route["route"]["retry_policy"] = policy;
            }
        })
        .await?;
        let client = envoy.client("ingress").await?;
        envoy
            .until("a user to stay", async || {
                let ask = || client.get("/").header("x-user", "alice").send();
                Ok((ask().await?.upstream() == ask().await?.upstream()).then_some(()))
            })
            .await?;
        for one in &mesh.upstreams[..3] {
            one.behave(Behaviour::status(503)).await?;
        }
        for (request, attempts) in [(client.post("/", "once"), attempts), (client.get("/"), 3)] {
            mesh.upstreams.forget();
            assert_eq!(request.header("x-user", "alice").send().await?.status, 503, "{what}");
            assert_eq!(mesh.upstreams[..3].iter().map(Upstream::count).sum::<u64>(), attempts, "{what}");
        }
    }
    Ok(())
}

/// The mirror's endpoints fail as often as it would take to eject them, and are not; by requests of clients they are.
#[tokio::test(flavor = "multi_thread")]
async fn mirrored_requests_blame_no_endpoint() -> Outcome {
    let (mesh, folder) = (Mesh::start(CART, CATALOGUE).await?, tempfile::TempDir::new()?);
    let envoy = start(&mesh, folder.path(), |route| {
        route["route"]["request_mirror_policies"] = json!([{ "cluster": CATALOGUE }]);
    })
    .await?;
    let client = envoy.client("ingress").await?;
    for one in &mesh.upstreams[3..] {
        one.behave(Behaviour::status(503)).await?;
    }
    for _ in 0..30 {
        assert_eq!(client.get("/").send().await?.status, 200);
    }
    let mirrored =
        async || Ok((mesh.upstreams[3..].iter().map(Upstream::count).sum::<u64>() == 30).then_some(()));
    envoy.until("the mirror to have all of them", mirrored).await?;
    let ended = format!("cluster.{CATALOGUE}.upstream_rq_503");
    envoy.wait_for_stat(&ended, |count| count == 30).await?;
    assert_eq!(ejections(&envoy, "catalogue").await?, 0);
    let blamed = async || {
        client.get("/search").send().await?;
        Ok((ejections(&envoy, "catalogue").await? > 0).then_some(()))
    };
    envoy.until("requests of clients to blame one", blamed).await
}

/// A fault is Istio's own answer, given before the filter: nobody is asked, blamed, or tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_no_endpoints() -> Outcome {
    let (mesh, folder) = (Mesh::start(CART, CATALOGUE).await?, tempfile::TempDir::new()?);
    let envoy = start(&mesh, folder.path(), |route| {
        route["typed_per_filter_config"] = json!({ "envoy.filters.http.fault": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
            "abort": { "http_status": 503, "percentage": { "numerator": 100 } },
        } });
    })
    .await?;
    let client = envoy.client("ingress").await?;
    for _ in 0..10 {
        assert_eq!(client.get("/").send().await?.status, 503);
    }
    assert_eq!(client.get("/catalogue/1").send().await?.status, 200, "the filter is there");
    assert_eq!(mesh.upstreams[..3].iter().map(Upstream::count).sum::<u64>(), 0);
    assert_eq!(ejections(&envoy, "cart").await?, 0);
    let stats = envoy.stats().await?;
    assert_eq!(stats.iter().find(|(name, count)| name.ends_with(";attempts_total") && **count > 0), None);
    Ok(())
}
