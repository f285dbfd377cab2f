//! What is tried again, and what it does not, on a real Envoy. The rules are those of both engines.

mod answers;
mod asked;
mod bodies;
mod budget;
mod configuration;
mod deadlines;
mod endings;
mod fallback;
mod grpc;
mod hedge;
mod memory;
mod streams;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// The policy with this engine.
fn with(engine: &str, policy: &Value) -> Value {
    let mut with = policy.clone();
    if let Some(fields) = with.as_object_mut() {
        fields.insert("engine".to_owned(), json!(engine));
    }
    with
}

/// Nothing that waited was ended by the watchdog.
async fn nothing_was_overdue(envoy: &Envoy) -> Outcome {
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_four_endpoints_that_fails_always_costs_nobody_an_error() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    for (engine, reason) in [("filter", "status"), ("router", "envoy")] {
        let policy = with(engine, &json!({ "retry_on": { "statuses": ["500-599"] } }));
        let envoy = start_retrying(&upstreams, &policy).await?;
        upstreams.forget();
        let report = send(&envoy, 400).await?;
        assert_eq!(report.successes(), 400, "{engine}: {:?}", report.by_status);
        let failed = bad(&upstreams)?.count();
        assert!((90..=110).contains(&failed), "{engine}: a quarter of the first attempts: {failed}");
        assert_eq!(upstreams.counts().values().sum::<u64>(), 400 + failed, "{engine}: one retry for each");
        let retries = retry_stat("retries_total", &[("reason", reason)]);
        assert_eq!(envoy.wait_for_stat(&retries, |count| count >= failed).await?, failed, "{engine}");
        envoy.wait_for_stat(&retry_stat("attempts_total", &[]), |count| count == 400 + failed).await?;
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_fail_now_and_then_cost_hardly_anybody_an_error() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::FailShare { percent: 10, status: 503 }).await?;
    }
    for engine in ["filter", "router"] {
        let envoy = start_retrying(&upstreams, &with(engine, &json!({}))).await?;
        let report = send(&envoy, 1_000).await?;
        // Three attempts, of which each fails one time in ten: one request in a thousand.
        assert!(report.successes() >= 990, "{engine}: {:?}", report.by_status);
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_failures_and_resets_are_tried_again_elsewhere() -> Outcome {
    for fault in [Behaviour::Refuse, Behaviour::Reset] {
        for engine in ["filter", "router"] {
            let upstreams = Upstreams::start(4).await?;
            // The reserve alone is enough: eight consecutive retries may fail at random.
            let budget = json!({ "budget": { "ratio": 1, "min_per_second": 1000 } });
            let envoy = start_retrying(&upstreams, &with(engine, &budget)).await?;
            // Two of four, so that retries meet them, too.
            upstreams[0].behave(fault.clone()).await?;
            upstreams[1].behave(fault.clone()).await?;
            let report = send(&envoy, 200).await?;
            assert_eq!(report.successes(), 200, "{engine} {fault:?}: {:?}", report.by_status);
            nothing_was_overdue(&envoy).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_stream_is_tried_again_even_for_a_post() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(3).await?;
        let document = retrying(&upstreams, &with(engine, &json!({ "retry_on": { "reset": false } })));
        let envoy = Envoy::start(retried(&upstreams, &document).edit(http2)).await?;
        upstreams[0].behave(Behaviour::RefuseStream).await?;
        upstreams[1].behave(Behaviour::RefuseStream).await?;
        let client = envoy.client("ingress").await?;
        for _ in 0..6 {
            let answer = client.post("/", "not looked at").send().await?;
            assert_eq!((answer.status.as_u16(), answer.upstream()), (200, "upstream-3"), "{engine}");
        }
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_tried_again_only_where_that_does_no_harm() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(4).await?;
        let policy = with(engine, &json!({ "retry_on": { "statuses": ["500-599"] } }));
        let envoy = start_retrying(&upstreams, &policy).await?;
        let client = envoy.client("ingress").await?;
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::status(503)).await?;
        }
        assert_eq!(client.post("/", "once").send().await?.status, 503);
        assert_eq!(upstreams.counts().values().sum::<u64>(), 1, "{engine}: it was seen once");
        if engine == "filter" {
            let denied = retry_stat("retries_denied_total", &[("reason", "not_idempotent")]);
            envoy.wait_for_stat(&denied, |count| count == 1).await?;
        }
        upstreams.forget();
        assert_eq!(client.post("/", "again").header("idempotency-key", "7").send().await?.status, 503);
        assert_eq!(upstreams.counts().values().sum::<u64>(), 3, "{engine}: the key makes it safe");
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::default()).await?;
        }
        // Nobody has seen these: two endpoints are not there.
        for upstream in upstreams.iter().take(2) {
            upstream.behave(Behaviour::Refuse).await?;
            envoy.until_disconnected(upstream.address()).await?;
        }
        upstreams.forget();
        for _ in 0..8 {
            assert_eq!(client.post("/", "seen once").send().await?.status, 200, "{engine}");
        }
        assert_eq!(upstreams.counts().values().sum::<u64>(), 8, "{engine}: each was seen once");
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_may_declare_a_post_harmless() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(4).await?;
        bad(&upstreams)?.behave(Behaviour::status(503)).await?;
        let envoy = start_retrying(&upstreams, &with(engine, &json!({ "non_idempotent": true }))).await?;
        let client = envoy.client("ingress").await?;
        for number in 0..8 {
            let answer = client.post("/", format!("body {number}")).send().await?;
            assert_eq!(answer.status, 200, "{engine}");
        }
        let bodies = upstreams.iter().flat_map(Upstream::requests).map(|request| request.body);
        let count = bodies.filter(|body| body == "body 3").count();
        assert!((1..=2).contains(&count), "{engine}: the body is sent again whole");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_not_tried_twice_while_another_is_left_and_attempts_are_numbered() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(3).await?;
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::status(503)).await?;
        }
        let envoy = start_retrying(&upstreams, &with(engine, &json!({ "num_retries": 2 }))).await?;
        let client = envoy.client("ingress").await?;
        for _ in 0..6 {
            upstreams.forget();
            assert_eq!(client.get("/").send().await?.status, 503);
            assert!(
                upstreams.iter().all(|upstream| upstream.count() == 1),
                "{engine}: {:?}",
                upstreams.counts()
            );
            let mut requests: Vec<_> = upstreams.iter().flat_map(Upstream::requests).collect();
            requests.sort_by_key(|request| request.order);
            let numbers: Vec<_> =
                requests.iter().filter_map(|request| request.header("x-envoy-attempt-count")).collect();
            assert_eq!(numbers, ["1", "2", "3"], "{engine}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_asks_for_a_second_gets_it() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let asks = |seconds: &str| Behaviour::Answer {
        status: 503,
        headers: [("retry-after".to_owned(), seconds.to_owned())].into(),
        body: None,
        delay_ms: 0,
    };
    let policy = json!({ "engine": "filter", "back_off": { "base": "1ms", "max": "5ms", "retry_after_ceiling": "2s" } });
    let envoy = start_retrying(&upstreams, &policy).await?;
    let client = envoy.client("ingress").await?;
    upstreams[0].behave(asks("1")).await?;
    upstreams[1].behave(asks("1")).await?;
    let asked = client.clone();
    let answer = tokio::spawn(async move {
        let begun = Instant::now();
        asked.get("/").send().await.map(|answer| (answer.status, begun.elapsed()))
    });
    let first = async || Ok((upstreams.counts().values().sum::<u64>() == 1).then_some(()));
    envoy.until("the first attempt", first).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::default()).await?;
    }
    let (status, took) = answer.await??;
    assert_eq!(status, 200);
    assert!(took >= Duration::from_secs(1), "it waited {took:?}");
    // More than the ceiling is no wait but a no.
    upstreams[0].behave(asks("3600")).await?;
    upstreams[1].behave(asks("3600")).await?;
    upstreams.forget();
    let answer = client.get("/").send().await?;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "3600"));
    assert_eq!(upstreams.counts().values().sum::<u64>(), 1);
    let denied = retry_stat("retries_denied_total", &[("reason", "retry_after")]);
    envoy.wait_for_stat(&denied, |count| count == 1).await?;
    nothing_was_overdue(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_takes_too_long_is_tried_elsewhere() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(3).await?;
        bad(&upstreams)?.behave(Behaviour::Stall).await?;
        let policy = json!({ "per_try_timeout": "100ms", "retry_on": { "timeout": true } });
        let envoy = start_retrying(&upstreams, &with(engine, &policy)).await?;
        let report = send(&envoy, 30).await?;
        assert_eq!(report.successes(), 30, "{engine}: {:?}", report.by_status);
        assert!(bad(&upstreams)?.count() >= 8, "{engine}: {}", bad(&upstreams)?.count());
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ejected_endpoint_gets_no_retry() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = retrying(&upstreams, &json!({ "engine": "filter", "num_retries": 5 }));
    document["upstreams"][0]["endpoints"][2]["health"] = json!("ejected");
    upstreams[0].behave(Behaviour::status(503)).await?;
    upstreams[1].behave(Behaviour::status(503)).await?;
    let envoy = Envoy::start(retried(&upstreams, &document)).await?;
    assert_eq!(envoy.client("ingress").await?.get("/").send().await?.status, 503);
    assert_eq!(upstreams[2].count(), 0, "it is out of rotation, whatever the others do");
    assert_eq!(upstreams[0].count() + upstreams[1].count(), 6, "the others take turns");
    assert_eq!(upstreams[0].count(), 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_the_filter_are_judged_like_any_other() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let policy = json!({ "engine": "filter", "retry_on": { "statuses": ["429", "500-599"] } });
    // One failure is enough: first attempts, which fail in a way that outlier does not mind, come in between and end every row.
    let outlier = json!({ "max_ejection_percent": 25, "consecutive_5xx": 1 });
    let document = with_outlier(retrying(&upstreams, &policy), &outlier);
    let envoy = Envoy::start(retried(&upstreams, &document).concurrency(2)).await?;
    // Of the retries only those at one endpoint fail.
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(429))?;
    }
    bad(&upstreams)?.behave_for("x-envoy-attempt-count", "2", Behaviour::status(500))?;
    assert_eq!(send(&envoy, 200).await?.successes(), 200);
    envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await?;
    envoy.wait_for_log("outlier: ejected ").await?;
    assert!(envoy.log().contains(&format!("outlier: ejected {}", bad(&upstreams)?.address())));
    nothing_was_overdue(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_head_keeps_the_length_and_the_type() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &json!({ "engine": "filter" })).await?;
    let client = envoy.client("ingress").await?;
    let head = async || client.request(hyper::Method::HEAD, "/").send().await;
    let plain = head().await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    let retried = head().await?;
    assert_eq!((retried.status.as_u16(), retried.header("x-envoy-attempt-count")), (200, "2"));
    for name in ["content-type", "content-length"] {
        assert!(!plain.header(name).is_empty());
        assert_eq!(retried.header(name), plain.header(name), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_router_wasm_adds_to_answers_is_added_to_retried_ones() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let mut document = retrying(&upstreams, &json!({ "engine": "filter" }));
    document["explain"] = json!(true);
    let envoy = Envoy::start(retried(&upstreams, &document)).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    let answer = envoy.client("ingress").await?.get("/explained").send().await?;
    assert_eq!((answer.status.as_u16(), answer.header("x-envoy-attempt-count")), (200, "2"));
    assert!(answer.header("x-switchyard-explain").starts_with("route=all; upstream=checkout"), "{answer:?}");
    assert!(answer.text().contains("/explained"), "{}", answer.text());
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    Ok(())
}
