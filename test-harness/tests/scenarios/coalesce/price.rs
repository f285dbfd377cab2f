//! What a request costs that nobody follows, in calls of the host; and what a bad section costs: nothing.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// The host calls of one request of its own key, as a module of its own; chain/price.rs has the chain's.
async fn price(section: &Value, request: impl Fn(&Client, u64) -> Request) -> anyhow::Result<Crossings> {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = alone(&upstreams, section).modules(Modules::Separate);
    let crossings = Crossings::measure(bootstrap, "ingress", 100, async |client, number| {
        let answer = request(client, number).send().await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    });
    crossings.await
}

fn unique(client: &Client, number: u64) -> Request {
    client.get(&format!("/{number}")).header("x-a", "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_worker_a_request_costs_four_calls_and_its_answer_none_and_across_workers_three_more()
-> Outcome {
    for (section, expected) in [
        (json!({ "scope": "worker" }), 4.0),
        (json!({ "scope": "proxy" }), 7.0),
        (json!({ "scope": "worker", "mode": "shadow" }), 4.0),
    ] {
        let crossings = price(&section, unique).await?;
        // A machine that stands still for a second stops the tick, and starting it is a call more.
        let calls = crossings.host_calls_per_request;
        assert!((calls - expected).abs() < 0.05, "{section}: {crossings:?}");
        // The head, who asks, and the time: all are asked for on the way in.
        for (name, expected) in [
            ("env.proxy_get_header_map_pairs", 1.0),
            ("env.proxy_get_property", 2.0),
            ("env.proxy_get_current_time_nanoseconds", 1.0),
        ] {
            let times = crossings.by_name.get(name).copied().unwrap_or_default();
            assert!((times - expected).abs() < 0.05, "{section}: {crossings:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_passes_costs_its_head() -> Outcome {
    let crossings =
        price(&json!({}), |client, number| unique(client, number).header("cookie", "a=1")).await?;
    assert!((crossings.host_calls_per_request - 1.0).abs() < 0.05, "{crossings:?}");
    let head = crossings.by_name.get("env.proxy_get_header_map_pairs").copied().unwrap_or_default();
    assert!((head - 1.0).abs() < 0.05, "{crossings:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_section_is_refused_and_the_old_one_serves() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = Envoy::start(alone(&upstreams, &json!({})).live_listeners().concurrency(2)).await?;
    let update = |section: Value| alone(&upstreams, &section).listener_named("ingress");
    let bad = json!({ "hold": "11s", "share_status": [304], "max_followers": 0, "max_wiat": "1s" });
    let refused = envoy.update_listener(&update(bad)?).await?.expect_err("it is refused");
    for place in ["hold: is longer than 10s", "share_status", "max_followers: 0", "max_wiat: unknown field"] {
        assert!(
            refused.contains(&format!("configuration refused: routes[0].coalesce.{place}")),
            "{place}: {refused}"
        );
    }
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    upstream.behave(Behaviour::held(Behaviour::default())).await?;
    let waiting = together(10, |_| client.get("/"));
    until_followers(&envoy, 9).await?;
    upstream.release();
    answers(&envoy, waiting).await?;
    assert_eq!(upstream.count(), 1);
    Ok(())
}
