//! Filters find each other by their `vm_id`: one of their own, one that strangers have, too, or different ones. In each case traffic goes on.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const ROUTER_ALONE: &str =
    "wasmcustom.switchyard.filter=.=router;.;upstream=.=checkout;.;ejection_disconnected";
const OUTLIER_ALONE: &str = "wasmcustom.switchyard.filter=.=outlier;.;ejection_disconnected";
/// What they say in the log, once in each worker and configuration.
const SAID: [&str; 2] = ["outlier.wasm judges the endpoints of checkout", "attempts pass unjudged"];

/// What fails is tried again, and who fails is ejected; what many ask for at the same time is asked for once.
fn document(upstreams: &Upstreams) -> Value {
    let retry = json!({ "engine": "filter", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2 });
    let mut document = with_outlier(retrying(upstreams, &retry), &json!({}));
    let crowd = json!({
        "name": "crowd", "match": { "path_prefix": "/crowd" }, "upstream": "checkout",
        "coalesce": { "max_wait": "60s", "max_leader_age": "60s" },
    });
    if let Some(routes) = document["routes"].as_array_mut() {
        routes.insert(0, crowd);
    }
    document
}

/// Gives every wasm plugin a `vm_id`: outlier.wasm one, all others another.
fn with_vm_ids(value: &mut Value, outlier: &str, others: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| with_vm_ids(item, outlier, others)),
        Value::Object(map) => {
            if let Some(vm) = map.get_mut("vm_config") {
                let file = vm.pointer("/code/local/filename").and_then(Value::as_str).unwrap_or_default();
                vm["vm_id"] = json!(if file.ends_with("outlier.wasm") { outlier } else { others });
            }
            map.values_mut().for_each(|item| with_vm_ids(item, outlier, others));
        }
        _ => {}
    }
}

fn chain(upstreams: &Upstreams, outlier: &str, others: &str) -> Bootstrap {
    let bootstrap = batched(upstreams, &document(upstreams)).modules(Modules::Chain).concurrency(2);
    bootstrap.edit(|value| with_vm_ids(value, outlier, others))
}

/// Who fails is ejected, and both workers leave it out; nobody misses anybody.
async fn ejections_are_acted_on(envoy: &Envoy, upstreams: &Upstreams) -> Outcome {
    bad(upstreams)?.behave(Behaviour::status(500)).await?;
    envoy
        .until("an ejection", async || {
            assert_eq!(send(envoy, 50).await?.successes(), 50);
            Ok((envoy.stat(&ejections("consecutive_5xx")).await? >= 1).then_some(()))
        })
        .await?;
    until_ejected(envoy, upstreams, 100).await?;
    for alone in [ROUTER_ALONE, OUTLIER_ALONE] {
        assert_eq!(envoy.stat(alone).await?, 0, "{alone}");
    }
    let log = envoy.log();
    assert!(SAID.iter().all(|said| !log.contains(said)), "{log}");
    Ok(())
}

/// A crowd in both workers is answered by one request: workers hear of each other.
async fn crowds_are_answered(envoy: &Envoy, upstreams: &Upstreams) -> Outcome {
    let clients = clients_by_worker(envoy, 2, |worker, attempt| format!("/{worker}/{attempt}")).await?;
    upstreams.forget();
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::held(Behaviour::body("soup"))).await?;
    }
    let ask = |client: &Client| tokio::spawn(client.get("/crowd").send());
    let mut asked = vec![ask(&clients[0])];
    let under_way = || upstreams.iter().map(|upstream| upstream.under_way()).sum::<u64>();
    envoy.until("a leader", async || Ok((under_way() == 1).then_some(()))).await?;
    asked.extend(clients.iter().cycle().take(6).map(ask));
    super::until_follow(envoy, "crowd", 6).await?;
    upstreams.iter().for_each(Upstream::release);
    let answered = answers(envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.text() == "soup"), "{answered:?}");
    assert_eq!(upstreams.counts().values().sum::<u64>(), 1);
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::default()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_vm_id_ejections_are_acted_on() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let envoy = Envoy::start(chain(&upstreams, "switchyard", "switchyard")).await?;
    crowds_are_answered(&envoy, &upstreams).await?;
    ejections_are_acted_on(&envoy, &upstreams).await
}

/// Istio gives all plugins that say nothing the same one, `""`.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_vm_id_that_strangers_have_all_works_as_with_one_of_their_own() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let stranger = pieces::wasm_filter("noop", "");
    let bootstrap = batched(&upstreams, &document(&upstreams)).modules(Modules::Chain).http_filter(&stranger);
    let bootstrap = bootstrap.edit(|value| with_vm_ids(value, "", "")).concurrency(2);
    let envoy = Envoy::start(bootstrap).await?;
    crowds_are_answered(&envoy, &upstreams).await?;
    ejections_are_acted_on(&envoy, &upstreams).await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_different_vm_ids_traffic_goes_on_and_each_side_says_what_is_lost() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let envoy = Envoy::start(chain(&upstreams, "upstream", "downstream")).await?;
    crowds_are_answered(&envoy, &upstreams).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    for alone in [ROUTER_ALONE, OUTLIER_ALONE] {
        envoy
            .until(alone, async || {
                assert_eq!(send(&envoy, 50).await?.successes(), 50, "they are tried again");
                // Envoy 1.36 puts it under the cluster; what stands under several is added up.
                Ok((envoy.stat(alone).await? >= 1).then_some(()))
            })
            .await?;
    }
    upstreams.forget();
    assert_eq!(send(&envoy, 400).await?.successes(), 400);
    // A quarter, by the rotation of each worker.
    assert!(bad(&upstreams)?.count() >= 90, "nobody ejects it");
    let log = envoy.log();
    for said in SAID {
        assert!((1..=2).contains(&log.matches(said).count()), "once in a worker: {said}\n{log}");
    }
    assert!(!log.contains("outlier: ejected "));
    Ok(())
}

/// With a document of its own outlier.wasm judges, and its word reaches nobody.
#[tokio::test(flavor = "multi_thread")]
async fn with_different_vm_ids_and_a_document_of_its_own_only_the_router_misses_the_other() -> Outcome {
    let upstreams = Upstreams::start(4).await?;
    let document = document(&upstreams).to_string();
    let own = |value: &mut Value| {
        let options = "/static_resources/clusters/0/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters/0/typed_config/config";
        let text = json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": document });
        value.pointer_mut(options).expect("the outlier plugin")["configuration"] = text;
    };
    let envoy = Envoy::start(chain(&upstreams, "upstream", "downstream").edit(own)).await?;
    bad(&upstreams)?.behave(Behaviour::status(500)).await?;
    for (stat, least) in [(ROUTER_ALONE.to_owned(), 1), (ejections("consecutive_5xx"), 1)] {
        envoy
            .until(&stat, async || {
                assert_eq!(send(&envoy, 50).await?.successes(), 50, "they are tried again");
                Ok((envoy.stat(&stat).await? >= least).then_some(()))
            })
            .await?;
    }
    upstreams.forget();
    assert_eq!(send(&envoy, 400).await?.successes(), 400);
    assert!(bad(&upstreams)?.count() > 0, "the router has not heard of it");
    let log = envoy.log();
    assert!(log.contains(SAID[0]) && !log.contains(SAID[1]), "{log}");
    assert_eq!(envoy.stat(OUTLIER_ALONE).await?, 0);
    Ok(())
}
