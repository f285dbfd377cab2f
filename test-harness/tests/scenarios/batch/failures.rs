//! Batches that fail as a whole: taken apart where asking twice does no harm, within a budget; else an error in the
//! client's own protocol. One bad item costs nobody else anything.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{Cost, Fault, Protocol, Service, Victims};

type Outcome = anyhow::Result<()>;

fn call(client: &Client, method: &str, number: u64) -> Request {
    let call = json!({ "jsonrpc": "2.0", "id": number, "method": method, "params": [number] });
    client.post("/rpc", call.to_string()).header("content-type", "application/json")
}

fn body(answer: &Response) -> Value {
    serde_json::from_str(&answer.text()).unwrap_or_else(|_| json!(answer.text()))
}

/// A section whose calls may be made twice, with these settings besides.
fn repeatable(settings: &Value) -> Value {
    patient_section(Protocol::JsonRpc, settings)
}

/// The same for calls of which nobody knows whether they may.
fn unknown(settings: &Value) -> Value {
    let mut section = patient_section(Protocol::JsonRpc, settings);
    if let Some(section) = section.as_object_mut() {
        section.insert("protocol".to_owned(), json!({ "json_rpc": {} }));
    }
    section
}

/// Envoy in front of a service whose next batch goes wrong in this way, and what the clients of one batch of `count` get.
async fn clients_of_a_batch(
    fault: Fault,
    section: &Value,
    count: u64,
) -> anyhow::Result<(Vec<Response>, Service, Envoy)> {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, section).await?;
    let client = envoy.client("ingress").await?;
    service.fails_next(1, fault, Victims::Batches);
    // The first goes alone, and is no batch.
    let requests = (0..=count).map(|number| call(&client, "echo", number)).collect();
    let mut answered = gathered(&envoy, &service, requests).await?;
    answered.remove(0);
    Ok((answered, service, envoy))
}

fn sizes(service: &Service) -> Vec<(usize, u64)> {
    service.sizes().into_iter().collect()
}

/// All get their own answers.
fn all_are_right(answered: &[Response]) {
    for (answer, number) in answered.iter().zip(1..) {
        assert_eq!(body(answer), json!({ "jsonrpc": "2.0", "id": number, "result": [number] }), "{answer:?}");
    }
}

/// All get an error of JSON-RPC with their id, and this status.
fn all_get(answered: &[Response], status: u16) {
    for (answer, number) in answered.iter().zip(1..) {
        let body = body(answer);
        assert_eq!(answer.status, status, "{answer:?}");
        let (id, version) = (body.get("id"), body.get("jsonrpc"));
        assert_eq!((id, version), (Some(&json!(number)), Some(&json!("2.0"))), "{body}");
        let error = |field: &str| body.pointer(&format!("/error/{field}"));
        assert!(error("message").is_some_and(Value::is_string), "{body}");
        assert!(error("code").is_some_and(Value::is_i64), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_is_halved_and_everybody_gets_the_right_answer() -> Outcome {
    for fault in [
        Fault::Unavailable,
        Fault::Reset,
        Fault::Garbage,
        Fault::Truncate,
        Fault::Extra,
        Fault::Duplicate,
        Fault::Gzip,
    ] {
        let (answered, service, _envoy) = clients_of_a_batch(fault, &repeatable(&json!({})), 8).await?;
        all_are_right(&answered);
        assert_eq!(sizes(&service), [(1, 1), (4, 2), (8, 1)], "{fault:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_is_replayed_singly_if_so_configured() -> Outcome {
    let section = repeatable(&json!({ "on_failure": "singly" }));
    let (answered, service, envoy) = clients_of_a_batch(Fault::Unavailable, &section, 6).await?;
    all_are_right(&answered);
    assert_eq!(sizes(&service), [(1, 7), (6, 1)]);
    let alone = batch_stat("batch_repeats_total", &[("result", "alone")]);
    envoy.wait_for_stat(&alone, |count| count == 6).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_done_is_not_done_again() -> Outcome {
    for (fault, status) in [(Fault::Unavailable, 502), (Fault::Reset, 502), (Fault::Garbage, 502)] {
        let (answered, service, envoy) = clients_of_a_batch(fault, &unknown(&json!({})), 5).await?;
        all_get(&answered, status);
        assert_eq!(sizes(&service), [(1, 1), (5, 1)], "{fault:?}");
        let failed = batch_stat("batch_requests_total", &[("result", "failed")]);
        envoy.wait_for_stat(&failed, |count| count == 5).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_poisonous_item_is_found_and_fails_alone() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy =
        start_batching(&service, 1, &repeatable(&json!({ "budget": { "min_per_second": 100 } }))).await?;
    let client = envoy.client("ingress").await?;
    let poisonous = |number: u64| {
        let params = if number == 7 { json!(["poison"]) } else { json!([number]) };
        let call = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": params });
        client.post("/rpc", call.to_string()).header("content-type", "application/json")
    };
    let answered = gathered(&envoy, &service, (0..17).map(poisonous).collect()).await?;
    for (answer, number) in answered.iter().zip(0..) {
        if number == 7 {
            assert_eq!(answer.status, 500, "what the service says to it alone");
        } else {
            assert_eq!(body(answer)["result"], json!([number]), "{answer:?}");
        }
    }
    // 16, 8 + 8, 4 + 4, 2 + 2, and two alone.
    assert_eq!(sizes(&service), [(1, 3), (2, 2), (4, 2), (8, 2), (16, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_item_that_fails_or_is_left_out_fails_nobody_else() -> Outcome {
    let (answered, service, _envoy) = clients_of_a_batch(Fault::BadItem, &unknown(&json!({})), 6).await?;
    let bad = answered.iter().filter(|answer| body(answer)["error"]["code"] == json!(-32002)).count();
    let right = answered.iter().filter(|answer| body(answer)["result"].is_array()).count();
    assert_eq!((bad, right), (1, 5));
    assert_eq!(sizes(&service), [(1, 1), (6, 1)]);

    let (answered, service, _envoy) = clients_of_a_batch(Fault::Drop, &unknown(&json!({})), 6).await?;
    let lost: Vec<_> = answered.iter().filter(|answer| answer.status == 502).collect();
    assert_eq!(lost.len(), 1);
    assert!(body(lost[0])["error"]["message"].is_string());
    assert_eq!(sizes(&service), [(1, 1), (6, 1)]);

    let (answered, service, _envoy) = clients_of_a_batch(Fault::Drop, &repeatable(&json!({})), 6).await?;
    all_are_right(&answered);
    assert_eq!(sizes(&service), [(1, 2), (6, 1)], "it is asked for again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_nothing_is_repeated() -> Outcome {
    let section = repeatable(&json!({ "budget": { "ratio": 0.0, "min_per_second": 0 } }));
    let (answered, service, envoy) = clients_of_a_batch(Fault::Unavailable, &section, 4).await?;
    all_get(&answered, 502);
    assert_eq!(sizes(&service), [(1, 1), (4, 1)]);
    let denied = batch_stat("batch_repeats_total", &[("result", "denied")]);
    envoy.wait_for_stat(&denied, |count| count == 2).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_past_its_deadline() -> Outcome {
    let section = unknown(&json!({ "timeout": "15s", "deadline_header": "x-deadline-ms" }));
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &section).await?;
    let client = envoy.client("ingress").await?;
    service.fails_next(1, Fault::Hang, Victims::Batches);
    let requests =
        (0..4).map(|number| call(&client, "echo", number).header("x-deadline-ms", "900")).collect();
    let answered = gathered(&envoy, &service, requests).await?;
    all_get(answered.get(1..).unwrap_or_default(), 504);
    let late = batch_stat("batch_requests_total", &[("result", "timed_out")]);
    envoy.wait_for_stat(&late, |count| count == 3).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_made_fails_nobody() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let mut document = batching(&service, &unknown(&json!({})));
    // A cluster that Envoy does not know: the call cannot be made at all. Lone requests go by Envoy's own route, so there is no router here
    // that would send them to that cluster, too.
    document["upstreams"][0]["cluster"] = json!("nobody");
    let bootstrap =
        batch_alone(&service, &unknown(&json!({}))).document(&document).modules(Modules::Separate);
    let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    let requests = (0..4).map(|number| call(&client, "echo", number)).collect();
    let answered = gathered(&envoy, &service, requests).await?;
    // Nothing was done, so they go by themselves, though nobody knows whether they may be made twice.
    all_are_right(answered.get(1..).unwrap_or_default());
    assert_eq!(sizes(&service), [(1, 4)]);
    let failed = batch_stat("batch_failures_total", &[("reason", "call")]);
    envoy.wait_for_stat(&failed, |count| count == 1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_nothing_from_the_others() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &repeatable(&json!({}))).await?;
    let address = envoy.listener_address("ingress").await?;
    let client = Client::http2(address);
    service.hold_next(2);
    let first = tokio::spawn(call(&client, "echo", 0).send());
    until_busy(&envoy, &service, 1).await?;
    // One leaves while it waits, one while its batch is under way.
    let leaving = tokio::spawn(call(&Client::to(address), "echo", 100).send());
    until_gathered(&envoy, 2).await?;
    leaving.abort();
    until_gathered(&envoy, 1).await?;
    let unsent = tokio::spawn(call(&Client::to(address), "echo", 101).send());
    let rest = together(4, |number| call(&client, "echo", number as u64 + 1));
    until_gathered(&envoy, 6).await?;
    service.release();
    answers(&envoy, vec![first]).await?;
    until_busy(&envoy, &service, 1).await?;
    unsent.abort();
    let gone = batch_stat("batch_requests_total", &[("result", "gone")]);
    envoy.wait_for_stat(&gone, |count| count == 2).await?;
    service.release();
    let answered = answers(&envoy, rest).await?;
    all_are_right(&answered);
    assert_eq!(sizes(&service), [(1, 1), (5, 1)]);
    until_gathered(&envoy, 0).await
}
