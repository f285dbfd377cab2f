//! Answers that are read before they are judged, and those that are too long for that.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// A JSON answer that says that it failed.
const FAILED: &str = r#"{"error":{"code":"busy","at":7}}"#;
/// One that does not.
const FINE: &str = "{ \"orders\": [1, 2.50],\n  \"error\": null }";

/// The filter's engine, which takes a JSON answer with something at `/error` for a failure.
fn reading(more: &Value) -> Value {
    let mut policy =
        json!({ "engine": "filter", "retry_on": { "body": [{ "pointer": "/error", "exists": true }] } });
    if let (Some(policy), Some(more)) = (policy.as_object_mut(), more.as_object()) {
        policy.extend(more.clone());
    }
    policy
}

/// One client of each kind.
async fn clients(envoy: &Envoy) -> anyhow::Result<[Client; 2]> {
    let address = envoy.listener_address("ingress").await?;
    Ok([Client::to(address), Client::http2(address)])
}

/// All upstreams treat all requests in this way.
async fn all(upstreams: &Upstreams, behaviour: Behaviour) -> Outcome {
    for upstream in upstreams.iter() {
        upstream.behave(behaviour.clone()).await?;
    }
    upstreams.forget();
    Ok(())
}

/// How many attempts the upstreams have seen.
fn attempts(upstreams: &Upstreams) -> u64 {
    upstreams.counts().values().sum()
}

/// Waits until so many requests were denied a retry for this reason, and sees that the watchdog had no work.
async fn denied(envoy: &Envoy, reason: &str, count: u64) -> Outcome {
    let denied = retry_stat("retries_denied_total", &[("reason", reason)]);
    envoy.wait_for_stat(&denied, |now| now >= count).await?;
    assert_eq!(envoy.stat(&denied).await?, count, "denied: {reason}");
    nothing_was_overdue(envoy).await
}

async fn nothing_was_overdue(envoy: &Envoy) -> Outcome {
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_200_that_tells_of_an_error_is_tried_again_by_what_it_says() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    for (rule, fine) in [
        (json!({ "pointer": "/error", "exists": true }), FINE),
        (json!({ "pointer": "/error/code", "equals": "busy" }), r#"{"error":{"code":"gone"}}"#),
        (json!({ "pointer": "/error/at", "equals": 7 }), r#"{"error":{"at":"7"}}"#),
        (json!({ "pointer": "/error/code", "matches": "bus.*" }), r#"{"error":{"code":"a bus"}}"#),
    ] {
        let envoy = start_retrying(&upstreams, &reading(&json!({ "retry_on": { "body": [rule] } }))).await?;
        all(&upstreams, Behaviour::body(fine)).await?;
        upstreams[0].behave(Behaviour::body(FAILED)).await?;
        for client in clients(&envoy).await? {
            for _ in 0..6 {
                let answer = client.get("/").send().await?;
                assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, fine), "{rule}");
                assert_eq!(answer.header("content-length"), fine.len().to_string(), "{rule}");
            }
        }
        let failed = upstreams[0].count();
        assert!(failed >= 3, "{rule}: {failed}");
        assert_eq!(attempts(&upstreams), 12 + failed, "{rule}: what is good is not asked for again");
        let retries = retry_stat("retries_total", &[("reason", "body")]);
        envoy.wait_for_stat(&retries, |count| count == failed).await?;
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_answer_tells_of_an_error_the_client_gets_the_first_one() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = start_retrying(&upstreams, &reading(&json!({}))).await?;
    for client in clients(&envoy).await? {
        all(&upstreams, Behaviour::body(FAILED)).await?;
        let answer = client.get("/").send().await?;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, FAILED));
        assert_eq!(attempts(&upstreams), 3);
    }
    denied(&envoy, "num_retries", 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_header_is_a_reason_to_try_again() -> Outcome {
    for (engine, header) in [
        ("filter", json!({ "name": "x-state", "exact": "draining" })),
        ("router", json!({ "name": "x-state", "present": true })),
    ] {
        let upstreams = Upstreams::start(3).await?;
        let policy = json!({ "engine": engine, "retry_on": { "headers": [header] } });
        let envoy = start_retrying(&upstreams, &policy).await?;
        let draining = |status| Behaviour::Answer {
            status,
            headers: [("x-state".to_owned(), "draining".to_owned())].into(),
            body: None,
            delay_ms: 0,
        };
        // Whatever the status is.
        upstreams[0].behave(draining(200)).await?;
        upstreams[1].behave(draining(404)).await?;
        for client in clients(&envoy).await? {
            for _ in 0..6 {
                let answer = client.get("/").send().await?;
                assert_eq!((answer.status.as_u16(), answer.upstream()), (200, "upstream-3"), "{engine}");
            }
        }
        let reason = if engine == "filter" { "header" } else { "envoy" };
        let retries = retry_stat("retries_total", &[("reason", reason)]);
        let made = attempts(&upstreams) - 12;
        envoy.wait_for_stat(&retries, |count| count == made).await?;
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_answer_that_is_too_long_to_be_read_goes_on_whole_and_is_counted() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &reading(&json!({ "max_body": "16KiB" }))).await?;
    let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(3 << 19));
    let mut count = 0;
    for client in clients(&envoy).await? {
        // Of one of them the length is known before it is read.
        let drip = Behaviour::Drip { bytes: 5_000, every_ms: 1, total: 100_000 };
        for (behaviour, body) in [(drip, ".".repeat(100_000)), (Behaviour::body(&long), long.clone())] {
            all(&upstreams, behaviour).await?;
            let answer = client.get("/").send().await?;
            assert_eq!(answer.status, 200);
            assert!(answer.body == body, "{} bytes of {}", answer.body.len(), body.len());
            assert_eq!(attempts(&upstreams), 1);
            count += 1;
        }
    }
    denied(&envoy, "answer", count).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_answer_that_is_too_long_to_be_held_goes_on_whole() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    // The wait gives the answer time to grow.
    let waits = json!({ "base": "10s", "max": "10s", "jitter": "decorrelated" });
    let policy = json!({ "engine": "filter", "max_body": "16KiB", "back_off": waits });
    let envoy = start_retrying(&upstreams, &policy).await?;
    let page = "an error page, and a long one. ".repeat(60_000);
    let failed = Behaviour::Answer {
        status: 503,
        headers: [("x-why".to_owned(), "overload".to_owned())].into(),
        body: Some(page.clone()),
        delay_ms: 0,
    };
    for client in clients(&envoy).await? {
        all(&upstreams, failed.clone()).await?;
        let answer = client.get("/").send().await?;
        assert_eq!((answer.status.as_u16(), answer.header("x-why")), (503, "overload"));
        assert!(answer.body == page, "{} bytes of {}", answer.body.len(), page.len());
        assert_eq!(attempts(&upstreams), 1);
    }
    denied(&envoy, "answer", 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_head_is_not_read_and_not_held() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &reading(&json!({}))).await?;
    all(&upstreams, Behaviour::body(FAILED)).await?;
    for client in clients(&envoy).await? {
        let answer = client.request(hyper::Method::HEAD, "/").send().await?;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
        assert_eq!(answer.header("content-length"), FAILED.len().to_string());
    }
    assert_eq!(attempts(&upstreams), 2);
    nothing_was_overdue(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leave_to_hold_headers_back_the_watchdog_lets_the_answer_go_whole() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let forget = |bootstrap: &mut Value| {
        let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        for filter in bootstrap.pointer_mut(filters).and_then(Value::as_array_mut).into_iter().flatten() {
            let config = filter.pointer_mut("/typed_config/config").and_then(Value::as_object_mut);
            config.and_then(|config| config.remove("allow_on_headers_stop_iteration"));
        }
    };
    let document = retrying(&upstreams, &reading(&json!({})));
    let envoy = Envoy::start(retried(&upstreams, &document).edit(forget).concurrency(2)).await?;
    // Longer than Envoy's buffer, too: what cannot be held waits in the connection.
    let long = ".".repeat(3 << 19);
    let clients = clients(&envoy).await?;
    all(&upstreams, Behaviour::body(FAILED)).await?;
    upstreams[1].behave(Behaviour::Drip { bytes: 64 << 10, every_ms: 1, total: long.len() }).await?;
    let requests = clients.iter().flat_map(|client| [client.get("/").send(), client.get("/").send()]);
    let requests: Vec<_> = requests.map(tokio::spawn).collect();
    let mut bodies = Vec::new();
    for request in requests {
        let answer = request.await??;
        assert_eq!(answer.status, 200);
        bodies.push(answer.text());
    }
    bodies.sort_unstable_by_key(String::len);
    assert!(bodies.first().is_some_and(|body| body == FAILED), "{:?}", bodies.first().map(String::len));
    assert!(bodies.iter().all(|body| *body == FAILED || *body == long), "they are whole");
    assert_eq!(attempts(&upstreams), 4);
    envoy.wait_for_stat(&retry_stat("retry_watchdog_total", &[]), |count| count == 4).await?;
    Ok(())
}
