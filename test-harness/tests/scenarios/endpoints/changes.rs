//! A list that changes: who comes gets requests, who goes gets none, and clients see nothing of it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_is_named_and_who_goes_is_not() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let all = upstreams.addresses();
    let envoy =
        Envoy::start(live(&all[..3], &listed_by(&envoys_view(), &ring_hash())).concurrency(2)).await?;
    // Before the first list requests go as Envoy's fallback sends them.
    let first = envoy.client("ingress").await?.get("/").send().await?;
    assert_eq!(first.status, 200);
    envoy.wait_for_stat(&stat("fallbacks_total", "reason=.=no_list;.;"), |count| count > 0).await?;
    until_listed(&envoy, 3).await?;
    until_named(&envoy, &all[..3]).await?;

    // One comes and one goes: seen long before the interval of 30 s is over.
    envoy.update_endpoints("checkout", &localities(&all[1..])).await?;
    until_named(&envoy, &all[1..]).await?;
    upstreams.forget();
    let load = Load::against(envoy.listener_address("ingress").await?).requests(1_000);
    let report = load.keys("x-user", |i| format!("user-{i}")).run().await?;
    assert_eq!((report.successes(), report.by_upstream.len(), upstreams[0].count()), (1_000, 3, 0));
    assert_eq!(report.wandering_keys, 0);
    Ok(())
}

/// What of the keys moves is what must: those of the endpoint that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn keys_go_where_envoys_own_ring_and_table_send_them_after_every_change() -> Outcome {
    let upstreams = Upstreams::start(6).await?;
    let all = upstreams.addresses();
    for (policy, native) in [("ring_hash", "RING_HASH"), ("maglev", "MAGLEV")] {
        let balance = json!({ "policy": policy, "hash_on": [{ "header": "x-user" }] });
        let mut cluster = pieces::cluster("native", &all[..4]);
        cluster["lb_policy"] = json!(native);
        let route = json!({
            "match": { "prefix": "/native" },
            "route": { "cluster": "native", "hash_policy": [{ "header": { "header_name": "x-user" } }] },
        });
        let bootstrap = live(&all[..4], &listed_by(&envoys_view_often(), &balance))
            .cluster(cluster)
            .live_endpoints("native")
            .first_route(&route);
        let envoy = Envoy::start(bootstrap).await?;
        until_listed(&envoy, 4).await?;
        let weights = |list: &[(usize, u32)]| {
            pieces::localities(&list.iter().map(|(index, weight)| (all[*index], *weight)).collect::<Vec<_>>())
        };
        let changes = [
            weights(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]),
            weights(&[(4, 1), (3, 1), (1, 1), (0, 1)]),
            weights(&[(0, 3), (1, 1), (3, 2), (4, 1)]),
            weights(&[(5, 1)]),
            weights(&[(0, 1), (1, 1), (2, 1), (3, 1)]),
        ];
        for (number, change) in changes.iter().enumerate() {
            envoy.update_endpoints("native", change).await?;
            envoy.update_endpoints("checkout", change).await?;
            let count = envoy.stat("cluster.checkout.membership_total").await?;
            until_listed(&envoy, count).await?;
            envoy
                .until(&format!("{policy} to agree with Envoy's own after change {number}"), async || {
                    let ours = named(&envoy, 300).await?;
                    Ok((ours == natives(&envoy, 300).await?).then_some(()))
                })
                .await?;
        }
    }
    Ok(())
}

/// Where Envoy's own policy sends the same keys.
async fn natives(envoy: &Envoy, keys: u64) -> anyhow::Result<Vec<String>> {
    let client = envoy.client("ingress").await?;
    let mut all = Vec::new();
    for key in 0..keys {
        let answer = client.get("/native").header("x-user", format!("user-{key}")).send().await?;
        all.push(answer.header("x-upstream-address").to_owned());
    }
    Ok(all)
}

/// Ten endpoints are replaced one after another while requests flow: no client sees an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_replacement_costs_no_client_an_error() -> Outcome {
    for engine in ["router", "filter"] {
        let upstreams = Upstreams::start(20).await?;
        let all = upstreams.addresses();
        let mut document = listed_by(&envoys_view(), &ring_hash());
        document["routes"][0]["retry"] =
            json!({ "engine": engine, "num_retries": 2, "retry_on": { "statuses": ["503"] } });
        let envoy = Envoy::start(live(&all[..10], &document).concurrency(2)).await?;
        until_listed(&envoy, 10).await?;
        let address = envoy.listener_address("ingress").await?;
        let load = Load::against(address).concurrency(8).lasting(std::time::Duration::from_secs(600));
        let load = load.keys("x-user", |i| format!("user-{}", i % 1_000));
        let running = tokio::spawn(async move { load.run().await });
        for step in 1..=10 {
            // As a deployment does it: the new one is there before the old one leaves, and that one ends only then.
            envoy.update_endpoints("checkout", &localities(&all[step - 1..10 + step])).await?;
            envoy.update_endpoints("checkout", &localities(&all[step..10 + step])).await?;
            until_listed(&envoy, 10).await?;
            upstreams[step - 1].behave(Behaviour::Refuse).await?;
        }
        until_named(&envoy, &all[10..]).await?;
        running.abort();
        let _ = running.await;
        let bad: u64 = ["downstream_rq_5xx", "downstream_rq_4xx"]
            .iter()
            .map(|name| format!("http.ingress.{name}"))
            .zip([
                envoy.stat("http.ingress.downstream_rq_5xx").await?,
                envoy.stat("http.ingress.downstream_rq_4xx").await?,
            ])
            .map(|(_, count)| count)
            .sum();
        assert_eq!(bad, 0, "{engine}");
        let good = envoy.stat("http.ingress.downstream_rq_2xx").await?;
        assert!(good > 1_000, "{engine}: {good}");
    }
    Ok(())
}

/// What Envoy knows against a host counts: who drains or is unhealthy is not named.
#[tokio::test(flavor = "multi_thread")]
async fn who_drains_or_is_unhealthy_by_the_control_plane_is_not_named() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let all = upstreams.addresses();
    let envoy = Envoy::start(live(&all, &listed_by(&envoys_view(), &ring_hash()))).await?;
    until_listed(&envoy, 4).await?;
    let mut changed = localities(&all);
    changed[0]["lb_endpoints"][0]["health_status"] = json!("DRAINING");
    changed[0]["lb_endpoints"][1]["health_status"] = json!("UNHEALTHY");
    envoy.update_endpoints("checkout", &changed).await?;
    // The number of members is the same, and nobody is missed: the interval alone would show it. A reload asks at once.
    let document =
        listed_by(&json!({ "envoy": { "admin_cluster": ADMIN, "interval": "100ms" } }), &ring_hash());
    drop(envoy);
    let envoy = Envoy::start(live(&all, &document)).await?;
    envoy.update_endpoints("checkout", &changed).await?;
    until_listed(&envoy, 2).await?;
    until_named(&envoy, &all[2..]).await?;
    upstreams.forget();
    named(&envoy, 200).await?;
    assert_eq!((upstreams[0].count(), upstreams[1].count()), (0, 0));
    Ok(())
}
