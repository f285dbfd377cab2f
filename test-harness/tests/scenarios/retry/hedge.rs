//! Hedges: a second attempt when the first takes longer than most.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

fn hedging() -> Value {
    json!({
        "engine": "filter",
        "hedge": { "quantile": 95, "min_delay": "20ms", "initial_delay": "30ms" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_is_overtaken_and_not_blamed() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let document = with_outlier(
        retrying(&upstreams, &hedging()),
        &json!({ "consecutive_5xx": 3, "consecutive_local_origin_failure": 3, "split_external_local_origin_errors": true }),
    );
    let envoy = Envoy::start(retried(&upstreams, &document).concurrency(2)).await?;
    bad(&upstreams)?.behave(Behaviour::slow(2_000)).await?;
    let report = send(&envoy, 200).await?;
    assert_eq!(report.successes(), 200, "{:?}", report.by_status);
    let slow = bad(&upstreams)?.count();
    assert!(slow >= 10, "it is asked: {slow}");
    // On a busy machine the slow one is asked by hedges of others, too.
    let won = envoy.wait_for_stat(&retry_stat("hedges_won_total", &[]), |count| count >= slow / 2).await?;
    assert!(envoy.stat(&retry_stat("hedges_total", &[])).await? >= won);
    assert!(!envoy.log().contains("outlier: ejected "), "attempts that were overtaken say nothing of it");
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_good_answer_wins_and_the_other_is_not_seen() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &hedging()).await?;
    // Slower than the hedge's delay, quicker than the hedge.
    upstreams[0].behave(Behaviour::slow(150)).await?;
    upstreams[1].behave(Behaviour::slow(600)).await?;
    let client = envoy.client("ingress").await?;
    let answers = [client.get("/").send().await?, client.get("/").send().await?];
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.upstream() == "upstream-1"));
    let both = async || Ok((upstreams.counts().values().sum::<u64>() == 4).then_some(()));
    envoy.until("both attempts of both requests", both).await?;
    // One of them was begun at the slower endpoint, and won by its hedge.
    envoy.wait_for_stat(&retry_stat("hedges_won_total", &[]), |count| count == 1).await?;
    assert_eq!(envoy.stat(&retry_stat("hedges_total", &[])).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hedge_that_fails_does_no_harm() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &hedging()).await?;
    upstreams[0].behave(Behaviour::slow(200)).await?;
    upstreams[1].behave(Behaviour::status(503)).await?;
    let client = envoy.client("ingress").await?;
    for _ in 0..6 {
        let answer = client.get("/").send().await?;
        assert_eq!((answer.status.as_u16(), answer.upstream()), (200, "upstream-1"));
    }
    assert!(envoy.stat(&retry_stat("hedges_total", &[])).await? >= 3);
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_idempotent_is_never_hedged() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &hedging()).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::slow(150)).await?;
    }
    let client = envoy.client("ingress").await?;
    for _ in 0..4 {
        assert_eq!(client.post("/", "once").send().await?.status, 200);
    }
    assert_eq!(upstreams.counts().values().sum::<u64>(), 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hedges_draw_on_the_budget() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let mut policy = hedging();
    policy["budget"] = json!({ "ratio": 0, "min_per_second": 1, "window": "10s" });
    let envoy = start_retrying(&upstreams, &policy).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::slow(60)).await?;
    }
    assert_eq!(send(&envoy, 100).await?.successes(), 100);
    let hedges = envoy.wait_for_stat(&retry_stat("hedges_total", &[]), |count| count >= 1).await?;
    // One a second over ten seconds, and those of the seconds that the load took.
    assert!(hedges <= 20, "{hedges}");
    let denied = retry_stat("retries_denied_total", &[("reason", "budget")]);
    // Until the upstream's own pace is known every request is slow.
    envoy.wait_for_stat(&denied, |count| count >= 5).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_router_engine_hedges_on_the_per_try_timeout() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({ "per_try_timeout": "50ms", "hedge_on_per_try_timeout": true });
    let envoy = start_retrying(&upstreams, &policy).await?;
    bad(&upstreams)?.behave(Behaviour::slow(2_000)).await?;
    let report = send(&envoy, 40).await?;
    assert_eq!(report.successes(), 40, "{:?}", report.by_status);
    assert!(bad(&upstreams)?.count() >= 15, "{}", bad(&upstreams)?.count());
    Ok(())
}
