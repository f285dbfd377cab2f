//! ext_proc in the mode FULL_DUPLEX_STREAMED before and behind our filter, as an endpoint picker or a guard is on Istio: a row of the table of
//! docs/platforms.md.

use super::istio::{CART, CATALOGUE, apply};
use super::mesh::Mesh;
use super::shape::{bootstrap, istio_cluster, listener};
use super::{Outcome, example, trees};
use serde_json::json;
use std::path::Path;
use switchyard_cli::render::Platform;
use switchyard_test_harness::prelude::*;

/// An Envoy of Istio's shape with the shipped EnvoyFilter, and a processor before it or behind.
async fn start(mesh: &Mesh, folder: &Path, processor: &Processor, is_behind: bool) -> anyhow::Result<Envoy> {
    let rendered = example(Platform::Istio, "istio", |_| {})?;
    let manifest = trees(&rendered, "envoyfilter.yaml")?.remove(0);
    let all = mesh.upstreams.addresses();
    let mut clusters = [istio_cluster(CART, &all[..3], false), istio_cluster(CATALOGUE, &all[3..], false)];
    let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
    let before = if is_behind { Vec::new() } else { vec![Processor::filter()] };
    let mut listener = listener("http.8080", [CART, CATALOGUE], &before, &router);
    apply(&manifest, &mut listener, &mut clusters, folder)?;
    if is_behind {
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        let filters = manager["http_filters"].as_array_mut().expect("filters");
        filters.insert(filters.len() - 1, Processor::filter());
    }
    Envoy::start(bootstrap(listener, clusters)?.cluster(processor.cluster())).await
}

/// Bodies arrive whole, whatever our filter does with them: it lets them pass, copies them for retries, or holds the head until they are
/// there. Requests are coalesced and batched as ever.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_through_a_processor_before_and_behind_whole() -> Outcome {
    for is_behind in [false, true] {
        let (mesh, folder) = (Mesh::start(CART, CATALOGUE).await?, tempfile::TempDir::new()?);
        let processor = Processor::start().await?;
        let envoy = start(&mesh, folder.path(), &processor, is_behind).await?;
        let client = envoy.client("ingress").await?;
        for path in ["/", "/catalogue/1"] {
            for length in [0, 1, 60_000] {
                mesh.upstreams.forget();
                let (before, body) = (processor.seen(), "x".repeat(length));
                let answer = client.post(path, body.clone()).header("x-user", "alice").send().await?;
                assert_eq!(answer.status, 200, "{path} {length} behind: {is_behind}");
                let seen = mesh.upstreams.iter().flat_map(Upstream::requests).collect::<Vec<_>>();
                assert!(matches!(seen.as_slice(), [one] if one.body == body), "{path} {length}: {is_behind}");
                assert_eq!(processor.seen() - before, length as u64, "it went by the processor");
            }
        }
        mesh.coalesces(&envoy).await?;
        mesh.batches(&envoy).await?;
    }
    Ok(())
}
