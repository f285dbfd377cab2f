//! Workers, their VMs and their configurations: what they share, what it costs, and what they survive.

use anyhow::Context as _;
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Calls `change` on the configuration of every plugin of this name.
fn each_plugin(value: &mut Value, name: &str, change: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_plugin(item, name, change)),
        Value::Object(fields) => {
            let ours = fields.get("name") == Some(&json!(name)) && fields.contains_key("vm_config");
            fields.values_mut().for_each(|field| each_plugin(field, name, change));
            if ours {
                change(value);
            }
        }
        _ => {}
    }
}

/// What a request costs in host calls of outlier.wasm alone: no router, a plain cluster.
async fn judged(
    upstreams: &Upstreams,
    http2: bool,
    document: &Value,
    plugin: impl Fn(&mut Value),
) -> anyhow::Result<Crossings> {
    let mut filter = pieces::wasm_filter("outlier", &document.to_string());
    if let Some(config) = filter.pointer_mut("/typed_config/config") {
        config["root_id"] = json!("checkout");
        plugin(config);
    }
    let cluster = pieces::cluster("checkout", &upstreams.addresses());
    let cluster = pieces::with_upstream_filters(cluster, &[filter], http2);
    let listener = pieces::listener("judged", &[pieces::route_to("checkout")], &[]);
    let bootstrap = Bootstrap::empty().cluster(cluster).listener(listener);
    let send = async |client: &Client, _| client.get("/").send().await.map(drop);
    Crossings::measure(bootstrap, "judged", 100, send).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successful_attempt_costs_at_most_three_host_calls_and_writes_no_shared_data() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let everything = json!({
        "consecutive_gateway_failure": 3, "latency": {}, "stall": {}, "slow_threshold": "10s",
        "heartbeat": { "path": "/", "watch": "all" }, "retry_after_is_overload": true,
    });
    let document = ejecting(&upstreams, &everything);
    let crossings = judged(&upstreams, false, &document, |_| ()).await?;
    assert!((crossings.host_calls_per_request - 3.0).abs() < 1e-9, "{crossings:?}");
    assert!(!crossings.by_name.keys().any(|name| name.contains("shared_data")), "{crossings:?}");

    let trailers = Behaviour::GrpcStatus { status: 0, message: String::new(), trailers: true, data: None };
    for upstream in upstreams.iter() {
        upstream.behave(trailers.clone()).await?;
    }
    let crossings = judged(&upstreams, true, &document, |_| ()).await?;
    assert!((crossings.host_calls_per_request - 4.0).abs() < 1e-9, "{crossings:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_several_clusters_costs_one_more_call_unless_the_root_id_names_the_cluster() -> Outcome
{
    let upstreams = Upstreams::start(3).await?;
    let mut document = ejecting(&upstreams, &json!({}));
    let mut other = document["upstreams"][0].clone();
    (other["name"], other["cluster"]) = (json!("other"), json!("elsewhere"));
    document["upstreams"].as_array_mut().context("a list")?.push(other);
    let named = judged(&upstreams, false, &document, |_| ()).await?;
    assert!((named.host_calls_per_request - 3.0).abs() < 1e-9, "{named:?}");
    let unnamed = judged(&upstreams, false, &document, |config| config["root_id"] = json!("outlier")).await?;
    assert!((unnamed.host_calls_per_request - 4.0).abs() < 1e-9, "{unnamed:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_without_ejection_costs_nothing() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let document = balanced(&upstreams, &json!({ "policy": "round_robin" }));
    let crossings = judged(&upstreams, false, &document, |_| ()).await?;
    assert!(crossings.host_calls_per_request < 1e-9, "{crossings:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_dies_takes_no_verdict_with_it() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let document = ejecting(&upstreams, &json!({}));
    let trapping = |bootstrap: &mut Value| {
        each_plugin(bootstrap, "switchyard.outlier", &mut |plugin| {
            plugin["vm_config"]["code"]["local"]["filename"] = json!("outlier-trap.wasm");
        });
    };
    let envoy = Envoy::start(steered(&upstreams, &document).edit(trapping).concurrency(2)).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    assert_eq!(send(&envoy, 200).await?.successes(), 200);
    envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await?;

    let address = envoy.listener_address("ingress").await?;
    let running =
        tokio::spawn(async move { Load::against(address).requests(4_000).concurrency(8).run().await });
    let served = async || Ok((upstreams.counts().values().sum::<u64>() > 1_000).then_some(()));
    envoy.until("the load to be under way", served).await?;
    let client = envoy.client("ingress").await?;
    let trapped = client.get("/").header("x-trap", "1").send().await?;
    assert!(trapped.status.is_server_error(), "the attempt that trapped failed: {}", trapped.status);
    let report = running.await??;
    // What was under way in that worker is lost, and what it gets until Envoy's back-off lets the VM be made anew.
    assert_eq!(report.errors, 0, "every request is answered");
    assert!(report.by_status.keys().all(|status| matches!(status, 200 | 503)), "{:?}", report.by_status);
    envoy
        .until("the dead VM to be replaced", async || {
            send(&envoy, 50).await?;
            let reloaded = "wasm.switchyard.outlier.vm_reload_success";
            Ok((envoy.stat(reloaded).await? >= 1).then_some(()))
        })
        .await?;

    // The verdict stands, and the new VM judges.
    until_ejected(&envoy, &upstreams, 400).await?;
    assert_eq!(envoy.log().matches("outlier: ejected ").count(), 1, "it is still out, not out again");
    let second = upstreams.get(1).context("a second")?;
    second.behave(Behaviour::status(500)).await?;
    envoy
        .until("the next verdict", async || {
            send(&envoy, 50).await?;
            Ok((envoy.stat(&ejections("consecutive_5xx")).await? == 2).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_under_the_same_vm_id_disturb_nobody() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let document = ejecting(&upstreams, &json!({}));
    let shared = |bootstrap: &mut Value| {
        for name in ["switchyard.outlier", "switchyard", "noop"] {
            each_plugin(bootstrap, name, &mut |plugin| plugin["vm_config"]["vm_id"] = json!(""));
        }
    };
    let bootstrap = steered(&upstreams, &document).http_filter(&pieces::wasm_filter("noop", "")).edit(shared);
    let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    assert_eq!(send(&envoy, 400).await?.successes(), 400);
    envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await?;
    until_ejected(&envoy, &upstreams, 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_configuration_takes_the_verdicts_over_and_a_bad_one_changes_nothing() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    // With a document of the cluster's own, which is what an update of the cluster changes.
    let bootstrap = |outlier: &Value| {
        let document = ejecting(&upstreams, outlier);
        let own = pieces::wasm_filter("outlier", &document.to_string());
        let own = own.pointer("/typed_config/config/configuration").cloned().unwrap_or_default();
        let with_own = |bootstrap: &mut Value| {
            each_plugin(bootstrap, "switchyard.outlier", &mut |plugin| {
                plugin["root_id"] = json!("checkout");
                plugin["configuration"] = own.clone();
            });
        };
        steered(&upstreams, &document).edit(with_own).concurrency(2)
    };
    let envoy = Envoy::start(bootstrap(&json!({})).live_clusters().live_listeners()).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    assert_eq!(send(&envoy, 200).await?.successes(), 200);
    envoy.wait_for_stat(&ejections("consecutive_5xx"), |count| count == 1).await?;

    let wrong = bootstrap(&json!({ "consecutive_5xx": "five" }));
    let refused = envoy.update_clusters(&wrong).await?;
    assert!(refused.is_err(), "the update is refused");
    envoy.wait_for_log("upstreams[0].outlier.consecutive_5xx: \"five\" is not a whole number").await?;
    // The old configuration still serves.
    until_ejected(&envoy, &upstreams, 200).await?;

    // From five consecutive ones on; and the one that is ejected stays so.
    let next = bootstrap(&json!({ "consecutive_5xx": 5, "max_ejection_percent": 60 }));
    assert_eq!(envoy.update_clusters(&next).await?, Ok(()));
    assert_eq!(envoy.update_listener(&next.listener_named("ingress")?).await?, Ok(()));
    until_ejected(&envoy, &upstreams, 200).await?;
    assert_eq!(envoy.log().matches("outlier: ejected ").count(), 1, "it is still out, not out again");
    upstreams.get(1).context("a second")?.behave(Behaviour::status(500)).await?;
    envoy
        .until("a verdict of the new configuration", async || {
            send(&envoy, 50).await?;
            Ok(envoy.log().contains("5 consecutive 5xx, 1st time").then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_endpoints_are_judged_like_four() -> Outcome {
    let upstreams = Upstreams::hosts(1_000).await?;
    let envoy =
        Envoy::start(steered(&upstreams, &ejecting(&upstreams, &json!({ "latency": {} }))).concurrency(2))
            .await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    envoy
        .until("the verdict", async || {
            let report = send(&envoy, 2_000).await?;
            assert_eq!(report.successes(), 2_000, "{:?}", report.by_status);
            Ok((envoy.stat(&ejections("consecutive_5xx")).await? == 1).then_some(()))
        })
        .await?;
    until_ejected(&envoy, &upstreams, 2_000).await?;
    let labelled = envoy.stats().await?.keys().filter(|name| name.ends_with("endpoint_attempts")).count();
    assert!(labelled <= 2 * 128, "{labelled} endpoints have figures of their own");
    Ok(())
}
