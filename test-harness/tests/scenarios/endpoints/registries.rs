//! Endpoints from registries. They are in no cluster of Envoy's, so requests go through one of type ORIGINAL_DST, to the address that the
//! filter names.

use super::*;

/// A bootstrap whose cluster `checkout` goes wherever the first candidate is.
fn anywhere(document: &Value, registry: SocketAddr) -> Bootstrap {
    let original_dst = json!({
        "name": "checkout",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "0.25s",
        "original_dst_lb_config": { "use_http_header": true, "http_header_name": "x-gateway-destination-endpoint" },
    });
    Bootstrap::shipped()
        .cluster(original_dst)
        .cluster(pieces::cluster("registry", &[registry]))
        .document(document)
        .only(&["router", "retry"])
}

fn etcds_keys() -> Value {
    json!({ "etcd": { "cluster": "registry", "prefix": "/services/checkout/", "interval": "100ms" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_those_that_a_real_etcd_has() -> Outcome {
    let (etcd, upstreams) = (Etcd::start().await?, Upstreams::start(4).await?);
    let all = upstreams.addresses();
    let key = |index: usize| format!("/services/checkout/{index}");
    etcd.put(&key(0), &all[0].to_string()).await?;
    etcd.put(&key(1), &json!({ "Op": 0, "Addr": all[1].to_string(), "Metadata": null }).to_string()).await?;
    etcd.put("/services/other/1", "10.0.0.1:80").await?;
    let mut balance = ring_hash();
    balance["candidates"] = json!(1);
    let envoy = Envoy::start(anywhere(&listed_by(&etcds_keys(), &balance), etcd.address())).await?;
    until_listed_though_nobody_answers(&envoy, 2).await?;
    until_named(&envoy, &all[..2]).await?;
    let report = send(&envoy, 200).await?;
    assert_eq!((report.successes(), report.by_upstream.len()), (200, 2));

    // One comes under a lease, and goes when nobody renews that.
    etcd.put_for(&key(2), &all[2].to_string(), 2).await?;
    until_named(&envoy, &all[..3]).await?;
    until_named(&envoy, &all[..2]).await?;
    // One leaves, one comes, and the history is forgotten.
    etcd.delete(&key(0)).await?;
    etcd.put(&key(3), &all[3].to_string()).await?;
    etcd.compact().await?;
    until_named(&envoy, &[all[1], all[3]]).await?;

    // While etcd is gone the list stays; what has changed meanwhile is seen when it is back.
    etcd.stop();
    envoy.wait_for_log("the list of endpoints of checkout could not be read").await?;
    assert_eq!(named(&envoy, 100).await?.into_iter().collect::<BTreeSet<_>>().len(), 2);
    etcd.run().await?;
    etcd.delete(&key(1)).await?;
    until_named(&envoy, &all[3..]).await?;
    // All keys gone is not believed.
    etcd.delete(&key(3)).await?;
    envoy.wait_for_stat(&stat("endpoint_list_errors_total", "reason=.=empty;.;"), |count| count > 1).await?;
    until_named(&envoy, &all[3..]).await
}

/// The first request wakes the worker that asks; until there is a list an ORIGINAL_DST cluster has nowhere to go.
async fn until_listed_though_nobody_answers(envoy: &Envoy, count: u64) -> Outcome {
    let first = envoy.client("ingress").await?.get("/").send().await?;
    assert_eq!(first.status, 503);
    envoy.wait_for_stat(&stat("endpoints", "state=.=healthy;.;"), |now| now == count).await.map(drop)
}

/// What Consul's API answers; a stand-in that follows its published form, and holds an ask until something changes.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_the_passing_instances_that_consul_has() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let all = upstreams.addresses();
    let consul = Upstream::start("consul", "127.0.0.1:0".parse()?).await?;
    let instance = |address: &SocketAddr, weight: u32| {
        json!({
            "Node": { "Node": "n", "Address": "10.9.9.9" },
            "Service": {
                "ID": "checkout", "Service": "checkout", "Tags": ["v1"], "Address": address.ip().to_string(), "Port": address.port(),
                "Weights": { "Passing": weight, "Warning": 1 },
            },
            "Checks": [{ "Status": "passing" }],
        })
    };
    let answer = |index: u64, instances: Vec<Value>| Behaviour::Exact {
        status: 200,
        headers: vec![
            ("x-consul-index".to_owned(), index.to_string()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        body: Value::from(instances).to_string().into_bytes(),
        chunked: false,
        trailers: Vec::new(),
    };
    consul.behave(answer(7, vec![instance(&all[0], 1), instance(&all[1], 3)])).await?;
    let source = json!({ "consul": { "cluster": "registry", "service": "checkout", "tag": "v1", "interval": "100ms" } });
    let mut balance = ring_hash();
    balance["candidates"] = json!(1);
    let envoy = Envoy::start(anywhere(&listed_by(&source, &balance), consul.address())).await?;
    until_listed_though_nobody_answers(&envoy, 2).await?;
    until_named(&envoy, &all[..2]).await?;
    let path = consul.requests().first().expect("an ask").path.clone();
    assert!(
        path.starts_with("/v1/health/service/checkout?")
            && path.contains("passing")
            && path.contains("tag=v1"),
        "{path}"
    );
    envoy
        .until("it to be asked for what comes after its last index", async || {
            Ok(consul.requests().iter().any(|one| one.path.contains("index=7")).then_some(()))
        })
        .await?;
    consul.behave(answer(9, vec![instance(&all[2], 1)])).await?;
    until_named(&envoy, &all[2..]).await?;
    // An index that goes back begins anew.
    consul.behave(answer(3, vec![instance(&all[0], 1)])).await?;
    until_named(&envoy, &all[..1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_those_of_any_list_in_json() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let all = upstreams.addresses();
    let registry = Upstream::start("registry", "127.0.0.1:0".parse()?).await?;
    let list = |addresses: &[SocketAddr]| {
        let hosts: Vec<_> = addresses
            .iter()
            .map(|one| json!({ "host": { "ip": one.ip().to_string() }, "port": one.port(), "share": 2 }))
            .collect();
        json!({ "data": { "hosts": hosts } }).to_string()
    };
    let tagged = |etag: &str, body: String| Behaviour::Exact {
        status: 200,
        headers: vec![("etag".to_owned(), etag.to_owned())],
        body: body.into_bytes(),
        chunked: false,
        trailers: Vec::new(),
    };
    registry.behave(tagged("\"1\"", list(&all[..2]))).await?;
    let not_modified = Behaviour::Exact {
        status: 304,
        headers: Vec::new(),
        body: Vec::new(),
        chunked: false,
        trailers: Vec::new(),
    };
    registry.behave_for("if-none-match", "\"1\"", not_modified)?;
    let pointers = json!({
        "cluster": "registry", "path": "/v1/checkout?env=a", "list": "/data/hosts", "address": "/host/ip", "port": "/port", "weight": "/share", "interval": "100ms",
    });
    let source = json!({ "http": pointers });
    let mut balance = ring_hash();
    balance["candidates"] = json!(1);
    let envoy = Envoy::start(anywhere(&listed_by(&source, &balance), registry.address())).await?;
    until_listed_though_nobody_answers(&envoy, 2).await?;
    until_named(&envoy, &all[..2]).await?;
    envoy
        .until("the registry to be asked whether something has changed", async || {
            let asked = registry.requests();
            Ok(asked.iter().any(|one| one.header("if-none-match") == Some("\"1\"")).then_some(()))
        })
        .await?;
    envoy.wait_for_stat(&stat("endpoint_list_changes_total", ""), |count| count == 1).await?;
    registry.behave(tagged("\"2\"", list(&all[1..]))).await?;
    until_named(&envoy, &all[1..]).await
}

/// The page that shows how Envoy adds a token.
const PAGE: &str = include_str!("../../../../docs/endpoints.md");

/// A token stands in no document: Envoy adds it, as the page shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_added_in_the_cluster_that_is_asked() -> Outcome {
    let (upstreams, folder) = (Upstreams::start(1).await?, tempfile::TempDir::new()?);
    let registry = Upstream::start("registry", "127.0.0.1:0".parse()?).await?;
    let list = json!([{ "address": upstreams.addresses()[0].to_string() }]);
    registry.behave(Behaviour::body(&list.to_string())).await?;
    let token = folder.path().join("token.yaml");
    let secret = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "consul_token",
        "generic_secret": { "secret": { "inline_string": "s3cret" } },
    });
    std::fs::write(&token, json!({ "resources": [secret] }).to_string())?;
    let shown =
        PAGE.split("```\n").find(|block| block.contains("credential_injector.v3")).unwrap_or_default();
    let shown = shown.replace("/etc/envoy/consul_token.yaml", &token.display().to_string());
    let shown: Value = serde_saphyr::from_str(&shown)?;
    let mut cluster = pieces::cluster("registry", &[registry.address()]);
    cluster["typed_extension_protocol_options"] = shown[0]["typed_extension_protocol_options"].clone();
    let source = json!({ "http": { "cluster": "registry", "path": "/v1/checkout", "interval": "1s" } });
    let bootstrap = live(&upstreams.addresses(), &listed_by(&source, &ring_hash())).cluster(cluster);
    let envoy = Envoy::start(bootstrap).await?;
    until_listed(&envoy, 1).await?;
    let asks = registry.requests();
    assert!(
        !asks.is_empty() && asks.iter().all(|ask| ask.header("x-consul-token") == Some("s3cret")),
        "{asks:?}"
    );
    Ok(())
}
