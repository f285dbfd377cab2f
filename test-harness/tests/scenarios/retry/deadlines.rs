//! Whose time is over, and what is told of it: the client's deadline, the operator's limits, and how soon an answer has to begin.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const METHOD: &str = "/shop.Orders/List";

async fn all(upstreams: &Upstreams, behaviour: Behaviour) -> Outcome {
    for upstream in upstreams.iter() {
        upstream.behave(behaviour.clone()).await?;
    }
    Ok(())
}

/// Envoy whose endpoints speak HTTP/2 and say nothing, and a client.
async fn silent(upstreams: &Upstreams, policy: &Value) -> anyhow::Result<(Envoy, Client)> {
    let bootstrap = retried(upstreams, &retrying(upstreams, policy)).edit(http2);
    let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
    all(upstreams, Behaviour::Stall).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    Ok((envoy, client))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_deadline_of_the_clients_own_is_deadline_exceeded_and_the_operators_limit_is_not() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(2).await?;
        let (envoy, client) = silent(&upstreams, &json!({ "engine": engine })).await?;
        let calls =
            (0..20).map(|_| tokio::spawn(client.grpc(METHOD, b"all").header("grpc-timeout", "200m").send()));
        for call in calls.collect::<Vec<_>>() {
            let answer = call.await??;
            assert_eq!((answer.status.as_u16(), answer.grpc_status()), (200, Some(4)), "{engine}");
        }
        assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
        // What an attempt may take is the operator's word.
        let policy = json!({ "engine": engine, "per_try_timeout": "100ms", "num_retries": 0 });
        let upstreams = Upstreams::start(2).await?;
        let (_envoy, client) = silent(&upstreams, &policy).await?;
        let answer = client.grpc(METHOD, b"all").header("grpc-timeout", "9S").send().await?;
        assert_eq!(answer.grpc_status(), Some(14), "{engine}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_deadline_is_a_504_and_its_attempts_know_what_is_left() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(3).await?;
        let mut policy = json!({ "engine": engine, "deadline_header": "x-deadline-ms" });
        if engine == "filter" {
            policy["back_off"] = json!({ "base": "50ms", "max": "50ms", "jitter": "decorrelated" });
        }
        let envoy = start_retrying(&upstreams, &policy).await?;
        let client = envoy.client("ingress").await?;
        all(&upstreams, Behaviour::Answer { status: 503, headers: [].into(), body: None, delay_ms: 60 })
            .await?;
        client.get("/").header("x-deadline-ms", "5000").send().await?;
        let mut attempts: Vec<_> = upstreams.iter().flat_map(Upstream::requests).collect();
        attempts.sort_by_key(|attempt| attempt.order);
        let said = |name: &str| {
            let numbers = attempts.iter().map(|attempt| attempt.header(name)?.parse().ok());
            numbers.collect::<Option<Vec<u64>>>().unwrap_or_default()
        };
        // Envoy's router sends the same head again, but says itself what is left.
        let left = said(if engine == "filter" { "x-deadline-ms" } else { "x-envoy-expected-rq-timeout-ms" });
        assert_eq!(left.len(), 3, "{engine}: {left:?}");
        assert!(left[0] <= 5_000 && left[1] + 60 <= left[0] && left[2] + 60 <= left[1], "{engine}: {left:?}");
        if engine == "router" {
            assert_eq!(said("x-deadline-ms"), [5_000; 3]);
        }
        all(&upstreams, Behaviour::Stall).await?;
        let answer = client.get("/").header("x-deadline-ms", "200").send().await?;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (504, "upstream request timeout"),
            "{engine}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_has_to_begin_its_answer_in_time_and_may_take_longer_to_end_it() -> Outcome {
    let slow = Behaviour::Drip { bytes: 10, every_ms: 80, total: 100 };
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(3).await?;
        let policy = json!({ "engine": engine, "per_try_timeout": "300ms", "retry_on": { "timeout": true } });
        let envoy = start_retrying(&upstreams, &policy).await?;
        let client = envoy.client("ingress").await?;
        all(&upstreams, slow.clone()).await?;
        let first = client.get("/").send().await?;
        assert_eq!((first.status.as_u16(), first.body.len()), (200, 100), "{engine}");
        for upstream in upstreams.iter() {
            upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
        }
        upstreams.forget();
        let second = client.get("/").send().await?;
        assert_eq!((second.status.as_u16(), second.body.len()), (200, 100), "{engine}: the retry's");
        assert_eq!(upstreams.counts().values().sum::<u64>(), 2, "{engine}");
        // One that does not begin is given up on.
        for upstream in upstreams.iter() {
            upstream.behave_for("x-envoy-attempt-count", "2", Behaviour::Stall)?;
        }
        upstreams.forget();
        let third = client.get("/").send().await?;
        assert_eq!((third.status.as_u16(), third.body.len()), (200, 100), "{engine}: after a stall");
        assert_eq!(upstreams.counts().values().sum::<u64>(), 3, "{engine}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_the_head_of_envoys_attempts_has_the_routes_idle_limit() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(2).await?;
        let document = retrying(&upstreams, &json!({ "engine": engine }));
        let idle = json!({ "per_try_idle_timeout": "0.2s" });
        let envoy = Envoy::start(retried(&upstreams, &document).retry_policy(&idle)).await?;
        let client = envoy.client("ingress").await?;
        all(&upstreams, Behaviour::Drip { bytes: 10, every_ms: 50, total: 100 }).await?;
        assert_eq!(client.get("/").send().await?.body.len(), 100, "{engine}: it moves");
        all(&upstreams, Behaviour::Drip { bytes: 10, every_ms: 60_000, total: 100 }).await?;
        assert!(client.get("/").send().await.is_err(), "{engine}: it stands still");
    }
    Ok(())
}
