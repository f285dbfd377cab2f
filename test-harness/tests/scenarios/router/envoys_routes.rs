//! Envoy's own routes stay Envoy's: what no route of the document matches is steered within the cluster that Envoy has chosen.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use super::*;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use switchyard_test_harness::listed::named_for;

pub(super) const MESH: [&str; 2] =
    ["outbound|8080||cart.default.svc.cluster.local", "outbound|8080||catalogue.default.svc.cluster.local"];

fn by_user() -> Value {
    json!({ "policy": "ring_hash", "hash_on": [{ "header": "x-user" }] })
}

/// Nobody restates a route: the upstream names the cluster, and says how its requests are balanced and tried again.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_balances_and_retries_what_envoys_own_routes_send_to_its_cluster() -> Outcome {
    for engine in ["filter", "router"] {
        let upstreams = Upstreams::start(3).await?;
        let mut document = balanced(&upstreams, &by_user());
        document["routes"] = json!([]);
        document["explain"] = json!(true);
        let retry = json!({ "engine": engine, "num_retries": 2, "retry_on": { "statuses": ["503"] } });
        document["upstreams"][0]["retry"] = retry;
        let envoy = Envoy::start(retried(&upstreams, &document)).await?;
        let client = envoy.client("ingress").await?;
        let mut homes = BTreeSet::new();
        for user in 0..20 {
            let ask = || client.get("/").header("x-user", format!("user-{user}")).send();
            let (one, two) = (ask().await?, ask().await?);
            assert_eq!((one.status.as_u16(), one.upstream()), (200, two.upstream()));
            let said = one.header("x-switchyard-explain");
            assert!(said.contains("route=cluster:checkout"), "{said}");
            homes.insert(one.upstream().to_owned());
        }
        assert_eq!(homes.len(), 3);
        let steered = upstreams.iter().flat_map(Upstream::requests);
        assert!(steered.into_iter().all(|one| one.header("x-switchyard-cluster").is_none()));
        upstreams[0].behave(Behaviour::status(503)).await?;
        let load = Load::against(envoy.listener_address("ingress").await?).requests(200);
        let report = load.keys("x-user", |i| format!("user-{i}")).run().await?;
        assert_eq!(report.successes(), 200, "{engine}: {report:?}");
    }
    Ok(())
}

/// Requests of a split are tried again by what the upstream says that they go to.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_that_says_nothing_of_retries_goes_by_what_its_upstreams_say() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = balanced(&upstreams, &by_user());
    let mut catalog = document["upstreams"][0].clone();
    catalog["name"] = json!("catalog");
    catalog["retry"] = json!({ "engine": "filter", "num_retries": 2, "retry_on": { "statuses": ["503"] } });
    document["upstreams"].as_array_mut().expect("upstreams").push(catalog);
    let split = json!([{ "upstream": "checkout", "weight": 1 }, { "upstream": "catalog", "weight": 1 }]);
    document["routes"] = json!([{ "match": {}, "split": split, "split_on": [{ "header": "x-user" }] }]);
    document["explain"] = json!(true);
    let bootstrap = retried(&upstreams, &document).endpoints("catalog", &upstreams.addresses());
    let envoy = Envoy::start(bootstrap).await?;
    upstreams[0].behave(Behaviour::status(503)).await?;
    let client = envoy.client("ingress").await?;
    let mut failed = BTreeSet::new();
    for user in 0..60 {
        let answer = client.get("/").header("x-user", format!("user-{user}")).send().await?;
        if answer.status == 503 {
            let said = answer.header("x-switchyard-explain");
            failed.insert(said.contains("upstream=catalog"));
        }
    }
    assert_eq!(failed, BTreeSet::from([false]), "what checkout has, which says nothing, and nothing else");
    Ok(())
}

/// A client's own word on the cluster leads nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_names_a_cluster_is_not_steered_there() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let mut document = balanced(&upstreams, &by_user());
    document["routes"] = json!([]);
    document["explain"] = json!(true);
    let envoy = Envoy::start(steered(&upstreams, &document)).await?;
    let client = envoy.client("ingress").await?;
    for cluster in ["checkout", "admin", "nobody"] {
        let answer = client.get("/").header("x-switchyard-cluster", cluster).send().await?;
        assert_eq!((answer.status.as_u16(), answer.header("x-switchyard-explain")), (200, ""), "{cluster}");
    }
    let seen = upstreams.iter().flat_map(Upstream::requests);
    assert!(seen.into_iter().all(|one| one.header("x-switchyard-cluster").is_none()));
    Ok(())
}

/// A bootstrap with the clusters of a mesh, each behind a path, and one section for all of them.
fn mesh(of_each: [&[SocketAddr]; 2], section: &Value) -> Bootstrap {
    mesh_of(&MESH, of_each, section, &["router", "retry"])
}

/// The same with clusters of these names, of our filters these alone.
pub(super) fn mesh_of(
    names: &[&str; 2],
    of_each: [&[SocketAddr]; 2],
    section: &Value,
    filters: &[&str],
) -> Bootstrap {
    let template = Bootstrap::shipped();
    let checkout = template.cluster_named("checkout").expect("the shipped cluster");
    let document = json!({ "explain": true, "upstreams": [section] });
    let mut bootstrap = template
        .document(&document)
        .only(filters)
        .cluster(pieces::cluster("prometheus_stats", &[]))
        .admin_cluster("prometheus_stats");
    for ((name, addresses), path) in names.iter().zip(of_each).zip(["/cart", "/catalogue"]) {
        let mut cluster = checkout.clone();
        cluster["name"] = json!(name);
        let route = json!({ "match": { "prefix": path }, "route": { "cluster": name } });
        bootstrap =
            bootstrap.cluster(cluster).endpoints(name, addresses).live_endpoints(name).first_route(&route);
    }
    bootstrap
}

/// Whom the router names, in the cluster that is behind this path.
async fn named(envoy: &Envoy, path: &str) -> anyhow::Result<BTreeSet<String>> {
    Ok(named_for(envoy, path, 40).await?.into_iter().collect())
}

pub(super) async fn until_named(envoy: &Envoy, path: &str, wanted: &[SocketAddr]) -> Outcome {
    let wanted: BTreeSet<_> = wanted.iter().map(SocketAddr::to_string).collect();
    envoy
        .until(&format!("the endpoints behind {path}"), async || {
            Ok((named(envoy, path).await? == wanted).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_section_serves_every_cluster_of_a_mesh_that_requests_go_to() -> Outcome {
    let upstreams = Upstreams::start(6).await?;
    let all = upstreams.addresses();
    let section = json!({
        "name": "mesh",
        "cluster_pattern": r"outbound\|.*",
        "endpoints": { "envoy": { "admin_cluster": "prometheus_stats", "interval": "500ms" } },
        "balance": by_user(),
        "retry": { "engine": "filter", "num_retries": 2, "retry_on": { "statuses": ["503"] } },
    });
    let envoy = Envoy::start(mesh([&all[..3], &all[3..5]], &section).concurrency(2)).await?;
    until_named(&envoy, "/cart", &all[..3]).await?;
    until_named(&envoy, "/catalogue", &all[3..5]).await?;
    // Both are followed on, and tried again within.
    envoy.update_endpoints(MESH[1], &pieces::localities(&[(all[3], 1), (all[5], 1)])).await?;
    until_named(&envoy, "/catalogue", &[all[3], all[5]]).await?;
    until_named(&envoy, "/cart", &all[..3]).await?;
    upstreams[0].behave(Behaviour::status(503)).await?;
    let client = envoy.client("ingress").await?;
    for user in 0..40 {
        let answer = client.get("/cart").header("x-user", format!("user-{user}")).send().await?;
        assert_eq!(answer.status, 200);
    }
    let healthy = format!("wasmcustom.switchyard.upstream=.={};.;state=.=healthy;.;endpoints", MESH[0]);
    envoy.wait_for_stat(&healthy, |count| count == 3).await.map(drop)
}

/// What is beyond the bound goes on as Envoy sends it.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_clusters_are_followed_than_the_section_allows() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let all = upstreams.addresses();
    let section = json!({
        "name": "mesh",
        "cluster_pattern": r"outbound\|.*",
        "max_clusters": 1,
        "endpoints": { "envoy": { "admin_cluster": "prometheus_stats", "interval": "500ms" } },
        "balance": by_user(),
    });
    let envoy = Envoy::start(mesh([&all[..2], &all[2..]], &section).concurrency(2)).await?;
    until_named(&envoy, "/cart", &all[..2]).await?;
    let before = envoy.stat("wasmcustom.switchyard.unmatched_total").await?;
    assert_eq!(named(&envoy, "/catalogue").await?, BTreeSet::from([String::new()]));
    envoy.wait_for_stat("wasmcustom.switchyard.unmatched_total", |count| count >= before + 40).await?;
    assert_eq!(named(&envoy, "/catalogue").await?, BTreeSet::from([String::new()]));
    until_named(&envoy, "/cart", &all[..2]).await
}
