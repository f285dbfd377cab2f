//! switchyard.wasm on a real Envoy: what the four filters do, in one context per request, and together on one route.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod heartbeats;
mod price;
mod trap;
mod trapping;
mod vm_id;
mod window;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// A document whose routes use one filter each, or several.
fn document(upstreams: &Upstreams) -> Value {
    let mut document = balanced(upstreams, &ring_hash());
    let retry = |engine: &str| {
        json!({
            "engine": engine,
            "retry_on": { "statuses": ["500-599"] },
            "num_retries": 2,
            "budget": { "ratio": 1, "min_per_second": 100 },
        })
    };
    let patient = json!({ "max_wait": "60s", "max_leader_age": "60s" });
    let rpc = json!({ "protocol": { "json_rpc": { "repeatable": ["*"] } }, "max_delay": "10s" });
    document["routes"] = json!([
        { "name": "filter", "match": { "path_prefix": "/filter" }, "upstream": "checkout", "retry": retry("filter") },
        { "name": "router", "match": { "path_prefix": "/router" }, "upstream": "checkout", "retry": retry("router") },
        { "name": "crowd", "match": { "path_prefix": "/crowd" }, "upstream": "checkout", "coalesce": patient },
        {
            "name": "all", "match": { "path_prefix": "/both" }, "upstream": "checkout",
            "coalesce": patient, "retry": retry("filter"),
        },
        { "name": "rpc", "match": { "path": "/rpc" }, "upstream": "checkout", "batch": rpc },
        { "name": "rest", "match": {}, "upstream": "checkout" },
    ]);
    document
}

fn chained(upstreams: &Upstreams, document: &Value) -> Bootstrap {
    batched(upstreams, document).modules(Modules::Chain)
}

/// The name of a coalesce metric of this route.
fn of_route(route: &str, metric: &str) -> String {
    coalesce_stat(metric, &[]).replace("=.=all;", &format!("=.={route};"))
}

async fn until_follow(envoy: &Envoy, route: &str, count: u64) -> Outcome {
    envoy
        .until(&format!("{count} followers"), async || {
            let stats = envoy.stats().await?;
            let ours = stats.iter().filter(|(name, _)| name.starts_with(&of_route(route, "")));
            let follow = ours.filter(|(name, _)| name.ends_with("coalesce_followers_total"));
            Ok((follow.map(|(_, value)| value).sum::<u64>() == count).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_stays_with_its_endpoint_and_is_tried_again_at_the_next() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = Envoy::start(chained(&upstreams, &document(&upstreams))).await?;
    let client = envoy.client("ingress").await?;
    for path in ["/filter", "/router", "/"] {
        let home = client.get(path).header("x-user", "alice").send().await?;
        assert_eq!(home.status, 200, "{home:?}");
        for _ in 0..10 {
            let again = client.get(path).header("x-user", "alice").send().await?;
            assert_eq!(again.upstream(), home.upstream(), "{path}");
        }
        if path == "/" {
            continue;
        }
        let one = upstreams.named(home.upstream()).expect("it has answered");
        one.behave_next(1, Behaviour::status(503));
        let next = client.get(path).header("x-user", "alice").send().await?;
        assert_eq!(next.status, 200, "{path}: {next:?}");
        assert_ne!(next.upstream(), home.upstream(), "{path}");
        let posted = client.post(path, "a long body".repeat(1_000)).header("x-user", "bob").send().await?;
        assert_eq!(posted.status, 200, "{path}: {posted:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_in_two_workers_makes_one_request_and_outlives_its_leader() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = Envoy::start(chained(&upstreams, &document(&upstreams)).concurrency(2)).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    upstream.behave(Behaviour::held(Behaviour::body("soup"))).await?;
    let leader = tokio::spawn(Client::to(address).get("/crowd").send());
    until_under_way(&envoy, upstream, 1).await?;
    let asked = together(30, |_| Client::to(address).get("/crowd"));
    until_follow(&envoy, "crowd", 30).await?;
    leader.abort();
    envoy.wait_for_stat("http.ingress.downstream_rq_rx_reset", |gone| gone == 1).await?;
    until_under_way(&envoy, upstream, 1).await?;
    envoy.until("a successor", async || Ok((upstream.count() == 2).then_some(()))).await?;
    upstream.release();
    let answered = answers(&envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.status == 200 && answer.text() == "soup"));
    assert_eq!(upstream.count(), 2, "its leader's and its successor's");
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_whose_leader_fails_gets_what_the_retry_obtains_each_once() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = Envoy::start(chained(&upstreams, &document(&upstreams)).concurrency(2)).await?;
    let address = envoy.listener_address("ingress").await?;
    let home = Client::to(address).get("/").header("x-user", "a").send().await?.upstream().to_owned();
    let (one, other) = match upstreams[0].name() == home {
        true => (&upstreams[0], &upstreams[1]),
        false => (&upstreams[1], &upstreams[0]),
    };
    upstreams.forget();
    one.behave(Behaviour::held(Behaviour::status(503))).await?;
    other.behave(Behaviour::body("soup")).await?;
    let ask = || Client::to(address).get("/both").header("x-user", "a");
    let leader = tokio::spawn(ask().send());
    until_under_way(&envoy, one, 1).await?;
    let mut asked = together(20, |_| ask());
    until_follow(&envoy, "all", 20).await?;
    one.release();
    asked.push(leader);
    let answered = answers(&envoy, asked).await?;
    assert_eq!(answered.len(), 21);
    assert!(answered.iter().all(|answer| answer.status == 200 && answer.text() == "soup"), "{answered:?}");
    assert_eq!((one.count(), other.count()), (1, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_json_rpc_go_as_one_array() -> Outcome {
    let (service, upstreams) = (Service::start(Cost::FREE).await?, Upstreams::start(1).await?);
    let mut document = document(&upstreams);
    document["upstreams"][0]["endpoints"] = json!([endpoint(&service.address())]);
    document["routes"][4]["name"] = json!("all");
    document["routes"][3]["name"] = json!("both");
    let bootstrap = chained(&upstreams, &document).endpoints("checkout", &[service.address()]);
    let envoy = Envoy::start(bootstrap).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    let requests = (0..6).map(|number| {
        let call = json!({ "jsonrpc": "2.0", "id": number, "method": "add", "params": [number, 1] });
        client.post("/rpc", call.to_string()).header("content-type", "application/json")
    });
    let answered = gathered(&envoy, &service, requests.collect()).await?;
    for (answer, number) in answered.iter().zip(0..) {
        let body: Value = serde_json::from_str(&answer.text())?;
        assert_eq!((&body["id"], &body["result"]["sum"]), (&json!(number), &json!(number + 1)), "{body}");
    }
    assert_eq!(service.sizes().into_iter().collect::<Vec<_>>(), [(1, 1), (5, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_while_a_new_configuration_comes_is_answered() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let before = chained(&upstreams, &document(&upstreams)).live_listeners();
    let envoy = Envoy::start(before).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    upstream.behave(Behaviour::held(Behaviour::body("soup"))).await?;
    let mut asked = vec![tokio::spawn(Client::to(address).get("/crowd").send())];
    until_under_way(&envoy, upstream, 1).await?;
    asked.extend(together(5, |_| Client::to(address).get("/crowd")));
    until_follow(&envoy, "crowd", 5).await?;
    let mut document = document(&upstreams);
    document["routes"][2]["coalesce"]["max_followers"] = json!(100);
    let listener = chained(&upstreams, &document).listener_named("ingress")?;
    assert_eq!(envoy.update_listener(&listener).await?, Ok(()));
    let address = envoy.listener_address("ingress").await?;
    asked.extend(together(5, |_| Client::to(address).get("/crowd")));
    until_follow(&envoy, "crowd", 10).await?;
    upstream.release();
    let answered = answers(&envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.status == 200 && answer.text() == "soup"));
    assert_eq!(upstream.count(), 1);
    Ok(())
}
