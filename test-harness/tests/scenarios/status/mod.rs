//! The status page of a real Envoy with two workers: what is in it, and who gets it.

mod page;

use anyhow::Context as _;
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Envoy with the page on its listener `metrics`, and `document`.
fn shown(upstreams: &Upstreams, document: &Value) -> Bootstrap {
    let retried = json!({ "retry_on": "5xx", "num_retries": 2 });
    let shown = batched(upstreams, document).only(&["router", "outlier", "status"]);
    shown.retry_policy(&retried).concurrency(2)
}

/// Looks until what is seen is as wished.
async fn look_until<T>(
    envoy: &Envoy,
    what: &str,
    mut wished: impl FnMut(&Value) -> Option<T>,
) -> anyhow::Result<T> {
    let page = envoy.client("metrics").await?;
    envoy
        .until(what, async || {
            let answer = page.get("/status.json").send().await?;
            anyhow::ensure!(answer.status.as_u16() == 200, "{}", answer.status);
            anyhow::ensure!(!answer.text().contains(['<', '>', '&']), "nothing that could be markup");
            let seen: Value = serde_json::from_slice(&answer.body)?;
            anyhow::ensure!(seen.get("version").and_then(Value::as_u64) == Some(1), "{seen}");
            Ok(wished(&seen))
        })
        .await
}

/// The endpoint at this address of the upstream `checkout`.
fn endpoint_of(seen: &Value, upstream: &Upstream) -> Option<Value> {
    let checkout = seen["upstreams"].as_array()?.iter().find(|one| one["name"] == "checkout")?;
    let address = Value::from(upstream.address().to_string());
    checkout["endpoints"].as_array()?.iter().find(|one| one["address"] == address).cloned()
}

/// The sum of the counters of this name.
fn counted(seen: &Value, name: &str) -> u64 {
    let all = seen["counters"].as_array().into_iter().flatten();
    all.filter(|one| one["name"] == name).filter_map(|one| one["value"].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_seen_to_be_ejected_and_to_come_back() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let quick = json!({ "base_ejection_time": "1s", "max_ejection_time": "1s" });
    let envoy = Envoy::start(shown(&upstreams, &ejecting(&upstreams, &quick))).await?;
    let bad = bad(&upstreams)?;
    assert_eq!(send(&envoy, 60).await?.successes(), 60);
    let well = look_until(&envoy, "all to be in rotation", |seen| {
        endpoint_of(seen, bad).filter(|one| one["share_ppm"].is_u64())
    });
    let well = well.await?;
    assert_eq!(
        (&well["state"], &well["reason"], &well["weight"]),
        (&"healthy".into(), &Value::Null, &1.into())
    );
    assert!((333_000..334_000).contains(&well["share_ppm"].as_u64().unwrap_or(0)), "{well}");
    bad.behave(Behaviour::status(500)).await?;
    send(&envoy, 60).await?;
    let out = look_until(&envoy, "it to be ejected", |seen| {
        endpoint_of(seen, bad).filter(|one| one["state"] == "ejected")
    });
    let out = out.await?;
    assert_eq!((&out["reason"], &out["evidence"]), (&"consecutive_5xx".into(), &"3 consecutive 5xx".into()));
    assert_eq!(out["times_ejected"], 1);
    assert!(out["until_in_ms"].as_u64().is_some_and(|left| left <= 1_000), "{out}");
    bad.behave(Behaviour::status(200)).await?;
    let back = look_until(&envoy, "it to be tried", |seen| {
        endpoint_of(seen, bad).filter(|one| one["state"] != "ejected")
    });
    back.await?;
    envoy
        .until("it to come back", async || {
            send(&envoy, 20).await?;
            let seen = look_until(&envoy, "a look", |seen| Some(seen.clone())).await?;
            let states: Vec<_> = seen["transitions"].as_array().into_iter().flatten().rev().collect();
            let states: Vec<_> = states.iter().filter_map(|one| one["to"].as_str()).collect();
            Ok((states == ["ejected", "half_open", "healthy"]).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_workers_know_is_there_by_the_next_look() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let document = balanced(&upstreams, &ring_hash());
    let envoy = Envoy::start(shown(&upstreams, &document)).await?;
    let nobody = look_until(&envoy, "a look", |seen| Some(seen.clone())).await?;
    assert_eq!((&nobody["workers"], &nobody["asking"]), (&json!([]), &Value::Bool(false)));
    let name = Modules::of_environment().name_of("router");
    let one = nobody["configurations"].as_array().into_iter().flatten().find(|one| one["module"] == *name);
    assert!(one.is_some_and(|one| one["accepted"] == 1 && one["refused"] == 0), "{nobody}");

    let load = Load::against(envoy.listener_address("ingress").await?).requests(200).concurrency(8);
    assert_eq!(load.keys("x-user", |i| format!("user-{i}")).run().await?.successes(), 200);
    let seen = look_until(&envoy, "two workers to say that all is decided", |seen| {
        let said = seen["workers"].as_array()?.iter().filter(|one| one["module"] == *name);
        let said = said.filter(|one| one["said_ms_ago"].is_u64()).count();
        (said == 2 && counted(seen, "decisions_total") == 200).then(|| seen.clone())
    });
    let seen = seen.await?;
    let checkout = &seen["upstreams"][0];
    assert_eq!((&checkout["policy"], &checkout["source"]), (&"ring_hash".into(), &"document".into()));
    let shares: u64 = [0, 1].iter().filter_map(|one| checkout["endpoints"][*one]["share_ppm"].as_u64()).sum();
    assert!((999_999..=1_000_001).contains(&shares), "of the ring: {checkout}");

    let held = Behaviour::Held { then: Box::new(Behaviour::status(200)) };
    for upstream in &*upstreams {
        upstream.behave(held.clone()).await?;
    }
    let client = envoy.client("ingress").await?;
    let waiting = tokio::spawn(client.get("/").header("x-user", "anna").send());
    let in_flight = look_until(&envoy, "a request under way", |seen| {
        let endpoints = seen["upstreams"][0]["endpoints"].as_array()?;
        let under_way: u64 = endpoints.iter().filter_map(|one| one["in_flight"].as_u64()).sum();
        (under_way == 1).then_some(())
    });
    in_flight.await?;
    upstreams.iter().for_each(Upstream::release);
    assert_eq!(waiting.await??.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn flights_and_those_who_wait_are_seen_while_they_do() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let upstream = upstreams.first().context("one upstream")?;
    let shown = batched(&upstreams, &coalescing(&upstreams, &json!({}))).only(&["coalesce", "status"]);
    let envoy = Envoy::start(shown.concurrency(2)).await?;
    upstream.behave(Behaviour::Held { then: Box::new(Behaviour::status(200)) }).await?;
    let client = envoy.client("ingress").await?;
    let waiting = together(4, |_| client.get("/page"));
    let under_way = look_until(&envoy, "one flight, for which three wait", |seen| {
        let [flights, waiting] = ["coalesce_flights", "coalesce_waiting"].map(|name| counted(seen, name));
        (flights == 1 && waiting == 3).then_some(())
    });
    under_way.await?;
    upstream.release();
    assert!(answers(&envoy, waiting).await?.iter().all(|answer| answer.status == 200));
    let landed = look_until(&envoy, "no flight, and how long three have waited", |seen| {
        let over = counted(seen, "coalesce_flights") == 0;
        (over && counted(seen, "coalesce_wait_milliseconds_count") == 3).then_some(())
    });
    landed.await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_on_its_own_listener_and_changes_nothing() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let document = balanced(&upstreams, &json!({ "policy": "round_robin" }));
    let envoy = Envoy::start(shown(&upstreams, &document).admin_cluster("admin")).await?;
    let (page, clients) = (envoy.client("metrics").await?, envoy.client("ingress").await?);
    let answer = page.get("/status").send().await?;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(answer.text().contains("<title>Switchyard: status</title>"));
    assert_eq!(page.post("/status.json", "{}").send().await?.status, 405);
    let metrics = page.get("/stats/prometheus").send().await?;
    assert!(metrics.text().contains("switchyard_build_info"), "{}: {}", metrics.status, metrics.text());
    assert_eq!(page.get("/").send().await?.status, 404);
    for path in ["/status", "/status.json"] {
        let answer = clients.get(path).send().await?;
        assert_eq!(answer.upstream(), "upstream-1", "{path} of clients is the service's own");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_shown_in_its_own_words_and_injects_nothing() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let good = balanced(&upstreams, &json!({ "policy": "round_robin" }));
    let envoy = Envoy::start(shown(&upstreams, &good).live_listeners()).await?;
    let mut bad = good.clone();
    bad["routes"][0]["upstream"] = json!("</script><img src=x onerror=alert(1)>");
    let listener = shown(&upstreams, &bad).listener_named("ingress")?;
    assert!(envoy.update_listener(&listener).await?.is_err(), "the update is refused");
    let text = look_until(&envoy, "the refusal", |seen| {
        let all = seen["configurations"].as_array()?.iter().find(|one| one["refused"] != 0)?;
        assert!(all["in_force"]["summary"].as_str().is_some_and(|words| words.contains("1 routes")), "{all}");
        all["last_refusal"]["text"].as_str().map(str::to_owned)
    });
    let text = text.await?;
    assert!(text.contains("routes[0].upstream: \"</script><img src=x onerror=alert(1)>\""), "{text}");
    Ok(())
}
