//! Request bodies and the filter's own engine of retries: those that are kept are sent again to the byte, larger ones stream on.

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// One client of each kind.
async fn clients(envoy: &Envoy) -> anyhow::Result<[Client; 2]> {
    let address = envoy.listener_address("ingress").await?;
    Ok([Client::to(address), Client::http2(address)])
}

/// A text of so many bytes in which every place looks different.
fn text(bytes: usize) -> String {
    let mut text: String = (0..=bytes / 8).map(|number| format!("{number:07}\n")).collect();
    text.truncate(bytes);
    text
}

/// What the upstreams have seen, in order.
fn seen(upstreams: &Upstreams) -> Vec<Recorded> {
    let mut seen: Vec<_> = upstreams.iter().flat_map(Upstream::requests).collect();
    seen.sort_by_key(|request| request.order);
    seen
}

async fn nothing_was_overdue(envoy: &Envoy) -> Outcome {
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_is_sent_again_with_exactly_its_body() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(2).await?;
        let envoy = start_retrying(&upstreams, &json!({ "engine": engine })).await?;
        for upstream in upstreams.iter() {
            upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
        }
        let body = text(40 << 10);
        for client in clients(&envoy).await? {
            upstreams.forget();
            let request = client.request(hyper::Method::PUT, "/cart?all=1").body(body.clone());
            let answer = request.header("x-twice", "a").header("x-twice", "b").send().await?;
            assert_eq!(answer.status, 200, "{engine}");
            let seen = seen(&upstreams);
            assert_eq!(seen.len(), 2, "{engine}");
            for request in &seen {
                assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/cart?all=1"));
                assert!(request.body == body, "{engine}: {} bytes of {}", request.body.len(), body.len());
                assert_eq!(request.header("content-length"), Some("40960"), "{engine}: {}", request.headers);
                assert_eq!(request.header("host"), Some("harness.test"));
                let twice: Vec<_> =
                    request.headers.lines().filter(|line| line.starts_with("x-twice: ")).collect();
                assert!(twice == ["x-twice: a", "x-twice: b"] || twice == ["x-twice: a,b"], "{twice:?}");
                assert_eq!(request.header("x-envoy-internal"), None, "{engine}");
            }
        }
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_eight_mebibytes_streams_on_and_is_not_sent_again() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({ "engine": "filter", "non_idempotent": true });
    let envoy = start_retrying(&upstreams, &policy).await?;
    let body = text(8 << 20);
    let mut sent = 0;
    for client in clients(&envoy).await? {
        for status in [200, 503] {
            for upstream in upstreams.iter() {
                upstream.behave(Behaviour::status(status)).await?;
            }
            upstreams.forget();
            assert_eq!(client.post("/", body.clone()).send().await?.status, status);
            let seen = seen(&upstreams);
            assert_eq!(seen.len(), 1, "{status}");
            // The upstream keeps the beginning of what has come whole, and nothing of what has not.
            assert_eq!(seen[0].header("content-length"), Some("8388608"));
            assert!(body.starts_with(&seen[0].body) && seen[0].body.len() == 64 << 10);
            sent += 1;
            let denied = retry_stat("retries_denied", &[("reason", "body_size")]);
            assert_eq!(envoy.wait_for_stat(&denied, |count| count >= sent).await?, sent);
        }
    }
    envoy.wait_for_stat(&retry_stat("attempts", &[]), |count| count == sent).await?;
    nothing_was_overdue(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_the_last_length_that_is_kept() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({ "engine": "filter", "max_body": "1KiB" });
    let envoy = start_retrying(&upstreams, &policy).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    for client in clients(&envoy).await? {
        for (bytes, status, attempts) in [(1024, 200, 2), (1025, 503, 1)] {
            upstreams.forget();
            let answer = client.request(hyper::Method::PUT, "/").body(text(bytes)).send().await?;
            assert_eq!(answer.status, status, "{bytes} bytes");
            let seen = seen(&upstreams);
            assert_eq!(seen.len(), attempts, "{bytes} bytes");
            assert!(seen.iter().all(|request| request.body == text(bytes)));
        }
    }
    nothing_was_overdue(&envoy).await
}
