//! Heartbeats that ask for more than a path: statuses and headers of the operator's, gRPC's own health checks, a port of the endpoints' own.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// The bad endpoint fails until it is ejected, and then answers clients well.
async fn ejected(envoy: &Envoy, upstreams: &Upstreams) -> Outcome {
    bad(upstreams)?.behave(Behaviour::status(500)).await?;
    envoy
        .until("an ejection", async || {
            send(envoy, 50).await?;
            Ok(envoy.log().contains("outlier: ejected ").then_some(()))
        })
        .await?;
    bad(upstreams)?.behave(Behaviour::default()).await
}

/// Ten minutes are not over: good heartbeats let requests try the endpoint, and those bring it back.
async fn readmitted(envoy: &Envoy) -> Outcome {
    envoy
        .until("the endpoint to be back", async || {
            assert_eq!(send(envoy, 50).await?.successes(), 50);
            Ok(envoy.log().contains("outlier: readmitted ").then_some(()))
        })
        .await
}

fn beats(result: &str) -> String {
    outlier_stat("heartbeats_total", &[("result", result)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_has_the_operators_headers_and_a_good_answer_the_operators_status() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let heartbeat = json!({
        "path": "/healthz", "interval": "100ms", "timeout": "100ms",
        "headers": { "x-probe": "yes" }, "expected_statuses": [418],
    });
    let envoy = start_ejecting(&upstreams, &json!({ "heartbeat": heartbeat })).await?;
    ejected(&envoy, &upstreams).await?;
    envoy.wait_for_stat(&beats("failed"), |count| count >= 5).await?;
    assert!(!envoy.log().contains("let some requests try"), "200 is not what was asked for");
    bad(&upstreams)?.behave_for("x-probe", "yes", Behaviour::status(418))?;
    readmitted(&envoy).await
}

/// An answer to a gRPC health check: 1 is SERVING, 2 is NOT_SERVING.
fn health(status: u8) -> Behaviour {
    let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Behaviour::Exact {
        status: 200,
        headers: vec![text(("content-type", "application/grpc"))],
        body: vec![0, 0, 0, 0, 2, 8, status],
        chunked: true,
        trailers: vec![text(("grpc-status", "0"))],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_says_by_itself_whether_an_endpoint_serves() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let check = json!({ "service_name": "shop.Orders" });
    let heartbeat =
        json!({ "grpc_health_check": check, "interval": "100ms", "timeout": "100ms", "watch": "all" });
    let document = ejecting(&upstreams, &json!({ "heartbeat": heartbeat }));
    let envoy = Envoy::start(steered(&upstreams, &document).edit(http2).concurrency(2)).await?;
    let says = |status| {
        let marked = ("user-agent", "switchyard-heartbeat");
        upstreams.iter().try_for_each(|one| {
            let status = if one.address() == upstreams[0].address() { status } else { 1 };
            one.behave_for(marked.0, marked.1, health(status))
        })
    };
    says(1)?;
    assert_eq!(send(&envoy, 40).await?.successes(), 40);
    envoy.wait_for_stat(&beats("succeeded"), |count| count >= 20).await?;
    assert_eq!(envoy.stat(&ejections("heartbeat")).await.unwrap_or_default(), 0);
    // Its answers are 200 and its gRPC status is 0: what counts stands in the body.
    says(2)?;
    envoy.wait_for_stat(&ejections("heartbeat"), |count| count == 1).await?;
    until_ejected(&envoy, &upstreams, 100).await?;
    let address = bad(&upstreams)?.address();
    assert!(envoy.log().contains(&format!("router: ejected {address} of checkout for 600 s: ")));
    says(1)?;
    readmitted(&envoy).await?;
    let asked = bad(&upstreams)?.requests();
    let asked = asked.iter().find(|one| one.path == "/grpc.health.v1.Health/Check");
    assert!(asked.is_some_and(|one| one.body.contains("shop.Orders")), "{asked:?}");
    Ok(())
}

/// A cluster that goes where the header says.
fn anywhere(name: &str) -> Value {
    json!({
        "name": name,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "original_dst_lb_config": { "use_http_header": true },
        "connect_timeout": "1s",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_go_to_a_port_of_their_own() -> Outcome {
    let upstreams = Upstreams::hosts(4).await?;
    // Behind one port of each endpoint's address.
    let bad_ones = bad(&upstreams)?.address().ip();
    let health = Upstream::start("health", (bad_ones, 0).into()).await?;
    health.behave(Behaviour::status(503)).await?;
    let heartbeat = json!({
        "path": "/healthz", "port": health.address().port(), "cluster": "health",
        "interval": "100ms", "timeout": "100ms",
    });
    let document = ejecting(&upstreams, &json!({ "heartbeat": heartbeat }));
    let bootstrap = steered(&upstreams, &document).cluster(anywhere("health"));
    let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
    ejected(&envoy, &upstreams).await?;
    envoy.wait_for_stat(&beats("failed"), |count| count >= 5).await?;
    assert!(!envoy.log().contains("let some requests try"), "it answers requests well, and not heartbeats");
    assert!(health.requests().iter().all(|one| one.path == "/healthz"));
    let at_requests = bad(&upstreams)?.requests();
    assert!(at_requests.iter().all(|one| one.path != "/healthz"), "none comes where requests go");
    health.behave(Behaviour::default()).await?;
    readmitted(&envoy).await
}
