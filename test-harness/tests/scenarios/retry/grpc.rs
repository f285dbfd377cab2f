//! gRPC and retries: a failure keeps its status and message, one behind a message can be replaced, and what is fine goes on.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const METHOD: &str = "/shop.Orders/List";

/// An answer with this status, in trailers behind a message or in the headers that end it.
fn says(status: u8, message: &str, data: Option<&str>) -> Behaviour {
    Behaviour::GrpcStatus {
        status,
        message: message.to_owned(),
        trailers: data.is_some(),
        data: data.map(str::to_owned),
    }
}

/// Envoy with two workers, this policy for calls that may be sent twice, and endpoints that speak HTTP/2; and a client.
async fn start(upstreams: &Upstreams, policy: &Value) -> anyhow::Result<(Envoy, Client)> {
    let mut policy = policy.clone();
    if let Some(policy) = policy.as_object_mut() {
        policy.entry("non_idempotent").or_insert(json!(true));
    }
    let bootstrap = retried(upstreams, &retrying(upstreams, &policy)).edit(http2);
    let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    Ok((envoy, client))
}

/// All endpoints answer so.
async fn all(upstreams: &Upstreams, behaviour: &Behaviour) -> Outcome {
    for upstream in upstreams.iter() {
        upstream.behave(behaviour.clone()).await?;
    }
    upstreams.forget();
    Ok(())
}

fn attempts(upstreams: &Upstreams) -> u64 {
    upstreams.counts().values().sum()
}

/// Waits until so many calls were denied a retry for this reason, and sees that the watchdog had no work.
async fn denied(envoy: &Envoy, reason: &str, count: u64) -> Outcome {
    let denied = retry_stat("retries_denied_total", &[("reason", reason)]);
    envoy.wait_for_stat(&denied, |now| now >= count).await?;
    assert_eq!(envoy.stat(&denied).await?, count, "denied: {reason}");
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn envoys_router_tries_a_status_in_the_headers_again() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let (envoy, client) = start(&upstreams, &json!({ "engine": "router" })).await?;
    all(&upstreams, &says(14, "busy", None)).await?;
    upstreams[2].behave(says(0, "", Some("orders"))).await?;
    for _ in 0..6 {
        let answer = client.grpc(METHOD, b"all").send().await?;
        assert_eq!((answer.grpc_status(), answer.upstream()), (Some(0), "upstream-3"));
        assert_eq!(answer.grpc_messages(), ["orders"]);
    }
    let retries = attempts(&upstreams) - 6;
    envoy
        .wait_for_stat(&retry_stat("retries_total", &[("reason", "envoy")]), |count| count == retries)
        .await?;
    // What it gives up on keeps its words; a status that is not named is not tried again.
    for (status, expected) in [(14, 3), (5, 1)] {
        all(&upstreams, &says(status, "so it is", None)).await?;
        let answer = client.grpc(METHOD, b"all").send().await?;
        assert_eq!((answer.grpc_status(), answer.grpc_message()), (Some(status), "so it is"));
        assert_eq!(attempts(&upstreams), expected);
    }
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_in_trailers_is_replaced_by_another_attempts_answer() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let (envoy, client) = start(&upstreams, &json!({ "engine": "filter" })).await?;
    all(&upstreams, &says(14, "busy", Some("half of it"))).await?;
    upstreams[2].behave(says(0, "done", Some("all of it, and more than there was"))).await?;
    for _ in 0..6 {
        let answer = client.grpc(METHOD, b"all").send().await?;
        assert_eq!(answer.status, 200);
        assert_eq!((answer.grpc_status(), answer.grpc_message()), (Some(0), "done"));
        assert_eq!(answer.grpc_messages(), ["all of it, and more than there was"]);
        assert_eq!((answer.upstream(), answer.header("content-type")), ("upstream-3", "application/grpc"));
    }
    let retries = attempts(&upstreams) - 6;
    assert!(retries >= 4, "{retries}");
    let tried = retry_stat("retries_total", &[("reason", "grpc_status")]);
    envoy.wait_for_stat(&tried, |count| count == retries).await?;
    for upstream in upstreams.iter() {
        for call in upstream.requests() {
            assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", METHOD));
            assert_eq!((call.header("te"), call.body.as_str()), (Some("trailers"), "\0\0\0\0\x03all"));
        }
    }
    assert_eq!(envoy.stat(&retry_stat("retries_denied_total", &[("reason", "answer")])).await?, 0);
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_attempts_fail_the_first_ones_words_stand() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let (envoy, client) = start(&upstreams, &json!({ "engine": "filter" })).await?;
    all(&upstreams, &says(14, "another", Some("other"))).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", says(14, "the first", Some("one")))?;
    }
    let answer = client.grpc(METHOD, b"all").send().await?;
    assert_eq!((answer.grpc_status(), answer.grpc_message()), (Some(14), "the first"));
    assert_eq!(answer.grpc_messages(), ["one"]);
    assert_eq!(attempts(&upstreams), 3);
    denied(&envoy, "num_retries", 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_passes_on_what_it_cannot_replace_and_counts_it() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let (envoy, client) = start(&upstreams, &json!({ "engine": "filter" })).await?;
    let without_data =
        Behaviour::GrpcStatus { status: 14, message: "no data".to_owned(), trailers: true, data: None };
    for (count, (behaviour, words)) in
        [(says(14, "trailers-only", None), "trailers-only"), (without_data, "no data")]
            .into_iter()
            .enumerate()
    {
        all(&upstreams, &behaviour).await?;
        let answer = client.grpc(METHOD, b"all").send().await?;
        assert_eq!((answer.status.as_u16(), answer.grpc_status()), (200, Some(14)));
        assert_eq!((answer.grpc_message(), answer.body.len()), (words, 0));
        assert_eq!(attempts(&upstreams), 1, "{words}");
        denied(&envoy, "answer", count as u64 + 1).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_fine_goes_on_as_it_is() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(2).await?;
        let (envoy, client) = start(&upstreams, &json!({ "engine": engine })).await?;
        let long = "x".repeat(300_000);
        let messages = [String::new(), "short".to_owned(), long.clone()];
        for message in &messages {
            all(&upstreams, &says(0, "fine", Some(message))).await?;
            let answer = client.grpc(METHOD, b"all").send().await?;
            assert_eq!((answer.grpc_status(), answer.grpc_message()), (Some(0), "fine"), "{engine}");
            assert!(answer.grpc_messages() == [message.as_str()], "{engine}: {} bytes", answer.body.len());
            assert_eq!(attempts(&upstreams), 1, "{engine}");
        }
        all(&upstreams, &says(0, "nothing", None)).await?;
        let answer = client.grpc(METHOD, b"all").send().await?;
        assert_eq!((answer.grpc_status(), answer.grpc_message()), (Some(0), "nothing"));
        // The filter does not read more than max_body.
        denied(&envoy, "answer", u64::from(engine == "filter")).await?;
        envoy.wait_for_stat(&retry_stat("attempts_total", &[]), |count| count == 4).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_post_and_is_not_sent_twice_unless_someone_says_so() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(2).await?;
        let policy = json!({ "engine": engine, "non_idempotent": false, "num_retries": 1 });
        let (envoy, client) = start(&upstreams, &policy).await?;
        // Of each engine the one that it can try again.
        let failed = if engine == "filter" { says(14, "busy", Some("x")) } else { says(14, "busy", None) };
        for (key, expected) in [(None, 1), (Some("7"), 2)] {
            all(&upstreams, &failed).await?;
            let call = client.grpc(METHOD, b"buy");
            let call = if let Some(key) = key { call.header("idempotency-key", key) } else { call };
            let answer = call.send().await?;
            assert_eq!((answer.grpc_status(), answer.grpc_message()), (Some(14), "busy"), "{engine}");
            assert_eq!(attempts(&upstreams), expected, "{engine} {key:?}");
        }
        if engine == "filter" {
            denied(&envoy, "not_idempotent", 1).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_tried_again_knows_how_much_of_grpc_timeout_is_left() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let waits = json!({ "base": "50ms", "max": "50ms", "jitter": "decorrelated" });
    let (envoy, client) = start(&upstreams, &json!({ "engine": "filter", "back_off": waits })).await?;
    all(&upstreams, &says(14, "busy", Some("x"))).await?;
    client.grpc(METHOD, b"all").header("grpc-timeout", "9S").send().await?;
    let mut calls: Vec<_> = upstreams.iter().flat_map(Upstream::requests).collect();
    calls.sort_by_key(|call| call.order);
    let left: Vec<u64> = calls
        .iter()
        .filter_map(|call| {
            let timeout = call.header("grpc-timeout")?;
            let (number, unit) = timeout.split_at_checked(timeout.len() - 1)?;
            Some(number.parse::<u64>().ok()? * if unit == "S" { 1_000 } else { u64::from(unit == "m") })
        })
        .collect();
    assert_eq!(left.len(), 3, "{calls:?}");
    assert!(left[0] == 9_000 && left[1] <= 8_950 && left[2] <= left[1].saturating_sub(50), "{left:?}");
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}
