//! The doctor looks at an Envoy with the shipped bootstrap, and at the same with one thing broken: there is the one cross that there should be.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use serde_json::{Value, json};
use std::time::Duration;
use switchyard_cli::admin::{Client, Picture};
use switchyard_cli::doctor::{Check, Verdict, examine};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const UPSTREAM_FILTERS: &str =
    "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters";

/// What `switchyard status` and `switchyard doctor` see of this Envoy.
pub(crate) async fn picture(envoy: &Envoy) -> anyhow::Result<Picture> {
    let client = Client::new(envoy.admin_address().to_string().parse()?, Duration::from_secs(30));
    // A document stays in its thread, so another one cannot do this.
    tokio::task::block_in_place(|| client.picture(|_| {}))
}

/// The shipped bootstrap with these upstreams in all of its clusters, the last of which is the canary.
pub(super) fn shipped(upstreams: &Upstreams) -> Bootstrap {
    let all = upstreams.addresses();
    let bootstrap = Bootstrap::shipped().endpoints("checkout", &all).endpoints("catalog", &all);
    bootstrap.endpoints("checkout-canary", &all[2..]).admin_cluster("admin").concurrency(2)
}

/// What the doctor says but for ticks and notes, as codes, when all lists of endpoints are read; `ready` says whether there is something
/// else to wait for.
async fn complaints(envoy: &Envoy, ready: impl Fn(&[Check]) -> bool) -> anyhow::Result<Vec<Check>> {
    let client = envoy.client("ingress").await?;
    envoy
        .until("lists of endpoints to be read", async || {
            for path in ["/", "/catalog", "/release"] {
                client.get(path).header("x-user", "alice").send().await?;
            }
            let checks = examine(&picture(envoy).await?);
            let unread =
                checks.iter().any(|check| check.code.id == "SY0734" && check.verdict == Verdict::Note);
            let wrong =
                checks.into_iter().filter(|check| check.verdict >= Verdict::Warning).collect::<Vec<_>>();
            Ok((!unread && ready(&wrong)).then_some(wrong))
        })
        .await
}

fn codes(checks: &[Check]) -> Vec<(&str, Verdict)> {
    let mut codes: Vec<_> = checks.iter().map(|check| (check.code.id, check.verdict)).collect();
    codes.dedup();
    codes
}

/// Starts the shipped bootstrap with this change, and expects this one cross; what comes of it may be counted meanwhile, which is a warning.
async fn broken(code: &str, said: &str, change: impl FnOnce(&mut Value)) -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = Envoy::start(shipped(&upstreams).edit(change)).await?;
    let mut wrong = complaints(&envoy, |_| true).await?;
    wrong.retain(|check| check.verdict == Verdict::Bad || check.code.id != "SY0745");
    assert_eq!(codes(&wrong), [(code, Verdict::Bad)], "{wrong:#?}");
    assert!(wrong[0].said.contains(said), "{:?} has no {said:?}", wrong[0].said);
    Ok(())
}

fn clusters(bootstrap: &mut Value) -> impl Iterator<Item = &mut Value> {
    let clusters = bootstrap.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    clusters.into_iter().flatten()
}

fn cluster<'a>(bootstrap: &'a mut Value, name: &str) -> &'a mut Value {
    clusters(bootstrap).find(|cluster| cluster["name"] == name).expect("the cluster is there")
}

fn plugin(bootstrap: &mut Value) -> &mut Value {
    let plugin = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    bootstrap.pointer_mut(plugin).expect("the filter is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_bootstrap_has_no_cross_and_no_warning() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = Envoy::start(shipped(&upstreams)).await?;
    let wrong = complaints(&envoy, |_| true).await?;
    assert_eq!(wrong, [], "{wrong:#?}");
    let checks = examine(&picture(&envoy).await?);
    assert!(checks.iter().filter(|check| check.verdict == Verdict::Good).count() >= 20, "{checks:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_override_host() -> Outcome {
    broken("SY0722", "cluster catalog has no override_host", |bootstrap| {
        cluster(bootstrap, "catalog").as_object_mut().map(|cluster| cluster.remove("load_balancing_policy"));
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_flag_is_missing() -> Outcome {
    broken("SY0707", "routes[2].batch", |bootstrap| {
        plugin(bootstrap)["allow_on_headers_stop_iteration"] = json!(false);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_follows_the_cluster_that_the_router_names() -> Outcome {
    broken("SY0723", "catalog", |bootstrap| {
        let routes = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
        let routes = bootstrap.pointer_mut(routes).and_then(Value::as_array_mut);
        routes.map(|routes| routes.remove(0));
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_with_different_documents() -> Outcome {
    broken("SY0712", "switchyard.outlier", |bootstrap| {
        let mut configuration = plugin(bootstrap)["configuration"].clone();
        configuration["value"]["explain"] = json!(true);
        for cluster in clusters(bootstrap) {
            if let Some(plugin) = cluster.pointer_mut(&format!("{UPSTREAM_FILTERS}/0/typed_config/config")) {
                plugin["configuration"] = configuration.clone();
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_under_different_vm_ids() -> Outcome {
    broken("SY0708", "\"elsewhere\" (switchyard.outlier)", |bootstrap| {
        for cluster in clusters(bootstrap) {
            if let Some(plugin) = cluster.pointer_mut(&format!("{UPSTREAM_FILTERS}/0/typed_config/config")) {
                plugin["vm_config"]["vm_id"] = json!("elsewhere");
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_nobody_judges() -> Outcome {
    broken("SY0724", "cluster checkout lacks outlier.wasm", |bootstrap| {
        let filters =
            cluster(bootstrap, "checkout").pointer_mut(UPSTREAM_FILTERS).and_then(Value::as_array_mut);
        filters.map(|filters| filters.remove(0));
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_that_is_to_reach_the_admin_is_not_there() -> Outcome {
    broken("SY0733", "Envoy has no cluster gone", |bootstrap| {
        for upstream in
            plugin(bootstrap)["configuration"]["value"]["upstreams"].as_array_mut().into_iter().flatten()
        {
            upstream["endpoints"]["envoy"]["admin_cluster"] = json!("gone");
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_without_labels() -> Outcome {
    broken("SY0751", "stats_tags lack route, upstream, policy", |bootstrap| {
        bootstrap.as_object_mut().map(|bootstrap| bootstrap.remove("stats_config"));
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_of_the_document_that_envoy_lacks() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = balanced(&upstreams, &json!({ "policy": "round_robin", "candidates": 3 }));
    let endpoints = document["upstreams"][0]["endpoints"].as_array_mut().expect("a list");
    endpoints.push(json!({ "address": "127.0.0.1:1" }));
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
    // The router names it first in its turn; then the counter tells of it, too.
    let wrong = complaints(&envoy, |wrong| wrong.len() == 2).await?;
    assert_eq!(codes(&wrong), [("SY0731", Verdict::Bad), ("SY0745", Verdict::Warning)], "{wrong:#?}");
    assert!(wrong[0].said.contains("lacks 127.0.0.1:1"), "{wrong:#?}");
    assert!(wrong[1].said.contains("not_in_cluster"), "{wrong:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_ejected() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let document = ejecting(&upstreams, &json!({}));
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
    bad(&upstreams)?.behave(Behaviour::status(503)).await?;
    let wrong = complaints(&envoy, |wrong| !wrong.is_empty()).await?;
    assert_eq!(codes(&wrong), [("SY0743", Verdict::Warning)], "{wrong:#?}");
    let said = format!("upstream checkout: {} is ejected (consecutive_5xx)", bad(&upstreams)?.address());
    assert_eq!(wrong[0].said, said);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_envoy_refuses() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let bootstrap = shipped(&upstreams);
    let mut listener = bootstrap.listener_named("ingress")?;
    let envoy = Envoy::start(bootstrap.live_listeners()).await?;
    assert_eq!(complaints(&envoy, |_| true).await?, []);
    let plugin =
        "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config/configuration/value/mode";
    listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0]["typed_config"]["config"]
        ["configuration"]["value"]["mode"] = json!("sideways");
    anyhow::ensure!(listener.pointer(plugin).is_some(), "the document is there");
    assert!(envoy.update_listener(&listener).await?.is_err(), "Envoy refuses it");
    let wrong = complaints(&envoy, |wrong| !wrong.is_empty()).await?;
    assert!(wrong.iter().all(|check| check.code.id == "SY0713"), "{wrong:#?}");
    assert!(wrong[0].verdict == Verdict::Bad && wrong[0].said.contains("listener ingress"), "{wrong:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_comes_by_ecds_is_found_in_its_listener() -> Outcome {
    let (upstreams, folder) = (Upstreams::start(3).await?, tempfile::TempDir::new()?);
    let file = folder.path().join("ecds.json");
    let mut ready = shipped(&upstreams).modules(Modules::Chain).ready()?;
    let filter = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
    let filter = ready.pointer_mut(filter).expect("the filter is there");
    let kind = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    let resource =
        json!({ "@type": kind, "name": "shop/switchyard", "typed_config": filter["typed_config"] });
    std::fs::write(&file, json!({ "resources": [resource] }).to_string())?;
    *filter = json!({ "name": "shop/switchyard", "config_discovery": {
        "config_source": { "resource_api_version": "V3", "path_config_source": { "path": file } },
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
    } });
    let bootstrap = Bootstrap::from_yaml(&ready.to_string())?.modules(Modules::Chain).admin_cluster("admin");
    let envoy = Envoy::start(bootstrap).await?;
    assert_eq!(complaints(&envoy, |_| true).await?, []);
    let places: Vec<_> =
        picture(&envoy).await?.plugins.iter().map(|plugin| plugin.place.to_string()).collect();
    assert_eq!(places[0], "listener ingress", "{places:?}");
    Ok(())
}
