//! Every request ends exactly once, whatever happens while it waits.

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::time::timeout;

type Outcome = anyhow::Result<()>;

/// Nobody waits longer for a request to be under way.
const LONG: Duration = Duration::from_secs(30);

/// Waits until nothing is under way any more, and sees that Envoy still serves.
async fn nothing_is_left(envoy: &Envoy, upstreams: &Upstreams) -> Outcome {
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::default()).await?;
    }
    assert_eq!(send(envoy, 50).await?.successes(), 50);
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    assert!(!envoy.log().contains("[critical]") && !envoy.log().contains("panicked"), "{}", envoy.log());
    Ok(())
}

fn slow_back_off() -> Value {
    json!({ "engine": "filter", "back_off": { "base": "2s", "max": "2s", "jitter": "decorrelated" } })
}

/// Sends a request, waits until `under_way`, and goes away.
async fn leave(
    envoy: &Envoy,
    http2: bool,
    under_way: impl AsyncFn() -> anyhow::Result<Option<()>>,
) -> Outcome {
    let address = envoy.listener_address("ingress").await?;
    let client = if http2 { Client::http2(address) } else { Client::to(address) };
    let request = tokio::spawn(async move { timeout(LONG, client.get("/").send()).await });
    envoy.until("the request to be under way", async || under_way().await).await?;
    request.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_leave_at_every_stage() -> Outcome {
    for http2 in [false, true] {
        let upstreams = Upstreams::start(2).await?;
        let envoy = start_retrying(&upstreams, &slow_back_off()).await?;
        let total = || upstreams.counts().values().sum::<u64>();
        // While the first attempt is under way.
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::Stall).await?;
        }
        leave(&envoy, http2, async || Ok((total() == 1).then_some(()))).await?;
        envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
        // During the wait.
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::status(503)).await?;
        }
        let retries = retry_stat("retries_total", &[("reason", "status")]);
        leave(&envoy, http2, async || Ok((envoy.stat(&retries).await? >= 1).then_some(()))).await?;
        envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
        let before = total();
        nothing_is_left(&envoy, &upstreams).await?;
        assert_eq!(total(), before + 50, "nobody is asked for a client that has left");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_leave_while_a_retry_or_a_hedge_is_under_way() -> Outcome {
    let hedge = json!({ "engine": "filter", "hedge": { "min_delay": "10ms", "initial_delay": "10ms" } });
    for (policy, first) in
        [(json!({ "engine": "filter" }), Behaviour::status(503)), (hedge, Behaviour::Stall)]
    {
        for http2 in [false, true] {
            let upstreams = Upstreams::start(2).await?;
            let envoy = start_retrying(&upstreams, &policy).await?;
            // Whichever is asked first behaves so; the second one says nothing.
            for upstream in upstreams.iter() {
                upstream.behave(Behaviour::Stall).await?;
                upstream.behave_for("x-envoy-attempt-count", "1", first.clone())?;
            }
            let total = || upstreams.counts().values().sum::<u64>();
            leave(&envoy, http2, async || Ok((total() == 2).then_some(()))).await?;
            nothing_is_left(&envoy, &upstreams).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_answer_that_breaks_off_ends_the_request_once() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({
        "engine": "filter",
        "retry_on": { "statuses": ["200"] },
        "back_off": { "base": "300ms", "max": "300ms", "jitter": "decorrelated" },
    });
    let envoy = start_retrying(&upstreams, &policy).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::Truncate { promised: 2_000, sent: 100 }).await?;
    }
    let report = timeout(LONG, send(&envoy, 20)).await??;
    assert_eq!(report.requests(), 20, "each ended");
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(204)).await?;
    }
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    assert_eq!(send(&envoy, 20).await?.requests(), 20);
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_ends_a_request_that_nobody_answers() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(2).await?;
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::Stall).await?;
        }
        let policy =
            json!({ "engine": engine, "deadline_header": "x-deadline-ms", "retry_on": { "timeout": true } });
        let envoy = start_retrying(&upstreams, &policy).await?;
        let client = envoy.client("ingress").await?;
        let answer = timeout(LONG, client.get("/").header("x-deadline-ms", "200").send()).await??;
        assert_eq!(answer.status, 504, "{engine}");
        assert_eq!(
            upstreams.counts().values().sum::<u64>(),
            1,
            "{engine}: there was no time for another attempt"
        );
        nothing_is_left(&envoy, &upstreams).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_knows_how_much_time_is_left() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({
        "engine": "filter",
        "deadline_header": "x-deadline-ms",
        "back_off": { "base": "50ms", "max": "50ms", "jitter": "decorrelated" },
    });
    let envoy = start_retrying(&upstreams, &policy).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(503)).await?;
    }
    let client = envoy.client("ingress").await?;
    assert_eq!(client.get("/").header("x-deadline-ms", "5000").send().await?.status, 503);
    let mut requests: Vec<_> = upstreams.iter().flat_map(Upstream::requests).collect();
    requests.sort_by_key(|request| request.order);
    let left: Vec<u64> =
        requests.iter().filter_map(|request| request.header("x-deadline-ms")?.parse().ok()).collect();
    assert_eq!(left.len(), 3, "{requests:?}");
    assert_eq!(left[0], 5_000);
    assert!(left[1] <= 4_950 && left[2] <= left[1].saturating_sub(50), "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_goes_away_during_the_wait_leaves_nobody_waiting() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({ "engine": "filter", "back_off": { "base": "500ms", "max": "500ms", "jitter": "decorrelated" } });
    let bootstrap = retried(&upstreams, &retrying(&upstreams, &policy)).live_clusters().live_listeners();
    let without = bootstrap.clone().endpoints("checkout", &[]);
    let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(503)).await?;
    }
    let client = envoy.client("ingress").await?;
    let request = tokio::spawn(async move { timeout(LONG, client.get("/").send()).await });
    let retries = retry_stat("retries_total", &[("reason", "status")]);
    envoy.wait_for_stat(&retries, |count| count >= 1).await?;
    assert_eq!(envoy.update_clusters(&without).await?, Ok(()));
    assert_eq!(request.await???.status, 503, "the failure that was held");
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_answer_that_the_route_times_out_ends_the_request_once() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({
        "engine": "filter",
        "retry_on": { "statuses": ["200"] },
        "back_off": { "base": "20s", "max": "20s", "jitter": "decorrelated" },
        "timeout": "60s",
    });
    let quick = |bootstrap: &mut Value| {
        let routes = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
        for route in bootstrap.pointer_mut(routes).and_then(Value::as_array_mut).into_iter().flatten() {
            route["route"]["timeout"] = json!("0.3s");
        }
    };
    let envoy = Envoy::start(retried(&upstreams, &retrying(&upstreams, &policy)).edit(quick)).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::Drip { bytes: 10, every_ms: 50, total: 10_000 }).await?;
    }
    let report = timeout(LONG, send(&envoy, 8)).await??;
    assert_eq!(report.requests(), 8);
    assert_eq!(report.successes(), 0, "{:?}", report.by_status);
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    assert_eq!(upstreams.counts().values().sum::<u64>(), 8, "nobody is asked for a request that has ended");
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}
