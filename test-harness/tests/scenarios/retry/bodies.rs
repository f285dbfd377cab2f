//! Request bodies and the filter's own engine of retries: those that are kept are sent again to the byte, larger ones stream on.

use serde_json::json;
use switchyard_test_harness::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
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
            let denied = retry_stat("retries_denied_total", &[("reason", "body_size")]);
            assert_eq!(envoy.wait_for_stat(&denied, |count| count >= sent).await?, sent);
        }
    }
    envoy.wait_for_stat(&retry_stat("attempts_total", &[]), |count| count == sent).await?;
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

/// The status of a POST whose head and body are written apart: the body when Envoy has the head.
async fn apart(envoy: &Envoy, more: &str, body: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(envoy.listener_address("ingress").await?).await?;
    stream.set_nodelay(true)?;
    let head = format!("POST /cart HTTP/1.1\r\nhost: harness.test\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).await?;
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 1).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    Ok(answer.split(' ').nth(1).unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_after_its_head_is_sent_again() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(4).await?;
        let envoy = start_retrying(&upstreams, &json!({ "engine": engine })).await?;
        // Nobody has seen what did not reach two of four endpoints.
        for upstream in upstreams.iter().take(2) {
            upstream.behave(Behaviour::Refuse).await?;
            envoy.until_disconnected(upstream.address()).await?;
        }
        for number in 0..12 {
            let body = format!("order {number:02}");
            let (more, body) = match number % 2 {
                0 => ("content-length: 8\r\n", body),
                _ => ("transfer-encoding: chunked\r\n", format!("8\r\n{body}\r\n0\r\n\r\n")),
            };
            assert_eq!(apart(&envoy, more, &body).await?, "200", "{engine}: {number}");
        }
        let mut bodies: Vec<_> = seen(&upstreams).into_iter().map(|request| request.body).collect();
        bodies.sort_unstable();
        assert_eq!(
            bodies,
            (0..12).map(|number| format!("order {number:02}")).collect::<Vec<_>>(),
            "{engine}"
        );
        assert_eq!(envoy.stat(&retry_stat("retries_denied_total", &[("reason", "body_size")])).await?, 0);
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_end_in_time_streams_on_whole() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({ "engine": "filter", "body_timeout": "100ms" });
    let envoy = start_retrying(&upstreams, &policy).await?;
    let mut stream = TcpStream::connect(envoy.listener_address("ingress").await?).await?;
    let head = "PUT /cart HTTP/1.1\r\nhost: harness.test\r\nconnection: close\r\ncontent-length: 10\r\n\r\n";
    stream.write_all(format!("{head}01234").as_bytes()).await?;
    // It goes on: its endpoint has a connection.
    envoy.wait_for_stat("cluster.checkout.upstream_rq_active", |active| active == 1).await?;
    stream.write_all(b"56789").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(seen(&upstreams).into_iter().map(|request| request.body).collect::<Vec<_>>(), ["0123456789"]);
    let denied = retry_stat("retries_denied_total", &[("reason", "body_size")]);
    envoy.wait_for_stat(&denied, |count| count == 1).await?;
    nothing_was_overdue(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn envoys_router_counts_the_body_that_it_does_not_send_again() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &json!({ "engine": "router" })).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(503)).await?;
    }
    let client = &clients(&envoy).await?[0];
    let answer = client.request(hyper::Method::PUT, "/").body(text(8 << 20)).send().await?;
    assert_eq!((answer.status.as_u16(), seen(&upstreams).len()), (503, 1));
    envoy.wait_for_stat("cluster.checkout.retry_or_shadow_abandoned", |count| count == 1).await?;
    Ok(())
}
