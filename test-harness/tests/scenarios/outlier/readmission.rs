//! How an endpoint comes back: a few requests try it, heartbeats find it, or time passes; then its share ramps up.

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Sends good requests until the log has `text` so many times.
async fn load_until_logged(envoy: &Envoy, text: &str, times: usize) -> Outcome {
    envoy
        .until(&format!("{text:?}, {times} times"), async || {
            let report = send(envoy, 40).await?;
            assert_eq!(report.successes(), 40, "{:?} {:?}", report.by_status, report.first_error);
            Ok((envoy.log().matches(text).count() >= times).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_recovers_is_tried_one_request_at_a_time_and_ramps_up() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let mut document = ejecting(&upstreams, &json!({ "base_ejection_time": "300ms" }));
    document["upstreams"][0]["balance"]["slow_start"] = json!({ "window": "60s", "min_weight_percent": 10 });
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(2)).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    load_until_logged(&envoy, "outlier: ejected ", 1).await?;
    // While it fails, each time that it is tried costs one attempt and no client anything.
    load_until_logged(&envoy, "while it was tried", 2).await?;
    bad(&upstreams)?.behave(Behaviour::default()).await?;
    load_until_logged(&envoy, "outlier: readmitted ", 1).await?;
    envoy
        .wait_for_stat(&outlier_stat("probes_total", &[("result", "succeeded")]), |count| count == 1)
        .await?;
    envoy.wait_for_stat(&outlier_stat("ejections_active", &[]), |active| active == 0).await?;
    upstreams.forget();
    assert_eq!(send(&envoy, 1_000).await?.successes(), 1_000);
    let share = bad(&upstreams)?.count();
    assert!((1..200).contains(&share), "early in its ramp it gets less than its quarter: {share} of 1000");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_flaps_stays_out_longer_each_time_and_no_client_sees_it() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let envoy =
        start_ejecting(&upstreams, &json!({ "base_ejection_time": "200ms", "max_ejection_time": "5s" }))
            .await?;
    for (round, time) in ["1st", "2nd", "3rd"].into_iter().enumerate() {
        bad(&upstreams)?.behave(Behaviour::status(503)).await?;
        load_until_logged(&envoy, &format!(", {time} time"), 1).await?;
        bad(&upstreams)?.behave(Behaviour::default()).await?;
        load_until_logged(&envoy, "outlier: readmitted ", round + 1).await?;
    }
    let log = envoy.log();
    let lasted: Vec<&str> =
        log.split("of checkout for ").skip(1).filter_map(|rest| rest.split(':').next()).collect();
    assert!(lasted.starts_with(&["200 ms", "400 ms", "600 ms"]), "{lasted:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn time_alone_readmits_where_the_operator_wants_it_so() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let outlier = json!({ "base_ejection_time": "300ms", "readmission": { "policy": "after_time" } });
    let envoy = start_ejecting(&upstreams, &outlier).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    load_until_logged(&envoy, "outlier: ejected ", 1).await?;
    bad(&upstreams)?.behave(Behaviour::default()).await?;
    load_until_logged(&envoy, "outlier: readmitted ", 1).await?;
    assert!(!envoy.log().contains("let some requests try"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_an_endpoint_that_is_tried_are_its_own() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let outlier = json!({ "base_ejection_time": "300ms" });
    let document = with_outlier(balanced(&upstreams, &ring_hash()), &outlier);
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(2)).await?;
    let address = envoy.listener_address("ingress").await?;
    let keys =
        async || Load::against(address).requests(200).keys("x-user", |i| format!("user-{i}")).run().await;
    let before = keys().await?;
    assert_eq!(before.successes(), 200);
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    let dead = bad(&upstreams)?.name();
    let log = |text: &str| envoy.log().contains(text);
    let mut recovered = false;
    envoy
        .until("the endpoint to leave, be tried, and come back", async || {
            let now = keys().await?;
            assert_eq!(now.successes(), 200, "{:?}", now.by_status);
            let moved = before.moved_keys(&now);
            assert!(moved.iter().all(|(_, here, _)| here == dead), "no other key moves: {moved:?}");
            if log("while it was tried") && !recovered {
                recovered = true;
                bad(&upstreams)?.behave(Behaviour::default()).await?;
            }
            Ok((log("outlier: readmitted ") && moved.is_empty()).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_readmit_before_the_time_is_up_and_come_from_one_worker() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let heartbeat = json!({ "path": "/healthz", "interval": "100ms", "timeout": "100ms" });
    let envoy = start_ejecting(&upstreams, &json!({ "heartbeat": heartbeat })).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    load_until_logged(&envoy, "outlier: ejected ", 1).await?;
    let failed = outlier_stat("heartbeats_total", &[("result", "failed")]);
    envoy.wait_for_stat(&failed, |count| count >= 5).await?;
    let beats = |upstream: &Upstream| upstream.requests().iter().filter(|one| one.path == "/healthz").count();
    for healthy in upstreams.iter().skip(1) {
        assert_eq!(beats(healthy), 0, "healthy endpoints are not asked");
    }
    let seen = beats(bad(&upstreams)?) as u64;
    let judged = envoy.stat(&failed).await?;
    assert!(seen <= judged + 5, "one sender: {seen} heartbeats arrived, {judged} were judged");
    let marked = |one: &Recorded| one.header("x-switchyard-heartbeat").is_some();
    assert!(!bad(&upstreams)?.requests().iter().any(marked), "the mark is taken off");
    bad(&upstreams)?.behave(Behaviour::default()).await?;
    // Ten minutes are not over; two heartbeats, then three requests.
    load_until_logged(&envoy, "outlier: readmitted ", 1).await?;
    envoy
        .wait_for_stat(&outlier_stat("heartbeats_total", &[("result", "succeeded")]), |count| count >= 2)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_that_watch_all_take_an_endpoint_out_that_no_request_has_failed_at() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let heartbeat = json!({ "path": "/healthz", "interval": "100ms", "timeout": "100ms", "watch": "all" });
    let envoy = start_ejecting(&upstreams, &json!({ "heartbeat": heartbeat })).await?;
    // Who sends them is a worker that has served.
    assert_eq!(send(&envoy, 40).await?.successes(), 40);
    let asked = async || Ok(upstreams.iter().all(|one| one.count() > 20).then_some(()));
    envoy.until("every endpoint to be asked", asked).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    envoy.wait_for_stat(&ejections("heartbeat"), |count| count == 1).await?;
    assert_eq!(envoy.log().matches("outlier: ejected ").count(), 1);
    bad(&upstreams)?.behave(Behaviour::default()).await?;
    load_until_logged(&envoy, "outlier: readmitted ", 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_own_heartbeat_header_is_no_heartbeat() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let heartbeat =
        json!({ "path": "/healthz", "interval": "100ms", "timeout": "100ms", "unhealthy_threshold": 1 });
    let outlier =
        json!({ "consecutive_5xx": 0, "consecutive_local_origin_failure": 0, "heartbeat": heartbeat });
    let envoy = start_ejecting(&upstreams, &outlier).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(500)).await?;
    }
    let client = envoy.client("ingress").await?;
    for mark in ["1", "0", "ffffffffffffffff"] {
        for _ in 0..10 {
            client.get("/").header("x-switchyard-heartbeat", mark).send().await?;
        }
    }
    assert!(!envoy.log().contains("outlier: ejected "));
    assert_eq!(envoy.stat(&outlier_stat("heartbeats_total", &[("result", "failed")])).await?, 0);
    Ok(())
}
