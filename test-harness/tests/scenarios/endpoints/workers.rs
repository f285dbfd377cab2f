//! Who asks: one worker, another when that dies, and each document for itself.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_asks_and_all_follow() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let stand_in = Upstream::start("registry", "127.0.0.1:0".parse()?).await?;
    let list: Vec<_> =
        upstreams.addresses().iter().map(|address| json!({ "address": address.to_string() })).collect();
    stand_in.behave(Behaviour::body(&json!(list).to_string())).await?;
    let source = json!({ "http": { "cluster": "registry", "path": "/v1/checkout", "interval": "10s" } });
    let bootstrap = live(&upstreams.addresses(), &listed_by(&source, &ring_hash()))
        .cluster(pieces::cluster("registry", &[stand_in.address()]));
    let envoy = Envoy::start(bootstrap.concurrency(4)).await?;
    // Every worker serves.
    for client in client_of_each_worker(&envoy, &upstreams, 4).await? {
        assert_eq!(client.get("/").send().await?.status, 200);
    }
    until_named(&envoy, &upstreams.addresses()).await?;
    assert_eq!(stand_in.count(), 1, "one has asked, and its list is everybody's");
    Ok(())
}

/// A sign that a worker sees is heard by the one that asks, whether all filters are one module or each has its own.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_worker_sees_a_sign_the_one_that_asks_hears_of_it() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let all = upstreams.addresses();
    // Nothing but signs brings another list while this runs.
    let document = listed_by(&listed::envoys_view("300s"), &ring_hash());
    for modules in [Modules::Chain, Modules::Separate] {
        let envoy = Envoy::start(live(&all[..1], &document).modules(modules).concurrency(2)).await?;
        let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
        until_listed(&envoy, 1).await?;
        for (client, count) in clients.iter().cycle().zip([2, 3, 4, 2, 3, 4, 2, 3]) {
            envoy.update_endpoints("checkout", &localities(&all[..count])).await?;
            envoy
                .until(&format!("a list of {count} by the requests of one worker"), async || {
                    client.get("/").send().await?;
                    let listed = envoy.stat(&stat("endpoints", "state=.=healthy;.;")).await?;
                    Ok((listed == count as u64).then_some(()))
                })
                .await?;
        }
    }
    Ok(())
}

/// The worker that asks dies with its VM: the list stays, and is followed on.
#[tokio::test(flavor = "multi_thread")]
async fn another_asks_when_the_vm_of_the_one_that_does_is_gone() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let all = upstreams.addresses();
    let bootstrap = live(&all[..3], &listed_by(&envoys_view(), &ring_hash()))
        .modules(Modules::Chain)
        .concurrency(2)
        .trapping("router");
    let envoy = Envoy::start(bootstrap).await?;
    until_listed(&envoy, 3).await?;
    until_named(&envoy, &all[..3]).await?;
    let client = envoy.client("ingress").await?;
    for _ in 0..6 {
        // Whichever worker it meets.
        let _ = client.get("/").header("x-trap", "1").send().await;
    }
    envoy.update_endpoints("checkout", &localities(&all[1..])).await?;
    until_named(&envoy, &all[1..]).await
}

/// A new configuration has the list at once, without an ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_configuration_goes_on_with_the_list_that_is_there() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let all = upstreams.addresses();
    let document = listed_by(&envoys_view(), &ring_hash());
    let envoy = Envoy::start(live(&all, &document).live_listeners()).await?;
    until_listed(&envoy, 3).await?;
    until_named(&envoy, &all).await?;
    // The admin cannot be reached any more, and another route comes.
    envoy.update_endpoints(ADMIN, &json!([])).await?;
    let mut changed = document.clone();
    changed["routes"][0]["name"] = json!("renamed");
    let listener = live(&all, &changed).listener_named("ingress")?;
    let unlisted = envoy.stat(&stat("fallbacks_total", "reason=.=no_list;.;")).await?;
    assert_eq!(envoy.update_listener(&listener).await?, Ok(()));
    envoy
        .until("the new route", async || {
            let answer = envoy.client("ingress").await?.get("/").header("x-user", "a").send().await?;
            let said = answer.header("x-switchyard-explain");
            assert!(!said.contains("candidates=none"), "{said}");
            Ok(said.contains("route=renamed").then_some(()))
        })
        .await?;
    assert_eq!(envoy.stat(&stat("fallbacks_total", "reason=.=no_list;.;")).await?, unlisted);
    Ok(())
}

/// Two listeners are two roots in the VM of each worker: each asks for its own, whichever was configured last.
#[tokio::test(flavor = "multi_thread")]
async fn listeners_with_different_documents_both_have_their_lists() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let all = upstreams.addresses();
    let document = listed_by(&envoys_view(), &ring_hash());
    let mut other =
        listed_by(&json!({ "envoy": { "admin_cluster": ADMIN, "interval": "20s" } }), &ring_hash());
    for pointer in ["/upstreams/0/name", "/routes/0/upstream"] {
        *other.pointer_mut(pointer).expect("a name") = json!("second");
    }
    other["upstreams"][0]["cluster"] = json!("checkout");
    let mut second = live(&all, &other).listener_named("ingress")?;
    second["name"] = json!("second");
    let envoy = Envoy::start(live(&all, &document).concurrency(2).listener(second)).await?;
    for (listener, upstream) in [("ingress", "checkout"), ("second", "second")] {
        let client = envoy.client(listener).await?;
        let name = format!("wasmcustom.switchyard.upstream=.={upstream};.;state=.=healthy;.;endpoints");
        envoy
            .until(&format!("a list of {upstream}"), async || {
                client.get("/").send().await?;
                Ok((envoy.stat(&name).await? == 3).then_some(()))
            })
            .await?;
    }
    Ok(())
}
