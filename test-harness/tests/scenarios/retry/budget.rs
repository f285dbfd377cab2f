//! Budgets: what a total outage does to the endpoints, and two workers that draw on one.

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// First attempts fail, and every retry helps.
fn first_attempts_fail(upstreams: &Upstreams) -> Outcome {
    upstreams.iter().try_for_each(|one| one.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503)))
}

/// All attempts that the upstreams have seen.
fn attempts(upstreams: &Upstreams) -> u64 {
    upstreams.counts().values().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_total_outage_attempts_are_requests_plus_the_budget_and_recovery_brings_no_storm() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(4).await?;
        let policy = json!({
            "engine": engine,
            "num_retries": 3,
            "budget": { "ratio": 0.2, "min_per_second": 1, "window": "10s" },
        });
        let envoy = start_retrying(&upstreams, &policy).await?;
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::status(503)).await?;
        }
        let report = send(&envoy, 2_000).await?;
        assert_eq!(report.successes(), 0);
        assert_eq!(report.by_status.get(&503), Some(&2_000), "the original failure: {:?}", report.by_status);
        let seconds = report.elapsed.as_secs() + 1;
        // Eight consecutive failed retries in either worker, what is under way meanwhile, and one a second.
        let retries = attempts(&upstreams) - 2_000;
        assert!((8..=100 + seconds).contains(&retries), "{engine}: {retries} retries in {seconds} s");
        let denied = retry_stat("retries_denied_total", &[("reason", "budget")]);
        assert!(envoy.wait_for_stat(&denied, |count| count > 0).await? >= 500, "{engine}");
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::default()).await?;
        }
        upstreams.forget();
        assert_eq!(send(&envoy, 500).await?.successes(), 500, "{engine}");
        assert_eq!(attempts(&upstreams), 500, "{engine}: no retry is left over");
        assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_draw_on_one_budget() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({
        "engine": "filter",
        "num_retries": 1,
        "budget": { "ratio": 0, "min_per_second": 2, "window": "1h" },
    });
    let envoy = start_retrying(&upstreams, &policy).await?;
    first_attempts_fail(&upstreams)?;
    // 7200 in an hour, however many workers there are.
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(16);
    let report = load.requests(9_000).run().await?;
    assert_eq!((report.successes(), report.by_status.get(&503)), (7_200, Some(&1_800)));
    assert_eq!(attempts(&upstreams) - 9_000, 7_200);
    envoy.wait_for_stat(&retry_stat("retry_budget_balance", &[]), |left| left == 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_has_a_budget_of_its_own() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let mut document = retrying(&upstreams, &json!({ "engine": "filter" }));
    document["upstreams"][0]["retry_budget"] = json!({ "ratio": 0, "min_per_second": 1, "window": "1h" });
    let envoy = Envoy::start(retried(&upstreams, &document).concurrency(2)).await?;
    first_attempts_fail(&upstreams)?;
    let report = send(&envoy, 4_000).await?;
    assert_eq!(report.successes(), 3_600, "{:?}", report.by_status);
    assert_eq!(attempts(&upstreams) - 4_000, 3_600);
    Ok(())
}
