//! A new configuration while requests wait or are in batches: everybody is answered, under the configuration that it began with; a wrong one
//! changes nothing.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{Cost, Protocol, Service};

type Outcome = anyhow::Result<()>;

fn echo(client: &Client, number: u64) -> Request {
    let call = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [number] });
    client.post("/rpc", call.to_string()).header("content-type", "application/json")
}

fn section(settings: &Value) -> Value {
    patient_section(Protocol::JsonRpc, settings)
}

fn all_are_right(answered: &[Response], first: u64) -> Outcome {
    for (answer, number) in answered.iter().zip(first..) {
        let body: Value = serde_json::from_str(&answer.text())?;
        assert_eq!(body, json!({ "jsonrpc": "2.0", "id": number, "result": [number] }), "{answer:?}");
    }
    Ok(())
}

async fn reconfigure(
    envoy: &Envoy,
    service: &Service,
    settings: &Value,
) -> anyhow::Result<Result<(), String>> {
    let listener = batch_alone(service, &section(settings)).listener_named("ingress")?;
    envoy.update_listener(&listener).await
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_are_batched_although_the_configuration_changes() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let bootstrap = batch_alone(&service, &section(&json!({}))).live_listeners().concurrency(1);
    let envoy = Envoy::start(bootstrap).await?;
    let address = envoy.listener_address("ingress").await?;
    let old = Client::http2(address);
    service.hold_next(1);
    let first = tokio::spawn(echo(&old, 0).send());
    until_busy(&envoy, &service, 1).await?;
    let waiting = together(4, |number| echo(&old, number as u64 + 1));
    until_gathered(&envoy, 5).await?;
    assert_eq!(reconfigure(&envoy, &service, &json!({ "max_items": 50 })).await?, Ok(()));
    // Those who come under the new one have a first of their own.
    let new = Client::http2(address);
    service.hold_next(1);
    let next = tokio::spawn(echo(&new, 10).send());
    until_busy(&envoy, &service, 2).await?;
    let more = together(3, |number| echo(&new, number as u64 + 11));
    until_gathered(&envoy, 9).await?;
    service.release();
    all_are_right(&answers(&envoy, vec![first]).await?, 0)?;
    all_are_right(&answers(&envoy, waiting).await?, 1)?;
    all_are_right(&answers(&envoy, vec![next]).await?, 10)?;
    all_are_right(&answers(&envoy, more).await?, 11)?;
    let sizes: Vec<_> = service.sizes().into_iter().collect();
    assert_eq!(sizes, [(1, 2), (3, 1), (4, 1)], "configurations share no calls");
    // Old connections gather as before: the old queue wakes the old root.
    service.forget();
    let again = gathered(&envoy, &service, (0..4).map(|number| echo(&old, number)).collect()).await?;
    all_are_right(&again, 0)?;
    assert_eq!(service.sizes().into_iter().collect::<Vec<_>>(), [(1, 1), (3, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_go_on_after_the_old_listener_has_drained() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let bootstrap =
        batch_alone(&service, &section(&json!({}))).live_listeners().drain_seconds(1).concurrency(1);
    let envoy = Envoy::start(bootstrap).await?;
    let address = envoy.listener_address("ingress").await?;
    for items in [64, 32, 16] {
        service.forget();
        let client = Client::http2(address);
        let answered =
            gathered(&envoy, &service, (0..5).map(|number| echo(&client, number)).collect()).await?;
        all_are_right(&answered, 0)?;
        assert_eq!(service.sizes().into_iter().collect::<Vec<_>>(), [(1, 1), (4, 1)], "max_items {items}");
        assert_eq!(reconfigure(&envoy, &service, &json!({ "max_items": items / 2 })).await?, Ok(()));
        envoy.wait_for_stat("listener_manager.total_filter_chains_draining", |count| count == 0).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_section_is_refused_with_all_its_errors_and_the_old_one_keeps_serving() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy =
        Envoy::start(batch_alone(&service, &section(&json!({}))).live_listeners().concurrency(1)).await?;
    let wrong = json!({ "max_items": 0, "max_delay": "20", "leaves": "at_once" });
    let refused = reconfigure(&envoy, &service, &wrong).await?;
    assert!(refused.is_err(), "{refused:?}");
    for problem in [
        "routes[0].batch.max_items: 0 is out of range",
        "routes[0].batch.max_delay: \"20\" has no unit",
        "routes[0].batch.leaves: \"at_once\"",
    ] {
        envoy.wait_for_log(problem).await?;
    }
    let client = envoy.client("ingress").await?;
    let answered = gathered(&envoy, &service, (0..4).map(|number| echo(&client, number)).collect()).await?;
    all_are_right(&answered, 0)
}
