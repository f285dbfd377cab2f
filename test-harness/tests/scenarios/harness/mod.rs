//! The harness judged by itself, on a real Envoy without wasm: if it lies, every scenario does.

mod services;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Envoy in front of `upstreams`, round robin, no retries.
fn plain(upstreams: &Upstreams) -> Bootstrap {
    Bootstrap::empty().cluster(pieces::cluster("backend", &upstreams.addresses())).listener(pieces::listener(
        "main",
        &[pieces::route_to("backend")],
        &[],
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_spread_answered_and_recorded() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = Envoy::start(plain(&upstreams)).await?;
    let load = Load::against(envoy.listener_address("main").await?);
    let report = load.requests(3_000).keys("x-user", |i| format!("user-{}", i % 100)).run().await?;

    assert_eq!((report.errors, report.successes()), (0, 3_000), "{:?}", report.first_error);
    assert_eq!(report.by_upstream, upstreams.counts());
    assert_shares(&report.by_upstream, &upstreams.iter().map(|one| (one.name().to_owned(), 1.0)).collect());
    assert_eq!(report.upstream_of_key.len(), 100);
    assert!(report.wandering_keys > 0, "round robin keeps no key");
    let mut orders: Vec<u64> =
        upstreams.iter().flat_map(|one| one.requests()).map(|request| request.order).collect();
    orders.sort_unstable();
    assert!(orders.iter().copied().eq(0..3_000));
    let seen = upstreams[0].requests();
    assert!(seen.iter().all(|request| request.header("x-user").is_some_and(|key| key.starts_with("user-"))));
    envoy.wait_for_stat("cluster.backend.upstream_rq_completed", |count| count == 3_000).await?;
    assert!(envoy.prometheus().await?.contains("envoy_cluster_upstream_rq_completed"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_fails_in_every_way_it_is_told() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = Envoy::start(plain(&upstreams)).await?;
    let client = envoy.client("main").await?;
    let upstream = &upstreams[0];

    upstream.behave(Behaviour::status(418)).await?;
    assert_eq!(client.get("/").send().await?.status, 418);

    upstream.behave(Behaviour::Lie).await?;
    let lie = client.get("/").send().await?;
    assert!(lie.status == 200 && lie.text().contains("error"), "{lie:?}");

    upstream.behave(Behaviour::Reset).await?;
    let reset = client.get("/").send().await?;
    assert_eq!(reset.status, 503);
    assert!(reset.text().contains("reset"), "{}", reset.text());

    upstream.behave(Behaviour::Refuse).await?;
    let refused = client.get("/").send().await?;
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("connection failure"), "{}", refused.text());
    assert!(envoy.stat("cluster.backend.upstream_cx_connect_fail").await? > 0);

    upstream.behave(Behaviour::Drip { bytes: 10, every_ms: 1, total: 95 }).await?;
    assert_eq!(client.get("/").send().await?.body.len(), 95);

    upstream.behave(Behaviour::Truncate { promised: 100, sent: 40 }).await?;
    assert!(client.get("/").send().await.is_err(), "an answer that breaks off is no answer");

    upstream
        .behave(Behaviour::GrpcStatus { status: 14, message: "away".to_owned(), trailers: false, data: None })
        .await?;
    let grpc = client.post("/", "message").send().await?;
    assert_eq!((grpc.header("grpc-status"), grpc.header("grpc-message")), ("14", "away"));
    let last = upstream.requests().pop().expect("it was recorded");
    assert_eq!((last.method.as_str(), last.body.as_str()), ("POST", "message"));

    upstream.behave(Behaviour::default()).await?;
    assert_eq!(client.get("/again").send().await?.upstream(), "upstream-1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_requests_share_a_connection_and_one_given_up_resets_its_stream_only() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = Envoy::start(plain(&upstreams)).await?;
    let client = Client::http2(envoy.listener_address("main").await?);
    upstreams[0].behave_next(1, Behaviour::Stall);
    let abandoned = tokio::spawn(client.get("/stall").send());
    envoy.until("the stalled request", async || Ok((upstreams[0].count() == 1).then_some(()))).await?;
    let other = client.post("/other?a=1", "body").header("host", "other.test").header("x-user", "a");
    assert_eq!(other.send().await?.upstream(), "upstream-1");
    abandoned.abort();
    envoy.wait_for_stat("http.main.downstream_rq_rx_reset", |count| count == 1).await?;
    assert_eq!(client.get("/").send().await?.status, 200);
    assert_eq!(envoy.stat("http.main.downstream_cx_http2_total").await?, 1);
    assert_eq!(envoy.stat("http.main.downstream_cx_total").await?, 1);
    let seen = &upstreams[0].requests()[1];
    assert_eq!((seen.path.as_str(), seen.body.as_str()), ("/other?a=1", "body"));
    assert_eq!((seen.header("host"), seen.header("x-user")), (Some("other.test"), Some("a")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_request_ends_by_envoys_timeout_only() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let route = json!({ "match": { "prefix": "/" }, "route": { "cluster": "backend", "timeout": "0.3s" } });
    let envoy = Envoy::start(plain(&upstreams).first_route(&route)).await?;
    upstreams[0].behave(Behaviour::Stall).await?;
    let answer = envoy.client("main").await?.get("/").send().await?;
    assert_eq!(answer.status, 504);
    assert_eq!(upstreams[0].count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_failures_is_exact_and_the_next_few_can_be_chosen() -> Outcome {
    let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
    upstream.behave(Behaviour::FailShare { percent: 30, status: 500 }).await?;
    let report = Load::against(upstream.address()).requests(1_000).run().await?;
    assert_eq!(report.by_status, BTreeMap::from([(200, 700), (500, 300)]));

    upstream.behave(Behaviour::default()).await?;
    upstream.behave_next(2, Behaviour::status(502));
    let report = Load::against(upstream.address()).requests(10).run().await?;
    assert_eq!(report.by_status, BTreeMap::from([(200, 8), (502, 2)]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_path_says_and_shows_the_same() -> Outcome {
    let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
    let client = Client::to(upstream.address());
    let put = |body: &'static str| client.request(hyper::Method::PUT, "/_control").body(body).send();
    assert_eq!(put(r#"{"kind": "answer", "status": 404}"#).await?.status, 200);
    assert_eq!(client.get("/seen?a=1").header("x-user", "a").header("x-user", "b").send().await?.status, 404);
    let seen: serde_json::Value = serde_json::from_slice(&client.get("/_requests").send().await?.body)?;
    assert_eq!(seen["total"], 1);
    assert_eq!(seen["requests"][0]["path"], "/seen?a=1");
    assert_eq!(upstream.requests()[0].headers.matches("x-user: ").count(), 2);
    let wrong = put(r#"{"kind": "answr"}"#).await?;
    assert!(wrong.status == 400 && wrong.text().contains("answr"), "{wrong:?}");
    assert_eq!(put(r#"{"kind": "refuse"}"#).await?.status, 400);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_changes_live_and_a_bad_one_leaves_the_old_one_serving() -> Outcome {
    let listener = |status| pieces::listener("main", &[pieces::direct_response(status)], &[]);
    let envoy = Envoy::start(Bootstrap::empty().listener(listener(201)).live_listeners()).await?;
    assert_eq!(envoy.client("main").await?.get("/").send().await?.status, 201);

    assert_eq!(envoy.update_listener(&listener(202)).await?, Ok(()));
    let changed =
        async || Ok((envoy.client("main").await?.get("/").send().await?.status == 202).then_some(()));
    envoy.until("the new answer", changed).await?;

    let bad =
        pieces::listener("main", &[pieces::direct_response(203)], &[json!({ "name": "no.such.filter" })]);
    let complaint = envoy.update_listener(&bad).await?.unwrap_err();
    assert!(complaint.contains("no.such.filter"), "{complaint}");
    assert_eq!(envoy.client("main").await?.get("/").send().await?.status, 202);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_that_cannot_start_says_why() -> Outcome {
    let broken = Bootstrap::empty().listener(json!({ "name": "main", "filter_chains": "none" }));
    let error = format!("{:#}", Envoy::start(broken.clone()).await.err().expect("it cannot start"));
    assert!(error.contains("filter_chains"), "{error}");
    let error = format!("{:#}", Envoy::validate(&broken).unwrap_err());
    assert!(error.contains("filter_chains"), "{error}");
    Envoy::validate(&Bootstrap::empty().listener(pieces::listener("main", &[], &[])))?;

    let error =
        Envoy::start(Bootstrap::empty().endpoints("nobody", &[])).await.err().expect("no such cluster");
    assert!(format!("{error:#}").contains("no cluster \"nobody\""), "{error:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_bootstrap_bends_to_a_test() -> Outcome {
    let upstreams = Upstreams::hosts(3).await?;
    let strip = |value: &mut serde_json::Value| {
        // This proves the harness, not the filter: the plugin goes, all else stays as it is shipped.
        let listeners = value["static_resources"]["listeners"].as_array_mut().expect("listeners");
        for listener in listeners {
            let filters = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
            filters.as_array_mut().expect("filters").retain(|filter| filter["name"] == pieces::ROUTER);
        }
    };
    let bootstrap = Bootstrap::shipped().endpoints("checkout", &upstreams.addresses()).edit(strip);
    let envoy = Envoy::start(bootstrap).await?;
    let named = upstreams[1].address().to_string();
    let client = envoy.client("ingress").await?;
    let answer = client.get("/").header("x-gateway-destination-endpoint", &named).send().await?;
    assert_eq!(answer.upstream(), "upstream-2");
    assert_eq!(answer.header("x-upstream-address"), named);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_in_vain_names_what_it_waited_for() {
    let never = || async { Ok(None::<()>) };
    let error = wait::until("the sea to part", Duration::from_millis(20), never).await.unwrap_err();
    assert!(error.to_string().contains("the sea to part"), "{error}");
}

/// Started by the test below with SWITCHYARD_FAIL set: it must fail then, and pass otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn fails_when_told_to() -> Outcome {
    let envoy = Envoy::start(Bootstrap::empty()).await?;
    envoy.wait_for_log("starting main dispatch loop").await?;
    assert!(std::env::var_os("SWITCHYARD_FAIL").is_none(), "failing as told");
    Ok(())
}

#[test]
fn a_failing_test_shows_envoys_log() -> Outcome {
    let run = std::process::Command::new(std::env::current_exe()?)
        .args(["--exact", "harness::fails_when_told_to"])
        .env("SWITCHYARD_FAIL", "1")
        .output()?;
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(!run.status.success());
    assert!(output.contains("failing as told") && output.contains("starting main dispatch loop"), "{output}");
    Ok(())
}
