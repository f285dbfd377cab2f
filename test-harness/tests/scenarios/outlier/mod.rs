//! Ejection on a real Envoy with two workers: every way of failing takes an endpoint
//! out. Native retries are on, so clients see little of it.

mod blame;
mod heartbeats;
mod innocent;
mod readmission;
mod rest;
mod workers;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Sends requests until the metric is at least 1.
async fn load_until(envoy: &Envoy, metric: &str) -> Outcome {
    envoy
        .until(metric, async || {
            send(envoy, 50).await?;
            Ok((envoy.stat(metric).await? >= 1).then_some(()))
        })
        .await
}

/// The first upstream behaves like this until it is ejected for `reason`; then it gets nothing, and nobody else is ejected.
/// Returns how many requests reached it, and what clients saw meanwhile.
async fn until_ejected_for(
    outlier: &Value,
    behaviour: Behaviour,
    reason: &str,
) -> anyhow::Result<(u64, Report)> {
    let upstreams = Upstreams::start(4).await?;
    let envoy = start_ejecting(&upstreams, outlier).await?;
    assert_eq!(send(&envoy, 200).await?.successes(), 200);
    bad(&upstreams)?.behave(behaviour).await?;
    upstreams.forget();
    let report = send(&envoy, 400).await?;
    load_until(&envoy, &ejections(reason)).await?;
    let reached = bad(&upstreams)?.count();
    until_ejected(&envoy, &upstreams, 100).await?;
    envoy.wait_for_stat(&outlier_stat("ejections_active", &[]), |active| active == 1).await?;
    let log = envoy.log();
    let address = bad(&upstreams)?.address();
    assert_eq!(log.matches("outlier: ejected ").count(), 1, "nobody else was ejected");
    assert!(log.contains(&format!("ejected {address} of checkout for 600 s: ")), "the log names it");
    Ok((reached, report))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_500_is_ejected_and_no_client_sees_a_failure() -> Outcome {
    let (reached, report) = until_ejected_for(&json!({}), Behaviour::status(500), "consecutive_5xx").await?;
    assert_eq!(report.successes(), 400, "{:?}", report.by_status);
    assert!((3..60).contains(&reached), "{reached} requests reached it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_refuses_connections_is_ejected() -> Outcome {
    let outlier =
        json!({ "split_external_local_origin_errors": true, "consecutive_local_origin_failure": 3 });
    let (_, report) =
        until_ejected_for(&outlier, Behaviour::Refuse, "consecutive_local_origin_failure").await?;
    assert_eq!(report.successes(), 400, "{:?}", report.by_status);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_resets_is_ejected() -> Outcome {
    let (_, report) = until_ejected_for(&json!({}), Behaviour::Reset, "consecutive_5xx").await?;
    assert_eq!(report.successes(), 400, "{:?}", report.by_status);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_breaks_its_answers_off_is_ejected() -> Outcome {
    let truncate = Behaviour::Truncate { promised: 1000, sent: 10 };
    let (_, report) = until_ejected_for(&json!({}), truncate, "consecutive_5xx").await?;
    let broken = 400 - report.successes();
    assert!((3..60).contains(&broken), "a broken answer cannot be retried; {broken} clients saw one");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_three_times_in_ten_is_ejected_by_its_percentage() -> Outcome {
    let outlier = json!({
        "consecutive_5xx": 0,
        "failure_percentage_threshold": 20,
        "failure_percentage_minimum_hosts": 3,
        "failure_percentage_request_volume": 20,
        "enforcing_failure_percentage": 100,
    });
    let fails = Behaviour::FailShare { percent: 30, status: 503 };
    until_ejected_for(&outlier, fails, "failure_percentage").await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_success_rate_is_an_outlier_is_ejected() -> Outcome {
    let outlier = json!({
        "consecutive_5xx": 0,
        "success_rate_minimum_hosts": 4,
        "success_rate_request_volume": 20,
        "success_rate_stdev_factor": 1500,
        "enforcing_success_rate": 100,
    });
    let fails = Behaviour::FailShare { percent: 30, status: 503 };
    until_ejected_for(&outlier, fails, "success_rate").await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_twenty_times_slower_is_ejected() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let latency = json!({ "floor": "20ms", "request_volume": 10 });
    let envoy = start_ejecting(&upstreams, &json!({ "latency": latency })).await?;
    for (index, delay_ms) in [(0, 100), (1, 5), (2, 5), (3, 5)] {
        upstreams[index].behave(Behaviour::slow(delay_ms)).await?;
    }
    load_until(&envoy, &ejections("latency")).await?;
    until_ejected(&envoy, &upstreams, 100).await?;
    assert_eq!(envoy.log().matches("outlier: ejected ").count(), 1, "nobody else was ejected");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_stalls_is_ejected_before_any_of_its_requests_has_ended() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let stall = json!({ "limit": "200ms", "requests": 2 });
    let envoy = start_ejecting(&upstreams, &json!({ "stall": stall })).await?;
    assert_eq!(send(&envoy, 200).await?.successes(), 200);
    upstreams[0].behave(Behaviour::Stall).await?;
    let address = envoy.listener_address("ingress").await?;
    let hanging =
        tokio::spawn(async move { Load::against(address).requests(400).concurrency(16).run().await });
    envoy.wait_for_stat(&ejections("stall"), |count| count == 1).await?;
    assert!(!hanging.is_finished(), "its requests still hang");
    assert!(envoy.log().contains("requests without an answer for 200 ms"));
    // What the other worker's router sends it before its next tick fails from now on, rather than hang.
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    until_ejected(&envoy, &upstreams, 100).await?;
    hanging.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_by_grpc_status_under_http_200_is_ejected() -> Outcome {
    for trailers in [false, true] {
        let upstreams = Upstreams::start(4).await?;
        let document = ejecting(&upstreams, &json!({}));
        let envoy = Envoy::start(steered(&upstreams, &document).edit(http2).concurrency(2)).await?;
        for upstream in upstreams.iter() {
            let fine = Behaviour::GrpcStatus { status: 0, message: String::new(), trailers, data: None };
            upstream.behave(fine).await?;
        }
        let unavailable =
            Behaviour::GrpcStatus { status: 14, message: "down".to_owned(), trailers, data: None };
        upstreams[0].behave(unavailable).await?;
        load_until(&envoy, &ejections("consecutive_5xx")).await?;
        until_ejected(&envoy, &upstreams, 100).await?;
        assert_eq!(envoy.log().matches("outlier: ejected ").count(), 1, "trailers: {trailers}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_says_so_is_ejected_at_once() -> Outcome {
    let answer = |headers: &[(&str, &str)]| Behaviour::Answer {
        status: 200,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: None,
        delay_ms: 0,
    };
    let (reached, report) =
        until_ejected_for(&json!({}), answer(&[("x-envoy-immediate-health-check-fail", "true")]), "signal")
            .await?;
    assert!((1..60).contains(&reached), "{reached}");
    assert_eq!(report.successes(), 400, "its answers are good");
    let drain = json!({ "signal": { "header": "x-draining", "action": "drain" } });
    until_ejected_for(&drain, answer(&[("x-draining", "1")]), "signal").await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_fail_at_most_the_maximum_is_ejected_and_traffic_goes_on() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let everyone = json!({ "max_ejection_percent": 100, "min_healthy": 0, "base_ejection_time": "1s" });
    for (outlier, most) in [(json!({ "base_ejection_time": "1s" }), 2), (everyone, 4)] {
        let envoy = start_ejecting(&upstreams, &outlier).await?;
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::status(500)).await?;
        }
        upstreams.forget();
        let report = send(&envoy, 400).await?;
        assert_eq!(report.errors, 0, "every request is answered");
        let active = outlier_stat("ejections_active", &[]);
        envoy.wait_for_stat(&active, |out| out == most).await?;
        upstreams.forget();
        send(&envoy, 200).await?;
        let counts = upstreams.counts();
        assert!(counts.values().all(|count| *count > 0) || most < 4, "in panic everyone serves: {counts:?}");
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::default()).await?;
        }
        envoy
            .until("all to come back", async || {
                send(&envoy, 50).await?;
                Ok((envoy.stat(&active).await? == 0).then_some(()))
            })
            .await?;
        assert_eq!(send(&envoy, 200).await?.successes(), 200);
    }
    Ok(())
}
