//! What the operator takes out by hand gets nothing on a real Envoy, whatever becomes of the others; and who is told when nobody is left,
//! or when the document and Envoy's cluster do not agree.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

use super::keys;

type Outcome = anyhow::Result<()>;

fn fallbacks(reason: &str) -> String {
    format!("wasmcustom.switchyard.upstream=.=checkout;.;reason=.={reason};.;fallbacks_total")
}

/// The document with these endpoints taken out.
fn without(document: &Value, by_hand: &[usize]) -> Value {
    let mut document = document.clone();
    for index in by_hand {
        let endpoint = document.pointer_mut(&format!("/upstreams/0/endpoints/{index}"));
        if let Some(endpoint) = endpoint.and_then(Value::as_object_mut) {
            endpoint.insert("health".to_owned(), json!("ejected"));
        }
    }
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn by_hand_is_by_hand_until_nobody_is_left_and_then_traffic_fails_fast() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let mut document = balanced(&upstreams, &ring_hash());
    document["upstreams"][0]["balance"]["fail_traffic_on_panic"] = json!(true);
    let envoy = Envoy::start(steered(&upstreams, &without(&document, &[0])).live_listeners()).await?;
    let report = keys(&envoy).await?;
    assert_eq!((report.successes(), report.by_upstream.len(), upstreams[0].count()), (1_000, 3, 0));

    let change = async |by_hand: &[usize]| {
        let listener = steered(&upstreams, &without(&document, by_hand)).listener_named("ingress")?;
        assert_eq!(envoy.update_listener(&listener).await?, Ok(()));
        anyhow::Ok(())
    };
    // One of one is in rotation: no panic.
    change(&[0, 1, 2]).await?;
    envoy
        .until("the one that is left to serve all", async || {
            let report = keys(&envoy).await?;
            assert_eq!(report.successes(), 1_000);
            Ok((report.by_upstream.len() == 1).then_some(()))
        })
        .await?;
    assert_eq!(upstreams[0].count(), 0);
    assert_eq!(envoy.stat("wasmcustom.switchyard.upstream=.=checkout;.;panics_total").await?, 0);

    change(&[0, 1, 2, 3]).await?;
    envoy
        .until("traffic to fail", async || {
            let report = keys(&envoy).await?;
            Ok((report.by_status.get(&503) == Some(&1_000)).then_some(()))
        })
        .await?;
    upstreams.forget();
    let answer = envoy.client("ingress").await?.get("/").header("x-user", "a").send().await?;
    assert_eq!((answer.status.as_u16(), &*answer.body), (503, &b"no healthy upstream"[..]));
    assert_eq!(upstreams.counts().values().sum::<u64>(), 0);
    envoy.wait_for_stat(&fallbacks("fail_traffic_on_panic"), |count| count > 1_000).await?;

    change(&[]).await?;
    envoy
        .until("traffic to go on", async || Ok((keys(&envoy).await?.by_upstream.len() == 4).then_some(())))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_retry_goes_to_whom_the_operator_took_out() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(3).await?;
        let policy = json!({ "engine": engine, "num_retries": 6, "retry_on": { "statuses": ["503"] } });
        let mut document = without(&retrying(&upstreams, &policy), &[0]);
        document["upstreams"][0]["balance"]["candidates"] = json!(2);
        let envoy = Envoy::start(retried(&upstreams, &document)).await?;
        for upstream in &upstreams[1..] {
            upstream.behave(Behaviour::status(503)).await?;
        }
        let client = envoy.client("ingress").await?;
        for _ in 0..10 {
            assert_eq!(client.get("/").send().await?.status, 503, "{engine}");
        }
        assert_eq!(upstreams[0].count(), 0, "{engine}");
        let attempts: u64 = upstreams.counts().values().sum();
        assert!(attempts >= 50, "{engine}: more than were named apart: {attempts}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_the_cluster_lacks_is_counted_though_others_are_named_behind_it() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = balanced(&upstreams, &json!({ "policy": "round_robin" }));
    let elsewhere = json!({ "address": "127.9.9.9:9" });
    document["upstreams"][0]["endpoints"].as_array_mut().expect("a list").push(elsewhere);
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
    let report = Load::against(envoy.listener_address("ingress").await?).requests(400).run().await?;
    assert_eq!(report.successes(), 400, "the second candidate serves");
    envoy.wait_for_stat(&fallbacks("not_in_cluster"), |count| count == 100).await?;
    let said = "Envoy's cluster checkout has no endpoint 127.9.9.9:9";
    envoy.wait_for_log(said).await?;
    assert_eq!(envoy.log().matches(said).count(), 1);
    // A retry that goes to the second candidate says nothing of the first.
    upstreams[0].behave(Behaviour::status(503)).await?;
    Load::against(envoy.listener_address("ingress").await?).requests(400).run().await?;
    envoy.wait_for_stat(&fallbacks("not_in_cluster"), |count| count == 200).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_outliers_document_lacks_is_counted_and_said_once() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let endpoints: Vec<_> = upstreams.addresses().iter().take(2).map(endpoint).collect();
    let mut document = routed(&json!([{
        "name": "checkout", "endpoints": endpoints, "balance": { "policy": "round_robin" }, "outlier": {},
    }]));
    // What no route matches and names a cluster itself goes to whom Envoy chooses.
    document["routes"][0]["match"] = json!({ "path_prefix": "/api" });
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
    let load = Load::against(envoy.listener_address("ingress").await?);
    assert_eq!(load.requests(30).path("/api").run().await?.successes(), 30);
    let load = Load::against(envoy.listener_address("ingress").await?);
    let load = load.requests(90).path("/other").header("x-switchyard-cluster", "nobody");
    assert_eq!(load.run().await?.successes(), 90);
    let strangers = upstreams[2].count();
    assert!(strangers > 0);
    let counted = "wasmcustom.switchyard.upstream=.=checkout;.;reason=.=not_in_document;.;unjudged_total";
    envoy.wait_for_stat(counted, |count| count == strangers).await?;
    let said = format!("cluster checkout has the endpoint {}", upstreams[2].address());
    assert_eq!(envoy.log().matches(&said).count(), 1);
    Ok(())
}
