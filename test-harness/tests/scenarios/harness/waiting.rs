//! The harness judged by itself, on a real Envoy without wasm: answers that are held, clients that leave or read slowly.

use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// More than Envoy and the sockets on both its sides hold.
const LARGE: usize = 16 << 20;

async fn started() -> anyhow::Result<(Upstreams, Envoy)> {
    let upstreams = Upstreams::start(1).await?;
    let cluster = pieces::cluster("backend", &upstreams.addresses());
    let listener = pieces::listener("main", &[pieces::route_to("backend")], &[]);
    let envoy = Envoy::start(Bootstrap::empty().cluster(cluster).listener(listener)).await?;
    Ok((upstreams, envoy))
}

async fn until_under_way(envoy: &Envoy, upstream: &Upstream, requests: u64) -> Outcome {
    let reached = async || Ok((upstream.under_way() == requests).then_some(()));
    envoy.until(&format!("{requests} requests under way"), reached).await
}

#[tokio::test(flavor = "multi_thread")]
async fn held_requests_are_answered_when_they_are_released_and_later_ones_wait_on() -> Outcome {
    let (upstreams, envoy) = started().await?;
    let (upstream, client) = (&upstreams[0], envoy.client("main").await?);
    upstream.behave(Behaviour::held(Behaviour::body("at last"))).await?;
    let held: Vec<_> = (0..20).map(|_| tokio::spawn(client.get("/").send())).collect();
    until_under_way(&envoy, upstream, 20).await?;
    assert!(held.iter().all(|request| !request.is_finished()));
    upstream.release();
    for request in held {
        assert_eq!(request.await??.text(), "at last");
    }
    let later = tokio::spawn(client.get("/later").send());
    until_under_way(&envoy, upstream, 1).await?;
    assert!(!later.is_finished());
    upstream.release();
    assert_eq!(later.await??.text(), "at last");
    assert_eq!((upstream.most_at_a_time(), upstream.count()), (20, 21));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_path_holds_and_releases_too() -> Outcome {
    let (upstreams, envoy) = started().await?;
    let (upstream, client) = (&upstreams[0], Client::to(upstreams[0].address()));
    let behaviour = r#"{"kind": "held", "then": {"kind": "answer", "status": 203}}"#;
    let told = client.request(hyper::Method::PUT, "/_control").body(behaviour).send().await?;
    assert_eq!(told.status, 200);
    let held = tokio::spawn(client.get("/").send());
    until_under_way(&envoy, upstream, 1).await?;
    assert_eq!(client.post("/_control/release", "").send().await?.status, 200);
    assert_eq!(held.await??.status, 203);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_while_it_waits_takes_its_request_with_it() -> Outcome {
    let (upstreams, envoy) = started().await?;
    let upstream = &upstreams[0];
    upstream.behave(Behaviour::held(Behaviour::default())).await?;
    let address = envoy.listener_address("main").await?;
    for (client, ended) in [(Client::to(address), 1), (Client::http2(address), 2)] {
        let gone = tokio::spawn(client.get("/").send());
        until_under_way(&envoy, upstream, 1).await?;
        gone.abort();
        envoy.wait_for_stat("http.main.downstream_rq_rx_reset", |count| count == ended).await?;
        until_under_way(&envoy, upstream, 0).await?;
    }
    assert_eq!(envoy.stat("http.main.downstream_rq_active").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_holds_up_a_large_answer_and_not_a_small_one() -> Outcome {
    let (upstreams, envoy) = started().await?;
    let upstream = &upstreams[0];
    let client = envoy.client("main").await?.with_small_buffers();
    upstream.behave(Behaviour::body(&"s".repeat(200 << 10))).await?;
    let small = client.get("/small").open().await?;
    until_under_way(&envoy, upstream, 0).await?;
    upstream.behave(Behaviour::Drip { bytes: 64 << 10, every_ms: 1, total: LARGE }).await?;
    let large = client.get("/large").open().await?;
    envoy.wait_for_stat("cluster.backend.upstream_flow_control_paused_reading_total", |n| n > 0).await?;
    assert_eq!((upstream.under_way(), upstream.count()), (1, 2));
    assert_eq!(small.rest().await?.body.len(), 200 << 10);
    assert_eq!(large.rest().await?.body.len(), LARGE);
    until_under_way(&envoy, upstream, 0).await
}
