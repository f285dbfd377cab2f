//! Retry sections: that bad ones change nothing, that new ones end no request, that clients have no say, and what they cost.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const ENGINES: [&str; 2] = ["filter", "router"];

/// All endpoints answer with this status.
async fn all(upstreams: &Upstreams, status: u16) -> Outcome {
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(status)).await?;
    }
    upstreams.forget();
    Ok(())
}

fn attempts(upstreams: &Upstreams) -> u64 {
    upstreams.counts().values().sum()
}

async fn nothing_was_overdue(envoy: &Envoy) -> Outcome {
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_retry_section_is_refused_with_the_place_and_the_cure() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    for (retry, words) in [
        (json!({ "budget": { "ratio": 1.5 } }), "budget.ratio: 1.5 is out of range; it takes 0 to 1"),
        (
            json!({ "engine": "filter", "back_off": { "base": "2s", "max": "1s" } }),
            "back_off.max: is shorter than base (25ms by default); raise it or lower that",
        ),
        (
            json!({ "engine": "filter", "hedge": {}, "non_idempotent": true }),
            "hedge: hedging sends a request twice; that is for idempotent requests only",
        ),
        (
            json!({ "retry_on": { "body": [{ "pointer": "/error", "exists": true }] } }),
            "retry_on.body: Envoy's router does not read bodies; use engine: filter",
        ),
        (
            json!({ "fallback": { "upstream": "catalgo" } }),
            "fallback.upstream: \"catalgo\" is not an upstream",
        ),
        (json!({ "num_retry": 2 }), "num_retry: unknown field; did you mean \"num_retries\"?"),
    ] {
        let bootstrap = retried(&upstreams, &retrying(&upstreams, &retry));
        let refused = Envoy::validate(&bootstrap).expect_err("--mode validate refuses it");
        // Every filter reads the whole document, and whoever does so first refuses it.
        let words = format!("configuration refused: routes[0].retry.{words}");
        assert!(format!("{refused:#}").contains(&words), "{words}\n{refused:#}");
        let alone = bootstrap.only(&["retry"]).modules(Modules::Separate);
        let refused = Envoy::validate(&alone).expect_err("retry.wasm does");
        assert!(format!("{refused:#}").contains(&format!("switchyard.retry: {words}")), "{refused:#}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_update_leaves_the_old_policy_in_force() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for engine in ENGINES {
        let good = json!({ "engine": engine, "num_retries": 1 });
        let bootstrap = retried(&upstreams, &retrying(&upstreams, &good)).live_listeners();
        let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
        let bad = json!({ "engine": engine, "num_retries": 11, "budget": { "ratio": 2 } });
        let listener = retried(&upstreams, &retrying(&upstreams, &bad)).listener_named("ingress")?;
        assert!(envoy.update_listener(&listener).await?.is_err(), "the update is refused");
        envoy.wait_for_log("routes[0].retry.num_retries: 11 is out of range; it takes 0 to 10").await?;
        envoy.wait_for_log("routes[0].retry.budget.ratio: 2").await?;
        all(&upstreams, 503).await?;
        assert_eq!(send(&envoy, 10).await?.by_status.get(&503), Some(&10));
        assert_eq!(attempts(&upstreams), 20, "{engine}: one retry for each");
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_that_waits_ends_although_the_policy_changes() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let waiting = json!({
        "engine": "filter",
        "num_retries": 1,
        "back_off": { "base": "1s", "max": "1s", "jitter": "decorrelated" },
    });
    let envoy = retried(&upstreams, &retrying(&upstreams, &waiting)).live_listeners();
    let envoy = Envoy::start(envoy.concurrency(2)).await?;
    let retries = retry_stat("retries_total", &[("reason", "status")]);
    for (round, next) in
        [json!({ "engine": "filter", "num_retries": 0 }), json!({ "engine": "router" }), waiting.clone()]
            .into_iter()
            .enumerate()
    {
        // With the first policy they wait under the one that goes; with the others nobody waits.
        all(&upstreams, 503).await?;
        let load = Load::against(envoy.listener_address("ingress").await?).requests(16).concurrency(16);
        let load = tokio::spawn(async move { load.run().await });
        if round == 0 {
            envoy.wait_for_stat(&retries, |count| count >= 16).await?;
        }
        let listener = retried(&upstreams, &retrying(&upstreams, &next)).listener_named("ingress")?;
        assert_eq!(envoy.update_listener(&listener).await?, Ok(()));
        if round == 0 {
            assert_eq!(attempts(&upstreams), 16, "they still wait");
            all(&upstreams, 200).await?;
        }
        let report = load.await??;
        assert_eq!((report.requests(), report.errors), (16, 0), "{next}: {:?}", report.first_error);
        let status = if round == 0 { 200 } else { 503 };
        assert_eq!(report.by_status.get(&status), Some(&16), "{next}: {:?}", report.by_status);
    }
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    nothing_was_overdue(&envoy).await
}

/// Takes the client for one of the house, whose `x-envoy-` headers Envoy heeds.
fn trusting(bootstrap: &mut Value) {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    if let Some(manager) = bootstrap.pointer_mut(manager).and_then(Value::as_object_mut) {
        manager.insert("use_remote_address".to_owned(), json!(true));
        let loopback = json!([{ "address_prefix": "127.0.0.0", "prefix_len": 8 }]);
        manager.insert("internal_address_config".to_owned(), json!({ "cidr_ranges": loopback }));
    }
}

/// A request that asks for seven retries of everything, each after a moment.
async fn ask_for_retries(envoy: &Envoy) -> anyhow::Result<Response> {
    let request = envoy.client("ingress").await?.get("/").header("x-envoy-max-retries", "7");
    let request = request.header("x-envoy-retry-on", "5xx,retriable-status-codes,retriable-headers");
    let request = request.header("x-envoy-retry-grpc-on", "unavailable,internal");
    let request = request.header("x-envoy-retriable-status-codes", "500,404");
    let request = request.header("x-envoy-retriable-header-names", "x-upstream");
    let request = request.header("x-envoy-hedge-on-per-try-timeout", "true");
    request.header("x-envoy-upstream-rq-per-try-timeout-ms", "1").send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_envoy_takes_nobody_for_one_of_the_house() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let plain = balanced(&upstreams, &json!({ "policy": "round_robin", "candidates": 3 }));
    let envoy = Envoy::start(retried(&upstreams, &plain)).await?;
    all(&upstreams, 500).await?;
    // From 127.0.0.1, which Envoy by itself would take for one.
    ask_for_retries(&envoy).await?;
    assert_eq!(attempts(&upstreams), 1, "without a retry section, too");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_no_say_in_retries() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let plain = balanced(&upstreams, &json!({ "policy": "round_robin", "candidates": 3 }));
    let envoy = Envoy::start(retried(&upstreams, &plain).edit(trusting)).await?;
    all(&upstreams, 500).await?;
    ask_for_retries(&envoy).await?;
    assert_eq!(attempts(&upstreams), 8, "without a retry section Envoy does what it is asked");
    for engine in ENGINES {
        for num_retries in [0, 1] {
            let policy = json!({
                "engine": engine,
                "num_retries": num_retries,
                "retry_on": { "statuses": ["503"] },
            });
            let document = retrying(&upstreams, &policy);
            let envoy = Envoy::start(retried(&upstreams, &document).edit(trusting)).await?;
            for (status, expected) in [(500, 1), (503, 1 + num_retries)] {
                all(&upstreams, status).await?;
                for upstream in upstreams.iter() {
                    // Slower than the client's per-try timeout.
                    let Behaviour::Answer { headers, body, .. } = Behaviour::default() else { continue };
                    upstream.behave(Behaviour::Answer { status, headers, body, delay_ms: 20 }).await?;
                }
                assert_eq!(ask_for_retries(&envoy).await?.status, status, "{engine}");
                assert_eq!(attempts(&upstreams), expected, "{engine} {num_retries}: {status}");
            }
            nothing_was_overdue(&envoy).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_counts_what_would_be_and_changes_nothing() -> Outcome {
    for engine in ENGINES {
        let upstreams = Upstreams::start(2).await?;
        let policy =
            json!({ "engine": engine, "mode": "shadow", "fallback": { "answer": { "status": 200 } } });
        let envoy = start_retrying(&upstreams, &policy).await?;
        upstreams[0].behave(Behaviour::status(503)).await?;
        let report = send(&envoy, 100).await?;
        let failed = upstreams[0].count();
        assert_eq!(report.by_status.get(&503), Some(&failed), "{engine}: {:?}", report.by_status);
        assert_eq!((attempts(&upstreams), report.requests()), (100, 100), "{engine}");
        envoy.wait_for_stat(&retry_stat("attempts_total", &[]), |count| count == 100).await?;
        let would = retry_stat("shadow_retries_total", &[("reason", "status")]);
        envoy.wait_for_stat(&would, |count| count == failed).await?;
        for metric in ["retries_total", "fallback_answers_total", "retries_denied_total"] {
            let counted = envoy.stats().await?.into_iter().filter(|(name, _)| name.ends_with(metric));
            let counted = counted.filter(|(name, _)| !name.ends_with("shadow_retries_total"));
            assert_eq!(counted.map(|(_, count)| count).sum::<u64>(), 0, "{engine}: {metric}");
        }
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_failure_a_request_costs_two_host_calls_or_three() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let with = |retry: Value| retrying(&upstreams, &retry);
    for (document, expected) in [
        (with(json!({ "engine": "filter" })), 2.0),
        (with(json!({ "engine": "router" })), 3.0),
        (with(json!({ "engine": "filter", "hedge": { "min_delay": "10s" } })), 3.0),
        (with(json!({ "engine": "filter", "per_try_timeout": "1s" })), 3.0),
        (balanced(&upstreams, &json!({ "policy": "round_robin" })), 0.0),
        (json!({}), 0.0),
    ] {
        // Its own price, as a module of its own; chain/price.rs has the chain's.
        let bootstrap = retried(&upstreams, &document).only(&["retry"]).modules(Modules::Separate);
        let crossings = Crossings::measure(bootstrap, "ingress", 100, async |client, _| {
            let answer = client.get("/").send().await?;
            anyhow::ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        });
        let crossings = crossings.await?;
        // A machine that stands still for a second stops the tick, and starting it is a call more.
        let calls = crossings.host_calls_per_request;
        assert!((calls - expected).abs() < 0.05, "{document}: {crossings:?}");
        assert!(crossings.by_name.keys().all(|name| !name.contains("get_header_map_value")), "{crossings:?}");
    }
    Ok(())
}
