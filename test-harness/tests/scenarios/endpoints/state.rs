//! What is known of an endpoint survives any change of the list: it is known by its address.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_ejected_stays_ejected_though_the_list_changes() -> Outcome {
    let upstreams = Upstreams::start(5).await?;
    let all = upstreams.addresses();
    let balance = json!({ "policy": "round_robin" });
    let document = with_outlier(listed_by(&envoys_view_often(), &balance), &json!({}));
    let policy = json!({ "retry_on": "5xx", "num_retries": 2 });
    let envoy = Envoy::start(live(&all[..3], &document).concurrency(2).retry_policy(&policy)).await?;
    until_listed(&envoy, 3).await?;
    upstreams[0].behave(Behaviour::status(503)).await?;
    send(&envoy, 200).await?;
    envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await?;
    upstreams[0].behave(Behaviour::status(200)).await?;
    until_ejected(&envoy, &upstreams, 100).await?;

    // Others come and go beside it; it goes itself, and comes back within its time.
    let changes: [&[SocketAddr]; 4] = [&all[..4], &[all[0], all[2], all[4]], &all[2..], &all];
    for addresses in changes {
        envoy.update_endpoints("checkout", &localities(addresses)).await?;
        until_listed(&envoy, addresses.len() as u64).await?;
        let rest: Vec<_> = addresses.iter().filter(|address| **address != all[0]).copied().collect();
        until_named(&envoy, &rest).await?;
        until_ejected(&envoy, &upstreams, 100).await?;
    }
    Ok(())
}

/// Whoever is new is judged, too: outlier.wasm hears of the list from the router.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_has_come_is_judged() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let all = upstreams.addresses();
    let document = with_outlier(listed_by(&envoys_view(), &json!({ "policy": "round_robin" })), &json!({}));
    let policy = json!({ "retry_on": "5xx", "num_retries": 2 });
    let envoy = Envoy::start(live(&all[1..], &document).concurrency(2).retry_policy(&policy)).await?;
    until_listed(&envoy, 3).await?;
    envoy.update_endpoints("checkout", &localities(&all)).await?;
    until_listed(&envoy, 4).await?;
    until_named(&envoy, &all).await?;
    upstreams[0].behave(Behaviour::status(503)).await?;
    send(&envoy, 200).await?;
    envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await?;
    until_ejected(&envoy, &upstreams, 100).await
}

/// A request that began under the old list ends under the new one, and its load is counted to its end and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_count_at_their_endpoint_through_every_change() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let all = upstreams.addresses();
    let balance = json!({ "policy": "least_request", "choice_count": 10 });
    let envoy = Envoy::start(live(&all[..2], &listed_by(&envoys_view(), &balance))).await?;
    until_listed(&envoy, 2).await?;
    until_named(&envoy, &all[..2]).await?;
    upstreams[0].behave_for("x-hold", "1", Behaviour::held(Behaviour::status(200)))?;
    upstreams[1].behave_for("x-hold", "1", Behaviour::held(Behaviour::status(200)))?;
    // Two wait at each, by least requests.
    let client = envoy.client("ingress").await?;
    let held = together(4, |_| client.get("/").header("x-hold", "1"));
    until_under_way(&envoy, &upstreams[0], 2).await?;
    until_under_way(&envoy, &upstreams[1], 2).await?;
    envoy.update_endpoints("checkout", &localities(&all)).await?;
    until_listed(&envoy, 3).await?;
    envoy
        .until("the new one, which has nothing under way, to get all", async || {
            upstreams.forget();
            send_one_by_one(&client, 20).await?;
            Ok((upstreams[2].count() == 20).then_some(()))
        })
        .await?;
    upstreams.iter().for_each(Upstream::release);
    for answer in answers(&envoy, held).await? {
        assert_eq!(answer.status, 200);
    }
    envoy
        .until("all three to have the same load again", async || {
            upstreams.forget();
            send_one_by_one(&client, 60).await?;
            Ok(upstreams.iter().all(|upstream| upstream.count() > 5).then_some(()))
        })
        .await
}

async fn send_one_by_one(client: &Client, count: usize) -> Outcome {
    for _ in 0..count {
        assert_eq!(client.get("/").send().await?.status, 200);
    }
    Ok(())
}
