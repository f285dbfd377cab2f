//! Endpoints that leave at a bad moment: while they are hedged to, tried again after an ejection, or while a batch waits for them; by DNS; and by
//! the hundred.

use super::*;
use std::net::Ipv4Addr;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn one_that_leaves_while_it_is_hedged_to_still_answers_that_request() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let all = upstreams.addresses();
    let mut document = listed_by(&envoys_view(), &json!({ "policy": "round_robin" }));
    document["routes"][0]["retry"] =
        json!({ "engine": "filter", "hedge": { "initial_delay": "30ms", "min_delay": "30ms" } });
    let envoy = Envoy::start(live(&all[..2], &document)).await?;
    until_listed(&envoy, 2).await?;
    until_named(&envoy, &all[..2]).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-hold", "1", Behaviour::held(Behaviour::status(200)))?;
    }
    let client = envoy.client("ingress").await?;
    let held = together(1, |_| client.get("/").header("x-hold", "1"));
    for upstream in upstreams.iter().take(2) {
        until_under_way(&envoy, upstream, 1).await?;
    }
    // Both that it waits for leave, and a third one comes.
    envoy.update_endpoints("checkout", &localities(&all[2..])).await?;
    until_listed(&envoy, 1).await?;
    until_named(&envoy, &all[2..]).await?;
    upstreams.iter().for_each(Upstream::release);
    let answers = answers(&envoy, held).await?;
    assert_eq!(answers[0].status, 200);
    assert_eq!(envoy.stat(&retry_stat("hedges_total", &[])).await?, 1);
    until_named(&envoy, &all[2..]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_leaves_while_it_is_tried_is_readmitted_when_it_is_back() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let all = upstreams.addresses();
    let times = json!({ "base_ejection_time": "500ms", "max_ejection_time": "500ms" });
    let document = with_outlier(listed_by(&envoys_view_often(), &json!({ "policy": "round_robin" })), &times);
    let policy = json!({ "retry_on": "5xx", "num_retries": 2 });
    let envoy = Envoy::start(live(&all, &document).concurrency(2).retry_policy(&policy)).await?;
    until_listed(&envoy, 4).await?;
    upstreams[0].behave(Behaviour::status(503)).await?;
    envoy
        .until("the ejection", async || {
            send(&envoy, 40).await?;
            Ok((envoy.stat(&ejections("consecutive_5xx")).await? > 0).then_some(()))
        })
        .await?;
    // The next request that tries it finds it silent, and it leaves meanwhile.
    upstreams[0].behave(Behaviour::held(Behaviour::status(200))).await?;
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(4).requests(100_000);
    let running = tokio::spawn(async move { load.run().await });
    until_under_way(&envoy, &upstreams[0], 1).await?;
    envoy.update_endpoints("checkout", &localities(&all[1..])).await?;
    until_listed(&envoy, 3).await?;
    upstreams[0].release();
    upstreams[0].behave(Behaviour::status(200)).await?;
    envoy.update_endpoints("checkout", &localities(&all)).await?;
    until_listed(&envoy, 4).await?;
    envoy
        .until("it to serve again", async || {
            upstreams[0].forget();
            send(&envoy, 80).await?;
            Ok((upstreams[0].count() >= 10).then_some(()))
        })
        .await?;
    running.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_waits_for_one_that_leaves_gets_its_answer_and_the_next_goes_elsewhere() -> Outcome {
    let cost = Duration::from_millis(500);
    let (one, two) = (
        Service::start(Cost::new(cost, Duration::ZERO)).await?,
        Service::start(Cost::new(cost, Duration::ZERO)).await?,
    );
    let section = batch_section(Protocol::JsonRpc, &json!({ "max_in_flight": 1, "max_delay": "2s" }));
    let mut document = batching(&one, &section);
    document["upstreams"][0]["endpoints"] = envoys_view_often();
    let bootstrap = Bootstrap::shipped()
        .endpoints("checkout", &[one.address()])
        .document(&document)
        .only(&["batch", "router"])
        .live_endpoints("checkout")
        .admin_cluster(ADMIN)
        .concurrency(1);
    let envoy = Envoy::start(bootstrap).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    let call = |number: u64| {
        let body = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [number] });
        client.post("/rpc", body.to_string()).header("content-type", "application/json")
    };
    let name = stat("endpoints", "state=.=healthy;.;");
    envoy
        .until("the list", async || {
            call(0).send().await?;
            Ok((envoy.stat(&name).await? == 1).then_some(()))
        })
        .await?;
    one.forget();
    let waiting = together(8, |number| call(number as u64 + 1));
    envoy.until("a call under way", async || Ok((one.count() > 0).then_some(()))).await?;
    envoy.update_endpoints("checkout", &localities(&[two.address()])).await?;
    for answer in answers(&envoy, waiting).await? {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    envoy
        .until("calls to the other one", async || {
            two.forget();
            assert_eq!(call(9).send().await?.status, 200);
            Ok((two.count() == 1).then_some(()))
        })
        .await
}

/// Every name has the hosts that the server says; Envoy asks it ten times in a second.
fn by_dns(dns: &Dns, hosts: &[SocketAddr]) -> Value {
    let server = dns.address();
    json!({
        "name": "checkout",
        "type": "STRICT_DNS",
        "connect_timeout": "0.25s",
        "dns_refresh_rate": "0.1s",
        "dns_lookup_family": "V4_ONLY",
        "typed_dns_resolver_config": {
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                "resolvers": [{ "socket_address": { "address": server.ip().to_string(), "port_value": server.port() } }],
                "dns_resolver_options": { "no_default_search_domain": true },
            },
        },
        "load_assignment": {
            "cluster_name": "checkout",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": {
                "socket_address": { "address": "checkout.test", "port_value": hosts[0].port() },
            } } }] }],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_replacement_by_dns_costs_no_client_an_error() -> Outcome {
    // One port, at addresses of their own: DNS tells of no ports.
    let first = Upstreams::start_at(&[SocketAddr::from((Ipv4Addr::new(127, 0, 3, 1), 0))]).await?;
    let port = first.addresses()[0].port();
    let rest: Vec<_> =
        (2..=12).map(|host| SocketAddr::from((Ipv4Addr::new(127, 0, 3, host), port))).collect();
    let others = Upstreams::start_at(&rest).await?;
    let all: Vec<_> = first.addresses().into_iter().chain(others.addresses()).collect();
    let dns = Dns::start(&all[..6]).await?;
    let mut document = listed_by(&envoys_view(), &ring_hash());
    document["routes"][0]["retry"] =
        json!({ "engine": "filter", "num_retries": 2, "retry_on": { "statuses": ["503"] } });
    let shipped = Bootstrap::shipped().cluster_named("checkout")?;
    let mut cluster = by_dns(&dns, &all);
    for field in ["load_balancing_policy", "typed_extension_protocol_options"] {
        cluster[field] = shipped[field].clone();
    }
    let bootstrap = Bootstrap::shipped()
        .document(&document)
        .only(&["router", "retry"])
        .cluster(cluster)
        .admin_cluster(ADMIN)
        .concurrency(2);
    let envoy = Envoy::start(bootstrap).await?;
    until_listed(&envoy, 6).await?;
    until_named(&envoy, &all[..6]).await?;
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(8);
    let load = load.lasting(Duration::from_secs(600)).keys("x-user", |i| format!("user-{}", i % 1_000));
    let running = tokio::spawn(async move { load.run().await });
    for step in 1..=6 {
        dns.set(&all[step - 1..6 + step]);
        until_named(&envoy, &all[step - 1..6 + step]).await?;
        dns.set(&all[step..6 + step]);
        until_named(&envoy, &all[step..6 + step]).await?;
        let gone = if step == 1 { &first[0] } else { &others[step - 2] };
        gone.behave(Behaviour::Refuse).await?;
    }
    running.abort();
    let _ = running.await;
    let bad = envoy.stat("http.ingress.downstream_rq_5xx").await?;
    assert_eq!(bad + envoy.stat("http.ingress.downstream_rq_4xx").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_sixty_leave_one_after_another_and_three_become_fifty() -> Outcome {
    // One server at every address of 127.0.0.0/8.
    let upstreams = Upstreams::start_at(&[SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))]).await?;
    let port = upstreams.addresses()[0].port();
    let at = |number: u16| {
        let [high, low] = number.to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(127, 4, high, low), port))
    };
    let all: Vec<_> = (1..=1_000).map(at).collect();
    let envoy =
        Envoy::start(live(&all[..3], &listed_by(&envoys_view(), &ring_hash())).concurrency(2)).await?;
    until_listed(&envoy, 3).await?;
    for count in [50, 3, 1_000] {
        envoy.update_endpoints("checkout", &localities(&all[..count])).await?;
        until_listed(&envoy, count as u64).await?;
    }
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(4);
    let load = load.lasting(Duration::from_secs(600)).keys("x-user", |i| format!("user-{}", i % 1_000));
    let running = tokio::spawn(async move { load.run().await });
    for gone in 1..=60 {
        envoy.update_endpoints("checkout", &localities(&all[gone..])).await?;
        envoy
            .until("Envoy to have one less", async || {
                let members = envoy.stat("cluster.checkout.membership_total").await?;
                Ok((members == 1_000 - gone as u64).then_some(()))
            })
            .await?;
    }
    until_listed(&envoy, 940).await?;
    running.abort();
    let _ = running.await;
    let names: BTreeSet<_> = named(&envoy, 2_000).await?.into_iter().collect();
    let left: BTreeSet<_> = all[60..].iter().map(SocketAddr::to_string).collect();
    assert!(names.is_subset(&left), "{:?}", names.difference(&left).collect::<Vec<_>>());
    let bad = envoy.stat("http.ingress.downstream_rq_5xx").await?;
    assert_eq!(bad + envoy.stat("http.ingress.downstream_rq_4xx").await?, 0);
    Ok(())
}
