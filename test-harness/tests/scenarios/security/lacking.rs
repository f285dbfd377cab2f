//! A module that is held to less than its list: what it cannot do is left undone or refused, Envoy says of what, and nobody goes without an answer.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

use super::story::{self, Behind, FAULT};
use super::{Outcome, REFUSED, ROWS, listed};

/// The chain and outlier, held to their lists, but for this call of this module.
fn without(behind: &Behind, module: &str, call: &str) -> anyhow::Result<Bootstrap> {
    let row = &ROWS[0];
    row.held.iter().try_fold(behind.bootstrap(row.modules, row.filters)?, |all, held| {
        let mut list = listed::capabilities(held)?;
        if *held == module {
            let named = list.len();
            list.retain(|name| name != call);
            assert!(list.len() < named, "{module} is allowed {call}");
        }
        Ok(all.held_to(held, &list))
    })
}

/// The plugin of the chain in a listener or a bootstrap's first one.
const PLUGIN: &str = "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";

/// A list that is not asked for, a batch that is not made and a retry that is not made: requests go as they would have without.
#[tokio::test(flavor = "multi_thread")]
async fn without_calls_each_request_goes_by_itself() -> Outcome {
    let behind = Behind::start().await?;
    let envoy = Envoy::start(without(&behind, "switchyard", "proxy_http_call")?).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    for user in 0..10 {
        let answer = client.get("/").header("x-user", format!("user-{user}")).send().await?;
        assert_eq!(answer.status, 200, "Envoy chooses: {answer:?}");
    }
    let requests = (0..6).map(|number| story::call(&client, number)).collect();
    for (answer, number) in gathered(&envoy, &behind.service, requests).await?.iter().zip(0..) {
        let body: Value = serde_json::from_str(&answer.text())?;
        assert_eq!(body, json!({ "jsonrpc": "2.0", "id": number, "result": [number] }));
    }
    assert_eq!(behind.service.sizes().into_iter().collect::<Vec<_>>(), [(1, 6)]);
    for _ in 0..6 {
        let answer = client.get("/filter").header(FAULT, "one").send().await?;
        assert!([200, 503].contains(&answer.status.as_u16()), "what the endpoint said: {answer:?}");
    }
    envoy.wait_for_log(&format!("{REFUSED}proxy_http_call")).await?;
    envoy
        .wait_for_stat(&batch_stat("batch_failures_total", &[("reason", "call")]), |count| count > 0)
        .await?;
    envoy.wait_for_stat("wasm.envoy.wasm.runtime.v8.active", |active| active > 0).await.map(drop)
}

/// Nobody is ejected, which the router says; requests are answered as without outlier.
#[tokio::test(flavor = "multi_thread")]
async fn without_shared_data_nobody_is_judged_and_the_router_says_so() -> Outcome {
    let behind = Behind::start().await?;
    let envoy = Envoy::start(without(&behind, "outlier", "proxy_set_shared_data")?).await?;
    let clients = story::clients(&envoy, &behind).await?;
    bad(&behind.judged)?.behave(Behaviour::status(503)).await?;
    let disconnected = "wasmcustom.switchyard.filter=.=router;.;upstream=.=checkout;.;ejection_disconnected";
    let mut user = 0_u64;
    envoy
        .until("the router to say that nobody judges", async || {
            user += 1;
            let answer = clients[0].get("/").header("x-user", format!("user-{user}")).send().await?;
            assert!([200, 503].contains(&answer.status.as_u16()), "what the endpoint said: {answer:?}");
            Ok((envoy.stat(disconnected).await? == 1).then_some(()))
        })
        .await?;
    assert!(!envoy.log().contains("outlier: ejected "));
    envoy.wait_for_log(&format!("{REFUSED}proxy_set_shared_data")).await
}

/// Without its log the module traps when it is configured, and a configuration that it cannot read it does not take; the listener is refused, and
/// the one before serves on.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_list_is_too_short_to_be_configured_is_refused() -> Outcome {
    let behind = Behind::start().await?;
    let envoy = Envoy::start(behind.bootstrap(ROWS[0].modules, ROWS[0].filters)?).await?;
    for call in ["proxy_log", "proxy_get_buffer_bytes"] {
        let mut listener = without(&behind, "switchyard", call)?.listener_named("ingress")?;
        let plugin = listener.pointer_mut(PLUGIN).expect("the plugin");
        plugin["vm_config"]["vm_id"] = json!(format!("without {call}"));
        let refused = envoy.update_listener(&listener).await?.expect_err(call);
        for said in [&format!("{REFUSED}{call}"), "Unable to create Wasm plugin"] {
            assert!(refused.contains(said), "{said}: {refused}");
        }
    }
    let answer = envoy.client("ingress").await?.get("/").send().await?;
    assert_eq!((answer.status.as_u16(), answer.header("x-switchyard-explain").is_empty()), (200, false));
    Ok(())
}
