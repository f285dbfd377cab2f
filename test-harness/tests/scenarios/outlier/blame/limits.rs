//! Time limits: a client's own is nobody else's fault, the operator's is the endpoint's as long as nothing has been answered.

use super::*;

/// Every route's timeout, long.
fn patient() -> Value {
    json!({ "timeout": "15s" })
}

/// Sends `EACH` gRPC calls of this timeout for every user, one after the other; the statuses that their clients got.
async fn calls(envoy: &Envoy, users: &[String], timeout: &str) -> anyhow::Result<Vec<Option<u8>>> {
    let client = Client::http2(envoy.listener_address("ingress").await?);
    let mut statuses = Vec::new();
    for user in users {
        for _ in 0..EACH {
            let call = client.grpc("/shop.Orders/Get", b"x").header("x-user", user);
            statuses.push(call.header("grpc-timeout", timeout).send().await?.grpc_status());
        }
    }
    Ok(statuses)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_own_grpc_timeout_ejects_nobody_whoever_ends_the_call() -> Outcome {
    // In each of the ways in which Envoy takes it over: a limit of the whole stream, and the route's own.
    let routes = [
        json!({ "max_stream_duration": { "grpc_timeout_header_max": "60s" } }),
        json!({ "max_grpc_timeout": "60s" }),
    ];
    for route in routes {
        let upstreams = Upstreams::start(ENDPOINTS).await?;
        let envoy =
            Envoy::start(plain(&upstreams, &by_user(&upstreams, &json!({})), &route).edit(http2)).await?;
        let users = users(&envoy, &upstreams).await?;
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::Stall).await?;
        }
        for timeout in ["200m", "5m"] {
            let statuses = calls(&envoy, &users, timeout).await?;
            assert!(statuses.iter().all(|status| *status != Some(0)), "{route} {timeout}: {statuses:?}");
        }
        until_idle(&envoy).await?;
        only_the_bad_one_goes(&envoy, &upstreams, &users[0]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_says_that_its_clients_time_is_over_is_not_ejected() -> Outcome {
    let upstreams = Upstreams::start(ENDPOINTS).await?;
    let document = by_user(&upstreams, &json!({}));
    let envoy = Envoy::start(plain(&upstreams, &document, &patient()).edit(http2)).await?;
    let users = users(&envoy, &upstreams).await?;
    let headers = [("content-type", "application/grpc"), ("grpc-status", "4")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let over = Behaviour::Answer { status: 200, headers, body: Some(String::new()), delay_ms: 110 };
    for upstream in upstreams.iter() {
        upstream.behave(over.clone()).await?;
    }
    let statuses = calls(&envoy, &users, "100m").await?;
    assert_eq!(statuses, vec![Some(4); ENDPOINTS * EACH], "as the endpoint said");
    only_the_bad_one_goes(&envoy, &upstreams, &users[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_header_of_the_clients_ejects_nobody() -> Outcome {
    let upstreams = Upstreams::start(ENDPOINTS).await?;
    let mut document = by_user(&upstreams, &json!({}));
    document["routes"][0]["retry"] =
        json!({ "engine": "router", "deadline_header": "x-left-ms", "num_retries": 0 });
    let bootstrap = retried(&upstreams, &document);
    let envoy = Envoy::start(bootstrap).await?;
    let users = users(&envoy, &upstreams).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::Stall).await?;
    }
    let client = envoy.client("ingress").await?;
    for user in &users {
        for _ in 0..EACH {
            let answer = client.get("/").header("x-user", user).header("x-left-ms", "100").send().await?;
            assert_eq!(answer.status, 504);
        }
    }
    until_idle(&envoy).await?;
    only_the_bad_one_goes(&envoy, &upstreams, &users[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_takes_longer_than_the_operator_allows_is_ejected() -> Outcome {
    // The route's time, each try's, and the limits of the connection manager.
    let per_try = json!({ "retry_policy": { "per_try_timeout": "0.1s", "num_retries": 0 } });
    let idle = json!({ "timeout": "15s", "idle_timeout": "0.1s" });
    let whole = json!({ "timeout": "15s", "max_stream_duration": { "max_stream_duration": "0.1s" } });
    for route in [json!({ "timeout": "0.1s" }), per_try, idle, whole] {
        let upstreams = Upstreams::start(ENDPOINTS).await?;
        let envoy = Envoy::start(plain(&upstreams, &by_user(&upstreams, &json!({})), &route)).await?;
        let users = users(&envoy, &upstreams).await?;
        bad(&upstreams)?.behave(Behaviour::Stall).await?;
        let client = envoy.client("ingress").await?;
        for _ in 0..3 {
            let request = client.request(hyper::Method::POST, "/").header("x-user", &users[0]).body("whole");
            assert!(request.send().await?.status.is_server_error(), "{route}");
        }
        envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await?;
    }
    Ok(())
}
