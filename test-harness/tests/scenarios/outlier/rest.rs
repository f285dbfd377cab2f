//! Many clusters and little traffic: one root for all clusters, no tick while nothing happens, and nothing missed for it.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use anyhow::Context as _;
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const CLUSTERS: usize = 12;

/// The shipped cluster under so many names, each with an upstream of the document that has these endpoints.
fn many(upstreams: &Upstreams, outlier: &Value) -> Bootstrap {
    let one = ejecting(upstreams, outlier)["upstreams"][0].clone();
    let all = (0..CLUSTERS).map(|number| {
        let mut upstream = one.clone();
        (upstream["name"], upstream["cluster"]) = (json!(name(number)), json!(name(number)));
        upstream
    });
    let document = json!({
        "upstreams": all.collect::<Vec<_>>(),
        "routes": (0..CLUSTERS).map(|number| json!({ "match": { "path": path(number) }, "upstream": name(number) }))
            .collect::<Vec<_>>(),
    });
    let copies = |bootstrap: &mut Value| {
        let clusters = bootstrap.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
        let clusters = clusters.into_iter().flatten().next().map(|shipped| shipped.clone());
        let copies: Vec<Value> = (0..CLUSTERS)
            .filter_map(|number| {
                let mut copy = clusters.clone()?;
                copy["name"] = json!(name(number));
                Some(copy)
            })
            .collect();
        if let Some(all) = bootstrap.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut) {
            all.extend(copies);
        }
    };
    steered(upstreams, &document).edit(copies)
}

fn name(number: usize) -> String {
    format!("cluster-{number}")
}

fn path(number: usize) -> String {
    format!("/{number}")
}

/// Ticks in the log, after so many bytes of it.
fn ticks(envoy: &Envoy, from: usize) -> usize {
    envoy.log().get(from..).unwrap_or_default().matches("[host->vm] proxy_on_tick(").count()
}

/// How often the admin interface answers while nobody may tick: each time takes Envoy some milliseconds, so that a timer of 20 ms, or of a
/// bucket (200 ms), would be seen.
const ANSWERS: usize = 200;

/// Waits until no filter has ticked while so many answers came.
async fn until_at_rest(envoy: &Envoy) -> Outcome {
    envoy
        .until("all filters to rest", async || {
            let from = envoy.log().len();
            for _ in 0..ANSWERS {
                envoy.stats().await?;
            }
            Ok((ticks(envoy, from) == 0).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ticks_before_the_first_request_nor_once_all_is_told() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let bootstrap = many(&upstreams, &json!({ "stall": {}, "latency": {} }));
    let envoy = Envoy::start(bootstrap.concurrency(2).component_log_level("wasm:trace")).await?;
    for _ in 0..ANSWERS {
        envoy.stats().await?;
    }
    assert_eq!(ticks(&envoy, 0), 0, "no request has come");

    let client = envoy.client("ingress").await?;
    for number in 0..CLUSTERS {
        assert_eq!(client.get(&path(number)).send().await?.status, 200);
    }
    envoy
        .until("what was counted to be told", async || {
            let stats = envoy.stats().await?;
            let told = |key: &String| key.ends_with(";.;decisions_total") && key.contains("cluster-11");
            Ok(stats.keys().any(told).then_some(()))
        })
        .await?;
    // What Envoy logs is read a moment later.
    envoy.until("ticks in the log", async || Ok((ticks(&envoy, 0) > 0).then_some(()))).await?;
    until_at_rest(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_root_judges_for_all_clusters() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = Envoy::start(many(&upstreams, &json!({})).concurrency(2)).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    let client = envoy.client("ingress").await?;
    for number in 0..CLUSTERS {
        envoy
            .until("an ejection in this cluster", async || {
                client.get(&path(number)).send().await?;
                let ejected = format!("of {} for", name(number));
                Ok(envoy.log().contains(&ejected).then_some(()))
            })
            .await?;
    }
    // A root each for the main thread, the canary, and two workers; however many clusters there are.
    let configured = "wasmcustom.switchyard.filter=.=outlier;.;result=.=accepted;.;configurations_total";
    let roots = envoy.wait_for_stat(configured, |count| count > 0).await?;
    assert!(roots <= 4, "{roots} roots for {CLUSTERS} clusters");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ejection_ends_in_time_though_nothing_comes() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let times = json!({ "base_ejection_time": "3s", "max_ejection_time": "3s", "readmission": { "policy": "after_time" } });
    let envoy = Envoy::start(many(&upstreams, &times).concurrency(2)).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    let client = envoy.client("ingress").await?;
    envoy
        .until("the ejection", async || {
            client.get(&path(0)).send().await?;
            Ok(envoy.log().contains("outlier: ejected ").then_some(()))
        })
        .await?;
    // Nothing comes from here on.
    envoy.wait_for_log("outlier: readmitted ").await?;
    let log = envoy.log();
    let [out, back] = ["outlier: ejected ", "outlier: readmitted "].map(|what| at(&log, what));
    let lasted = back? - out?;
    // It began with the tick before the attempt, and ends within 100 ms and a tick; the rest is for a machine that others use.
    assert!((2_900.0..3_900.0).contains(&lasted), "{lasted} ms");
    Ok(())
}

/// When the first line of the log that has this was written, in milliseconds of its day.
fn at(log: &str, what: &str) -> anyhow::Result<f64> {
    let line = log.lines().find(|line| line.contains(what)).context("no such line")?;
    // [2026-01-01 00:00:00.123][…
    let clock = line.get(12..24).context("a line without a time")?;
    let parts: Vec<f64> = clock.split(':').filter_map(|part| part.parse().ok()).collect();
    match parts.as_slice() {
        [hours, minutes, seconds] => Ok(((hours * 60.0 + minutes) * 60.0 + seconds) * 1_000.0),
        _ => anyhow::bail!("{clock:?} is no time"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_document_of_the_listener_is_followed_and_a_refused_one_is_not() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let bootstrap = |outlier: &Value| steered(&upstreams, &ejecting(&upstreams, outlier)).concurrency(2);
    let envoy = Envoy::start(bootstrap(&json!({})).live_listeners()).await?;
    assert_eq!(send(&envoy, 100).await?.successes(), 100);
    let wrong = bootstrap(&json!({ "consecutive_5xx": "five" })).listener_named("ingress")?;
    assert!(envoy.update_listener(&wrong).await?.is_err(), "the update is refused");
    let next = bootstrap(&json!({ "consecutive_5xx": 5 })).listener_named("ingress")?;
    assert_eq!(envoy.update_listener(&next).await?, Ok(()));
    assert_eq!(send(&envoy, 100).await?.successes(), 100);
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    envoy
        .until("a verdict of the new document", async || {
            send(&envoy, 50).await?;
            Ok(envoy.log().contains("5 consecutive 5xx, 1st time").then_some(()))
        })
        .await?;
    until_ejected(&envoy, &upstreams, 200).await
}
