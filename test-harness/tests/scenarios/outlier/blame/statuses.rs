//! What the operator says of who may be ejected, and for which statuses.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn at_zero_percent_nobody_is_ejected() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let envoy = start_ejecting(&upstreams, &json!({ "max_ejection_percent": 0, "min_healthy": 0 })).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(500)).await?;
    }
    send(&envoy, 100).await?;
    let spared =
        outlier_stat("ejections_spared_total", &[("reason", "consecutive_5xx"), ("result", "overflow")]);
    envoy.wait_for_stat(&spared, |count| count >= 1).await?;
    nobody_goes(&envoy, "all answer 500")
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_statuses_count_that_the_operator_names_and_no_others() -> Outcome {
    let upstreams = Upstreams::start(ENDPOINTS).await?;
    let document = by_user(&upstreams, &json!({ "failure_grpc_statuses": ["unavailable", 13] }));
    let envoy = Envoy::start(plain(&upstreams, &document, &json!({})).edit(http2)).await?;
    let users = users(&envoy, &upstreams).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    let answers = async |status: u8, trailers: bool| {
        let answer = Behaviour::GrpcStatus { status, message: String::new(), trailers, data: None };
        bad(&upstreams)?.behave(answer).await?;
        for _ in 0..EACH {
            let call = client.grpc("/shop.Orders/Get", b"x").header("x-user", &users[0]).send().await?;
            anyhow::ensure!(call.grpc_status() == Some(status), "{call:?}");
        }
        anyhow::Ok(())
    };
    for status in [2, 4, 12] {
        for trailers in [false, true] {
            answers(status, trailers).await?;
        }
    }
    nobody_goes(&envoy, "unknown and unimplemented are the caller's here")?;
    bad(&upstreams)?
        .behave(Behaviour::GrpcStatus { status: 14, message: String::new(), trailers: true, data: None })
        .await?;
    for _ in 0..3 {
        client.grpc("/shop.Orders/Get", b"x").header("x-user", &users[0]).send().await?;
    }
    envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await.map(drop)
}
