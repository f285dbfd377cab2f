//! What is not an endpoint's fault counts against none, and shadow mode ejects nobody.

use std::time::Duration;

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_not_failure_where_the_operator_says_so() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let envoy = start_ejecting(&upstreams, &json!({ "retry_after_is_overload": true })).await?;
    let headers = [("retry-after".to_owned(), "1".to_owned())].into();
    upstreams[0].behave(Behaviour::Answer { status: 503, headers, body: None, delay_ms: 0 }).await?;
    assert_eq!(send(&envoy, 400).await?.successes(), 400, "Envoy's retries still go elsewhere");
    assert!(upstreams[0].count() > 50, "{}", upstreams[0].count());
    assert!(!envoy.log().contains("outlier: ejected "));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_away_eject_nobody() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let envoy = start_ejecting(&upstreams, &json!({ "consecutive_local_origin_failure": 3 })).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::slow(60)).await?;
    }
    let address = envoy.listener_address("ingress").await?;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..200 {
        clients.spawn(async move {
            let answer = Client::to(address).get("/").send();
            if number % 2 == 0 {
                // Gone before the answer; dropping the future closes the connection.
                return tokio::time::timeout(Duration::from_millis(20), answer).await.is_err();
            }
            answer.await.is_ok_and(|answer| answer.status == 200)
        });
        if number % 20 == 19 {
            while clients.join_next().await.transpose()?.inspect(|as_meant| assert!(as_meant)).is_some() {}
        }
    }
    // Every attempt is judged when it ends; the next answers come behind those ends.
    assert_eq!(send(&envoy, 100).await?.successes(), 100);
    assert!(!envoy.log().contains("outlier: ejected "));
    assert_eq!(envoy.stat(&outlier_stat("ejections_active", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_losers_of_a_hedge_eject_nobody() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let hedged = json!({
        "match": { "prefix": "/" },
        "route": {
            "cluster": "checkout",
            "retry_policy": { "retry_on": "5xx", "num_retries": 2, "per_try_timeout": "0.05s" },
            "hedge_policy": { "hedge_on_per_try_timeout": true },
        },
    });
    let bootstrap = steered(&upstreams, &ejecting(&upstreams, &json!({}))).first_route(&hedged);
    let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
    bad(&upstreams)?.behave(Behaviour::slow(400)).await?;
    assert_eq!(send(&envoy, 100).await?.successes(), 100, "another endpoint answered in time");
    assert!(bad(&upstreams)?.count() >= 10, "{} attempts lost", bad(&upstreams)?.count());
    assert!(!envoy.log().contains("outlier: ejected "), "they say nothing about it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn mirrored_requests_eject_nobody() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let served = Upstreams::start(1).await?;
    let mirrored = json!({
        "match": { "prefix": "/" },
        "route": { "cluster": "served", "request_mirror_policies": [{ "cluster": "checkout" }] },
    });
    let bootstrap = steered(&upstreams, &ejecting(&upstreams, &json!({})))
        .cluster(pieces::cluster("served", &served.addresses()))
        .listener(pieces::listener("mirrored", &[mirrored], &[]));
    let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(500)).await?;
    }
    let load = Load::against(envoy.listener_address("mirrored").await?);
    assert_eq!(load.requests(200).concurrency(4).run().await?.successes(), 200);
    let all = async || Ok((upstreams.counts().values().sum::<u64>() == 200).then_some(()));
    envoy.until("all copies to arrive", all).await?;
    // A client's requests are still judged.
    assert!(!envoy.log().contains("outlier: ejected "), "copies count for nothing");
    let load = Load::against(envoy.listener_address("ingress").await?);
    load.requests(100).concurrency(4).run().await?;
    envoy.wait_for_log("outlier: ejected ").await
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_mode_judges_and_counts_and_ejects_nobody() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let envoy = start_ejecting(&upstreams, &json!({ "mode": "shadow" })).await?;
    upstreams[0].behave(Behaviour::status(500)).await?;
    assert_eq!(send(&envoy, 400).await?.successes(), 400);
    let counted = outlier_stat("shadow_ejections_total", &[("reason", "consecutive_5xx")]);
    assert_eq!(envoy.wait_for_stat(&counted, |count| count >= 1).await?, 1);
    envoy.wait_for_log("shadow: would have ejected").await?;
    upstreams.forget();
    assert_eq!(send(&envoy, 400).await?.successes(), 400);
    assert!(upstreams[0].count() >= 90, "it keeps its share: {}", upstreams[0].count());
    assert_eq!(envoy.stat(&ejections("consecutive_5xx")).await?, 0);
    Ok(())
}
