//! What a request costs through switchyard.wasm and outlier.wasm, in crossings of the border between Envoy and the VMs.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Routes of the shipped document, and the most crossings. Coalescing across workers asks for the board's entry, makes it and takes
/// it off, who asks (twice), the time, and copies the answer's body: nine host calls of its own. Of all, two are outlier's question for
/// the cluster, since the document's upstreams share their endpoints.
const PATHS: [(&str, f64); 3] = [("/engine-of-router", 23.0), ("/catalog", 26.0), ("/search", 31.0)];

/// The shipped document, whose upstreams are these.
fn shipped(upstreams: &Upstreams) -> anyhow::Result<Value> {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../envoy-config/switchyard.yaml"))?;
    let mut document: Value = serde_saphyr::from_str(&text)?;
    for upstream in document["upstreams"].as_array_mut().into_iter().flatten() {
        upstream["endpoints"] = upstreams.addresses().iter().map(endpoint).collect();
    }
    Ok(document)
}

/// Crossings per request of this path, with these modules: of host calls, and all.
async fn price(upstreams: &Upstreams, modules: Modules, path: &str) -> anyhow::Result<(f64, f64)> {
    let addresses = upstreams.addresses();
    let clusters = ["checkout", "catalog", "checkout-canary"];
    let bootstrap = batched(upstreams, &shipped(upstreams)?).modules(modules);
    let bootstrap = clusters.into_iter().fold(bootstrap, |all, name| all.endpoints(name, &addresses));
    let crossings = Crossings::measure(bootstrap, "ingress", 100, async |client, number| {
        let request = client.get(&format!("{path}/{number}")).header("x-user", number.to_string());
        let answer = request.send().await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await?;
    println!("{modules:?} {path}: {crossings:#?}");
    let (host, vm) = (crossings.host_calls_per_request, crossings.vm_calls_per_request);
    Ok((host, host + vm))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_through_the_chain_crosses_the_border_about_half_as_often() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut seen = Vec::new();
    for path in PATHS.map(|(path, _)| path) {
        let chain = price(&upstreams, Modules::Chain, path).await?;
        let separate = price(&upstreams, Modules::Separate, path).await?;
        seen.push(json!({ "path": path, "chain": chain, "separate": separate }));
    }
    println!("host calls, and all crossings, of one request: {seen:#?}");
    for (of, (_, most)) in seen.iter().zip(PATHS) {
        let all = |modules: &str| of[modules][1].as_f64().unwrap_or(f64::MAX);
        assert!(all("chain") < all("separate"), "{of}");
        assert!(all("chain") <= most, "{of}");
    }
    Ok(())
}
