//! Levels of priority and zones on a real Envoy: shares move to the next level as endpoints of the first are ejected, and requests stay
//! in the zone of the proxy's node as far as it can serve them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Gives every endpoint of the document this field.
fn with(document: &mut Value, field: &str, value: impl Fn(usize) -> Value) {
    let endpoints = document.pointer_mut("/upstreams/0/endpoints").and_then(Value::as_array_mut);
    for (index, endpoint) in endpoints.into_iter().flatten().enumerate() {
        if let Some(fields) = endpoint.as_object_mut() {
            fields.insert(field.to_owned(), value(index));
        }
    }
}

/// Fails until every router leaves this one out.
async fn eject(envoy: &Envoy, upstreams: &Upstreams, index: usize) -> Outcome {
    let one = upstreams.get(index).ok_or_else(|| anyhow::anyhow!("there is no upstream {index}"))?;
    one.behave(Behaviour::status(500)).await?;
    envoy
        .until("it to be ejected", async || {
            upstreams.forget();
            send(envoy, 200).await?;
            Ok((one.count() == 0).then_some(()))
        })
        .await
}

/// How many of so many requests went to the upstreams of which this holds, and to the others.
async fn parts(
    envoy: &Envoy,
    upstreams: &Upstreams,
    first: impl Fn(usize) -> bool,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let report = send(envoy, 3_000).await?;
    anyhow::ensure!(report.successes() == 3_000, "a request failed: {:?}", report.by_status);
    let mut parts = BTreeMap::from([("first".to_owned(), 0), ("others".to_owned(), 0)]);
    for (index, upstream) in upstreams.iter().enumerate() {
        let part = if first(index) { "first" } else { "others" };
        *parts.entry(part.to_owned()).or_default() +=
            report.by_upstream.get(upstream.name()).copied().unwrap_or_default();
    }
    Ok(parts)
}

fn assert_parts(parts: &BTreeMap<String, u64>, percent: f64) {
    if percent == 0.0 || percent == 100.0 {
        assert_eq!(parts["first"] as f64, 30.0 * percent, "{parts:?}");
        return;
    }
    let shares = BTreeMap::from([("first".to_owned(), percent), ("others".to_owned(), 100.0 - percent)]);
    assert_shares(parts, &shares);
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_move_to_the_next_level_as_endpoints_of_the_first_are_ejected() -> Outcome {
    let upstreams = Upstreams::start(8).await?;
    let outlier = json!({ "max_ejection_percent": 100 });
    let mut document = ejecting(&upstreams, &outlier);
    with(&mut document, "priority", |index| json!(index / 4));
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(2)).await?;
    let first = |index: usize| index < 4;
    assert_parts(&parts(&envoy, &upstreams, first).await?, 100.0);
    for (index, percent) in [(0, 100.0), (1, 70.0), (2, 35.0), (3, 0.0)] {
        eject(&envoy, &upstreams, index).await?;
        assert_parts(&parts(&envoy, &upstreams, first).await?, percent);
    }
    assert_eq!(envoy.stat("wasmcustom.switchyard.upstream=.=checkout;.;panics_total").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_stay_in_the_zone_of_the_node_as_far_as_it_can_serve_them() -> Outcome {
    let upstreams = Upstreams::start(6).await?;
    let mut document = ejecting(&upstreams, &json!({}));
    with(&mut document, "zone", |index| json!(if index % 2 == 0 { "zone-a" } else { "zone-b" }));
    document["upstreams"][0]["balance"]["zone_aware"] = json!({ "min_cluster_size": 2 });
    let located = steered(&upstreams, &document).concurrency(2).edit(|bootstrap| {
        let locality = json!({ "region": "somewhere", "zone": "zone-a" });
        bootstrap["node"] = json!({ "id": "harness", "cluster": "harness", "locality": locality });
    });
    let envoy = Envoy::start(located).await?;
    let own = |index: usize| index.is_multiple_of(2);
    assert_parts(&parts(&envoy, &upstreams, own).await?, 100.0);
    // Two of five can take 40 % of all, and half of all starts here.
    eject(&envoy, &upstreams, 0).await?;
    assert_parts(&parts(&envoy, &upstreams, own).await?, 80.0);
    Ok(())
}
