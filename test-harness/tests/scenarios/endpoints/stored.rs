//! The document itself in a store: taken by every worker without a listener update, or refused while the old one serves.

use super::*;

const KEY: &str = "/switchyard/document";

/// Sends every request to the one endpoint.
fn naming(address: SocketAddr, route: &str) -> Value {
    json!({
        "explain": true,
        "upstreams": [{ "name": "checkout", "endpoints": [{ "address": address.to_string() }] }],
        "routes": [{ "name": route, "match": {}, "upstream": "checkout" }],
    })
}

/// The shipped bootstrap with all of `upstreams`, whose document is where `source` says; `store` is where that leads.
fn stored(upstreams: &Upstreams, source: &Value, store: SocketAddr) -> Bootstrap {
    stored_for(&["router"], upstreams, source, store)
}

/// The same, of our filters these alone.
fn stored_for(filters: &[&str], upstreams: &Upstreams, source: &Value, store: SocketAddr) -> Bootstrap {
    Bootstrap::shipped()
        .endpoints("checkout", &upstreams.addresses())
        .cluster(pieces::cluster("store", &[store]))
        .document(&json!({ "document": source }))
        .only(filters)
        .concurrency(2)
}

/// Waits until requests on all of these connections are of this route.
async fn until_of_route(envoy: &Envoy, clients: &[Client], route: &str) -> Outcome {
    let wanted = format!("route={route} ");
    envoy
        .until(&format!("every worker to have the document with route {route}"), async || {
            let mut all = true;
            for client in clients {
                let answer = client.get("/").send().await?;
                assert_eq!(answer.status, 200);
                all &=
                    format!("{} ", answer.header("x-switchyard-explain").replace(';', " ")).contains(&wanted);
            }
            Ok(all.then_some(()))
        })
        .await
}

fn of_filter(metric: &str, label: &str) -> String {
    let filter = Modules::of_environment().name_of("router");
    format!("wasmcustom.switchyard.filter=.={filter};.;{label}{metric}")
}

#[tokio::test(flavor = "multi_thread")]
async fn all_workers_take_what_etcd_has_and_what_is_wrong_there_changes_nothing() -> Outcome {
    let (etcd, upstreams) = (Etcd::start().await?, Upstreams::start(3).await?);
    let all = upstreams.addresses();
    let source = json!({ "etcd": { "cluster": "store", "key": KEY, "interval": "100ms" } });
    let envoy = Envoy::start(stored(&upstreams, &source, etcd.address()).live_listeners()).await?;
    // While there is none requests go as Envoy's own routes say.
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    envoy.wait_for_log("the document could not be read: the store has nothing under the key").await?;
    assert_eq!(clients[0].get("/").send().await?.header("x-switchyard-explain"), "");

    etcd.put(KEY, &naming(all[0], "first").to_string()).await?;
    until_of_route(&envoy, &clients, "first").await?;
    upstreams.forget();
    for client in &clients {
        client.get("/").send().await?;
    }
    assert_eq!((upstreams[0].count(), upstreams[1].count()), (2, 0));
    let version = envoy.wait_for_stat(&of_filter("document_version", ""), |version| version > 0).await?;
    etcd.put(KEY, &naming(all[1], "second").to_string()).await?;
    until_of_route(&envoy, &clients, "second").await?;
    envoy.wait_for_stat(&of_filter("document_version", ""), |now| now > version).await?;

    // Every error is told, and the one that serves goes on serving; so it does when the key is gone or etcd is.
    etcd.put(KEY, r#"{"mode": "on", "upstreams": [{"name": "a b"}]}"#).await?;
    envoy
        .wait_for_stat(&of_filter("document_errors_total", "reason=.=invalid;.;"), |count| count == 1)
        .await?;
    for error in ["mode: \"on\" is not one of", "upstreams[0].endpoints: is missing", "upstreams[0].name"] {
        envoy.wait_for_log(error).await?;
    }
    etcd.delete(KEY).await?;
    envoy.wait_for_stat(&of_filter("document_errors_total", "reason=.=empty;.;"), |count| count > 1).await?;
    etcd.stop();
    envoy.wait_for_stat(&of_filter("document_errors_total", "reason=.=status;.;"), |count| count > 0).await?;
    until_of_route(&envoy, &clients, "second").await?;

    // A reload with etcd gone: the new listener's roots have the last one at once.
    let mut listener =
        stored(&upstreams, &source, etcd.address()).live_listeners().listener_named("ingress")?;
    listener["per_connection_buffer_limit_bytes"] = json!(1_048_577);
    assert_eq!(envoy.update_listener(&listener).await?, Ok(()));
    until_of_route(&envoy, &client_of_each_worker(&envoy, &upstreams, 2).await?, "second").await?;
    etcd.run().await?;
    etcd.put(KEY, &naming(all[2], "third").to_string()).await?;
    until_of_route(&envoy, &client_of_each_worker(&envoy, &upstreams, 2).await?, "third").await
}

/// Modules that do not share memory ask each for itself.
#[tokio::test(flavor = "multi_thread")]
async fn each_single_module_takes_the_document_that_a_store_has() -> Outcome {
    let (store, upstreams) =
        (Upstream::start("store", "127.0.0.1:0".parse()?).await?, Upstreams::start(1).await?);
    store.behave(Behaviour::body(&naming(upstreams.addresses()[0], "first").to_string())).await?;
    let source = json!({ "http": { "cluster": "store", "path": "/", "interval": "100ms" } });
    let modules = Modules::Separate;
    let filters = ["batch", "coalesce", "retry", "router"];
    let bootstrap = stored_for(&filters, &upstreams, &source, store.address()).modules(modules);
    let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    for filter in filters {
        let version =
            format!("wasmcustom.switchyard.filter=.={};.;document_version", modules.name_of(filter));
        envoy
            .until(&format!("{filter} to have the document"), async || {
                assert_eq!(client.get("/").send().await?.status, 200);
                Ok((envoy.stats().await?.get(&version) == Some(&1)).then_some(()))
            })
            .await?;
    }
    Ok(())
}

/// The worker that asks dies with its VM; the document stays, and another asks.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_survives_the_vm_that_asked_and_is_followed_on() -> Outcome {
    let (store, upstreams) =
        (Upstream::start("store", "127.0.0.1:0".parse()?).await?, Upstreams::start(2).await?);
    let all = upstreams.addresses();
    store.behave(Behaviour::body(&naming(all[0], "first").to_string())).await?;
    let source = json!({ "http": { "cluster": "store", "path": "/switchyard.json", "interval": "100ms" } });
    let bootstrap = stored(&upstreams, &source, store.address()).modules(Modules::Chain).trapping("router");
    let envoy = Envoy::start(bootstrap).await?;
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    until_of_route(&envoy, &clients, "first").await?;
    assert_eq!(store.requests().first().expect("an ask").path, "/switchyard.json");
    for client in &clients {
        // Both VMs die: whichever asked is one of them.
        let _ = client.get("/").header("x-trap", "1").send().await;
    }
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    until_of_route(&envoy, &clients, "first").await?;
    store.behave(Behaviour::body(&naming(all[1], "second").to_string())).await?;
    until_of_route(&envoy, &clients, "second").await
}

/// Requests that are under way when another document comes end under the one that they began under.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_when_documents_change_under_load() -> Outcome {
    let (store, upstreams) =
        (Upstream::start("store", "127.0.0.1:0".parse()?).await?, Upstreams::start(2).await?);
    let all = upstreams.addresses();
    let source = json!({ "http": { "cluster": "store", "path": "/", "interval": "100ms" } });
    let document = |number: usize| {
        let mut document = naming(all[number % 2], &format!("route-of-{number}"));
        document["routes"][0]["retry"] = json!({ "engine": "filter", "num_retries": 1 });
        document["routes"][0]["coalesce"] = json!({});
        document.to_string()
    };
    store.behave(Behaviour::body(&document(0))).await?;
    let bootstrap = stored_for(&["coalesce", "retry", "router"], &upstreams, &source, store.address());
    let envoy = Envoy::start(bootstrap).await?;
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    until_of_route(&envoy, &clients, "route-of-0").await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::slow(20)).await?;
    }
    let address = envoy.listener_address("ingress").await?;
    let load = Load::against(address).concurrency(16).lasting(std::time::Duration::from_secs(600));
    let load = load.keys("x-user", |i| format!("user-{}", i % 8));
    let running = tokio::spawn(async move { load.run().await });
    for number in 1..=8 {
        store.behave(Behaviour::body(&document(number))).await?;
        until_of_route(&envoy, &clients, &format!("route-of-{number}")).await?;
    }
    running.abort();
    let _ = running.await;
    let bad = [
        envoy.stat("http.ingress.downstream_rq_5xx").await?,
        envoy.stat("http.ingress.downstream_rq_4xx").await?,
    ];
    assert_eq!(bad, [0, 0]);
    assert!(envoy.stat("http.ingress.downstream_rq_2xx").await? > 100);
    Ok(())
}

/// Batches that workers gather together end under the document that they began under.
#[tokio::test(flavor = "multi_thread")]
async fn no_batch_is_lost_when_documents_change_under_load() -> Outcome {
    let cost = std::time::Duration::from_millis(20);
    let service = Service::start(Cost::new(cost, std::time::Duration::ZERO)).await?;
    let store = Upstream::start("store", "127.0.0.1:0".parse()?).await?;
    let settings = json!({ "max_in_flight": 1, "max_delay": "200ms", "scope": "proxy" });
    let document = |number: usize| {
        let mut document = batching(&service, &batch_section(Protocol::JsonRpc, &settings));
        document["routes"][0]["name"] = json!(format!("route-of-{number}"));
        document.to_string()
    };
    store.behave(Behaviour::body(&document(0))).await?;
    let source = json!({ "http": { "cluster": "store", "path": "/", "interval": "100ms" } });
    let bootstrap = Bootstrap::shipped()
        .endpoints("checkout", &[service.address()])
        .cluster(pieces::cluster("store", &[store.address()]))
        .document(&json!({ "document": source }))
        .only(&["batch"])
        .concurrency(2);
    let envoy = Envoy::start(bootstrap).await?;
    let address = envoy.listener_address("ingress").await?;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "echo", "params": [1] });
    let load = Load::against(address).concurrency(16).lasting(std::time::Duration::from_secs(600));
    let load =
        load.method("POST").path("/rpc").header("content-type", "application/json").body(body.to_string());
    let running = tokio::spawn(async move { load.run().await });
    for number in 0..6 {
        store.behave(Behaviour::body(&document(number))).await?;
        let gathered = format!("wasmcustom.switchyard.route=.=route-of-{number};.;");
        envoy
            .until(&format!("batches of document {number}"), async || {
                let stats = envoy.stats().await?;
                Ok(stats.iter().any(|(name, count)| name.starts_with(&gathered) && *count > 20).then_some(()))
            })
            .await?;
    }
    running.abort();
    let _ = running.await;
    let bad = [
        envoy.stat("http.ingress.downstream_rq_5xx").await?,
        envoy.stat("http.ingress.downstream_rq_4xx").await?,
    ];
    assert_eq!(bad, [0, 0]);
    Ok(())
}
