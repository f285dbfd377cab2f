//! At the bounds of a worker's memory: more good answers and bodies than it keeps, and more answers than may be unread.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinSet;

type Outcome = anyhow::Result<()>;

const MIB: usize = 1 << 20;
/// Routes that keep good answers, and answers that each is asked for: 64 MiB fit into one, and 256 MiB into a worker.
const ROUTES: usize = 5;
const KEYS: usize = 70;
const KEPT: usize = 900 << 10;
/// The body of a PUT; sixteen and a half fit into a worker.
const BODY: usize = MIB - 1024;
const PUTS: u64 = 24;
/// An answer to another attempt; eight of them may be unread.
const LARGE: usize = 30 * MIB;
const READERS: u64 = 12;

/// Envoy with one worker and the filter's engine on every route: the first ones keep answers, every other one of them judged by its body.
async fn start(upstreams: &Upstreams) -> anyhow::Result<Envoy> {
    let policy = |more: &Value| {
        let mut policy = json!({
            "engine": "filter", "num_retries": 1, "timeout": "60s", "max_body": "1MiB",
            "budget": { "ratio": 1, "min_per_second": 1000 }, "back_off": { "base": "1ms", "max": "5ms" },
        });
        if let (Some(policy), Some(more)) = (policy.as_object_mut(), more.as_object()) {
            policy.extend(more.clone());
        }
        policy
    };
    let keeps = (0..ROUTES).map(|number| {
        let judged = json!({ "body": [{ "pointer": "/error", "exists": true }] });
        let on = if number % 2 == 1 { judged } else { json!({}) };
        let stale = json!({ "stale_if_error": { "max_age": "600s", "max_bytes": "64MiB" } });
        let more = json!({ "fallback": stale, "retry_on": on });
        json!({ "name": format!("keep{number}"), "match": { "path_prefix": format!("/keep{number}/") }, "upstream": "checkout", "retry": policy(&more) })
    });
    let all = json!({ "name": "all", "match": {}, "upstream": "checkout", "retry": policy(&json!({})) });
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin" }));
    if let Some(document) = document.as_object_mut() {
        document.insert("routes".to_owned(), keeps.chain([all]).collect());
    }
    // Clients that do not read are to be the filter's business here, and not Envoy's.
    Envoy::start(retried(upstreams, &document).stream_timeouts(300).route_timeout(300).concurrency(1)).await
}

/// An answer that is read as JSON and may be kept.
fn good(bytes: usize) -> Behaviour {
    let headers = [("content-type", "application/json"), ("cache-control", "max-age=60")];
    Behaviour::Answer {
        status: 200,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Some(format!(r#"{{"pad":"{}"}}"#, "x".repeat(bytes))),
        delay_ms: 0,
    }
}

/// How often something was denied for want of memory, on all routes.
async fn denied(envoy: &Envoy) -> anyhow::Result<u64> {
    let stats = envoy.stats().await?;
    let denied = stats.iter().filter(|(name, _)| name.contains("reason=.=memory;.;retries_denied_total"));
    Ok(denied.map(|(_, count)| count).sum())
}

async fn until_denied(envoy: &Envoy, count: u64) -> Outcome {
    let reached = async || Ok((denied(envoy).await? >= count).then_some(()));
    envoy.until("something that there is no room for", reached).await
}

/// The innocent are answered, whatever there is no room for.
async fn innocent_are_answered(client: &Client) -> Outcome {
    for _ in 0..20 {
        assert_eq!(client.get("/innocent").header("x-case", "innocent").send().await?.status, 200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_retries_answers_everybody_at_its_bounds_and_the_innocent_at_once() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start(&upstreams).await?);
    let address = envoy.listener_address("ingress").await?;
    let client = Client::to(address);
    upstream.behave(Behaviour::body(&"b".repeat(LARGE))).await?;
    upstream.behave_for("x-case", "innocent", Behaviour::default())?;
    upstream.behave_for("x-case", "kept", good(KEPT))?;

    // More bodies than are kept are under way.
    upstream.behave_for("x-case", "put", Behaviour::held(Behaviour::status(503)))?;
    let mut puts = JoinSet::new();
    for _ in 0..PUTS {
        let put = client.request(hyper::Method::PUT, "/put").header("x-case", "put");
        puts.spawn(put.body("p".repeat(BODY)).send());
    }
    until_under_way(&envoy, upstream, PUTS).await?;
    until_denied(&envoy, 1).await?;

    // More clients than may have answers unread get one of another attempt, and do not read.
    let mut slow = Vec::new();
    for _ in 0..READERS {
        upstream.behave_next(1, Behaviour::status(503));
        let reader = Client::http2(address).with_small_buffers();
        slow.push(reader.get("/large").open().await?);
    }
    let given = slow.iter().filter(|reading| reading.status == 200).count();
    assert_eq!(given, 192 * MIB / LARGE, "as many long ones as may be unread");
    assert!(slow.iter().all(|reading| [200, 502].contains(&reading.status.as_u16())));
    innocent_are_answered(&client).await?;

    // More good answers than are kept.
    let mut asked = JoinSet::new();
    for number in 0..ROUTES * KEYS {
        let path = format!("/keep{}/{}", number / KEYS, number % KEYS);
        asked.spawn(client.get(&path).header("x-case", "kept").send());
        if asked.len() >= 32 {
            let answer = asked.join_next().await.expect("one of them")??;
            assert_eq!((answer.status.as_u16(), answer.body.len() > KEPT), (200, true));
        }
    }
    while let Some(answer) = asked.join_next().await {
        assert_eq!(answer??.status, 200);
    }
    innocent_are_answered(&client).await?;

    // With the endpoint down those that are kept stand in, and everybody else has the failure.
    upstream.behave_for("x-case", "put", Behaviour::default())?;
    upstream.release();
    while let Some(put) = puts.join_next().await {
        let status = put??.status.as_u16();
        assert!([200, 503].contains(&status), "{status}");
    }
    upstream.behave_for("x-case", "kept", Behaviour::status(503))?;
    let mut stale = 0;
    for number in 0..ROUTES * KEYS {
        let path = format!("/keep{}/{}", number / KEYS, number % KEYS);
        let answer = client.get(&path).header("x-case", "kept").send().await?;
        stale += usize::from(answer.header("x-switchyard-fallback") == "stale");
        assert!([200, 503].contains(&answer.status.as_u16()), "{}", answer.status);
    }
    let room = 256 * MIB / KEPT;
    assert!((room / 2..=room).contains(&stale), "{stale} of {} are kept", ROUTES * KEYS);
    innocent_are_answered(&client).await?;
    for reading in slow {
        let status = reading.status.as_u16();
        let read = reading.rest().await?.body.len();
        assert_eq!(read == LARGE, status == 200, "{status}: {read}");
    }
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    let log = envoy.log();
    assert!(!log.contains("Function: proxy_on") && !log.contains("unreachable"), "the VM lives: {log}");
    Ok(())
}
