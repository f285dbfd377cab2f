//! Slow readers, slow senders and slow upstreams: none of them holds up the batches of others.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Longer than a client holds anybody up, than anybody waits in this file, and than a failure takes to be seen.
const LONG: &str = "60s";

fn call(client: &Client, method: &str, number: u64) -> Request {
    let call = json!({ "jsonrpc": "2.0", "id": number, "method": method, "params": [number] });
    client.post("/rpc", call.to_string()).header("content-type", "application/json")
}

fn section(settings: &Value) -> Value {
    let mut settings = settings.clone();
    if let Some(settings) = settings.as_object_mut() {
        settings.insert("timeout".to_owned(), LONG.into());
    }
    batch_section(Protocol::JsonRpc, &settings)
}

/// So many clients at a time get their answers, more than one in a call.
async fn are_batched(envoy: &Envoy, service: &Service, count: u64) -> Outcome {
    service.forget();
    let client = envoy.client("ingress").await?;
    let all = together(count as usize, |number| call(&client, "echo", number as u64));
    let answered = answers(envoy, all).await?;
    assert!(answered.iter().all(|answer| answer.status == 200));
    assert!(service.most_items() > 1 && service.count() < count, "{} calls", service.count());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_their_long_answers_stop_nobodys_batches_however_many_come() -> Outcome {
    const LENGTH: u64 = 8 << 20;
    let service = Service::start(Cost::FREE).await?;
    // What clients do is not a matter of the time that an upstream may take.
    let envoy = start_batching(&service, 1, &section(&json!({ "stall_timeout": LONG }))).await?;
    let client = envoy.client("ingress").await?.with_small_buffers();
    let mut unread = Vec::new();
    for round in 1..=3 {
        for _ in 0..4 {
            // Each goes alone, and its answer has begun.
            unread.push(call(&client, "long", LENGTH).open().await?);
        }
        are_batched(&envoy, &service, 40).await?;
        // They have not read.
        until_active(&envoy, round * 4).await?;
    }
    envoy.wait_for_stat(&batch_stat("batch_stalled_total", &[]), |count| count > 0).await?;
    for answer in unread {
        assert!(answer.rest().await?.body.len() as u64 > LENGTH);
    }
    until_gathered(&envoy, 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_another_worker_neither() -> Outcome {
    const LENGTH: u64 = 8 << 20;
    let service = Service::start(Cost::FREE).await?;
    let settings = json!({ "scope": "proxy", "stall_timeout": LONG, "max_in_flight": 1 });
    let envoy = start_batching(&service, 2, &section(&settings)).await?;
    let address = envoy.listener_address("ingress").await?;
    let connections = std::iter::repeat_with(|| Client::to(address).with_small_buffers()).take(6);
    let mut unread = Vec::new();
    for client in connections {
        unread.push(call(&client, "long", LENGTH).open().await?);
    }
    are_batched(&envoy, &service, 40).await?;
    for answer in unread {
        assert!(answer.rest().await?.body.len() as u64 > LENGTH);
    }
    until_gathered(&envoy, 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_an_answer_hold_nobody_up_for_longer_than_stall_timeout() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let settings = json!({ "stall_timeout": "200ms", "max_in_flight": 2 });
    let envoy = start_batching(&service, 1, &section(&settings)).await?;
    let client = envoy.client("ingress").await?;
    service.hold_next(2);
    let mut stuck = Vec::new();
    for number in 1..=2 {
        stuck.push(tokio::spawn(call(&client, "echo", number).send()));
        until_busy(&envoy, &service, number).await?;
    }
    are_batched(&envoy, &service, 20).await?;
    assert_eq!(service.under_way(), 2);
    envoy.wait_for_stat(&batch_stat("batch_stalled_total", &[]), |count| count > 0).await?;
    service.release();
    assert!(answers(&envoy, stuck).await?.iter().all(|answer| answer.status == 200));
    until_gathered(&envoy, 0).await
}

/// A service that answers before the request ends gets what its client says, as it says it.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_waits_for_its_answer_goes_on_and_loses_nothing() -> Outcome {
    let (service, echoes) = (Service::start(Cost::FREE).await?, Echoes::start().await?);
    for protocol in [Protocol::JsonArray, Protocol::JsonRpc] {
        let section = batch_section(protocol, &json!({ "body_timeout": "400ms" }));
        let bootstrap = batch_alone(&service, &section).endpoints("checkout", &[echoes.address()]);
        let envoy = Envoy::start(bootstrap.edit(http2).concurrency(1)).await?;
        let address = envoy.listener_address("ingress").await?;
        for (http2, count) in [(false, 1), (true, 2)] {
            let mut talk = Talk::begin(address, http2, "/predict", &[]).await?;
            talk.say("[1, ")?;
            assert_eq!(talk.status().await?, 200, "though its body has not ended");
            talk.until("[1, ").await?;
            talk.say("2, ")?;
            talk.until("2, ").await?;
            talk.say("3]")?;
            talk.end();
            assert_eq!(talk.rest().await?, "[1, 2, 3]");
            let passed = batch_stat("batch_passed_total", &[("reason", "body_timeout")]);
            envoy.wait_for_stat(&passed, |now| now == count).await?;
        }
        let mut talk = Talk::begin(address, true, "/a.B/C", &[("content-type", "application/grpc")]).await?;
        assert_eq!(talk.status().await?, 200, "before a word is said");
    }
    Ok(())
}
