//! When a batch leaves, how large it is, and what passes because it is too large, not the protocol's, or cannot be held.

use std::time::Instant;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{Cost, Protocol, Service};

type Outcome = anyhow::Result<()>;

fn echo(client: &Client, number: u64) -> Request {
    padded(client, number, 0)
}

/// A call that is so many bytes longer.
fn padded(client: &Client, number: u64, bytes: usize) -> Request {
    let params = json!([number, "x".repeat(bytes)]);
    let call = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": params });
    client.post("/rpc", call.to_string()).header("content-type", "application/json")
}

fn sizes(service: &Service) -> Vec<(usize, u64)> {
    service.sizes().into_iter().collect()
}

fn section(settings: &Value) -> Value {
    patient_section(Protocol::JsonRpc, settings)
}

async fn departures(envoy: &Envoy, reason: &str, count: u64) -> Outcome {
    envoy
        .wait_for_stat(&batch_stat("batch_departures_total", &[("reason", reason)]), |now| now == count)
        .await?;
    Ok(())
}

async fn passed(envoy: &Envoy, reason: &str, count: u64) -> Outcome {
    envoy.wait_for_stat(&batch_stat("batch_passed_total", &[("reason", reason)]), |now| now == count).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_batch_does_not_wait_for_the_one_under_way_and_no_more_are_than_may_be() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let settings = json!({ "max_items": 4, "max_in_flight": 3, "max_delay": "10s" });
    let envoy = start_batching(&service, 1, &section(&settings)).await?;
    let client = envoy.client("ingress").await?;
    service.hold_next(3);
    let first = tokio::spawn(echo(&client, 0).send());
    until_busy(&envoy, &service, 1).await?;
    let rest = together(12, |number| echo(&client, number as u64 + 1));
    until_gathered(&envoy, 13).await?;
    until_busy(&envoy, &service, 3).await?;
    service.release();
    answers(&envoy, vec![first]).await?;
    answers(&envoy, rest).await?;
    assert_eq!(sizes(&service), [(1, 1), (4, 3)]);
    assert_eq!(service.most_at_a_time(), 3);
    departures(&envoy, "max_items", 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_no_longer_than_max_delay() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &section(&json!({ "max_delay": "30ms" }))).await?;
    let client = envoy.client("ingress").await?;
    service.hold_next(1);
    let first = tokio::spawn(echo(&client, 0).send());
    until_busy(&envoy, &service, 1).await?;
    let answered = answers(&envoy, together(3, |number| echo(&client, number as u64 + 1))).await?;
    assert!(answered.iter().all(|answer| answer.status == 200));
    assert_eq!(service.under_way(), 1, "the first is under way still");
    departures(&envoy, "max_delay", 1).await?;
    service.release();
    answers(&envoy, vec![first]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_delay_gathers_whoever_comes_within_it() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let settings = json!({ "leaves": "fixed_delay", "max_delay": "200ms" });
    let envoy = start_batching(&service, 1, &section(&settings)).await?;
    let client = envoy.client("ingress").await?;
    let began = Instant::now();
    let answered = answers(&envoy, together(5, |number| echo(&client, number as u64))).await?;
    assert!(began.elapsed().as_millis() >= 200, "{:?}", began.elapsed());
    assert!(answered.iter().all(|answer| answer.status == 200));
    assert_eq!(sizes(&service), [(5, 1)]);
    departures(&envoy, "max_delay", 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_passes_whether_its_length_is_known_or_not() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &section(&json!({ "max_body": "4KiB" }))).await?;
    let address = envoy.listener_address("ingress").await?;
    for (client, count) in [(Client::to(address), 1), (Client::http2(address), 2)] {
        let answer = padded(&client, 1, 200_000).send().await?;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text().len(), padded_length(1, 200_000));
        passed(&envoy, "body", count).await?;
    }
    let chunked =
        padded(&Client::to(address), 2, 200_000).header("transfer-encoding", "chunked").send().await?;
    assert_eq!((chunked.status.as_u16(), chunked.text().len()), (200, padded_length(2, 200_000)));
    passed(&envoy, "body", 3).await
}

/// How long the answer to [`padded`] is.
fn padded_length(number: u64, bytes: usize) -> usize {
    json!({ "jsonrpc": "2.0", "result": [number, "x".repeat(bytes)], "id": number }).to_string().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_of_the_protocol_passes_or_is_refused_with_its_place_if_so_configured() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &section(&json!({}))).await?;
    let client = envoy.client("ingress").await?;
    let broken = |client: &Client| {
        client
            .post("/rpc", r#"{"jsonrpc":"2.0","id":1,"method":"echo",}"#)
            .header("content-type", "application/json")
    };
    let answer = broken(&client).send().await?;
    assert!(answer.text().contains("-32700"), "the service itself says so: {}", answer.text());
    passed(&envoy, "syntax", 1).await?;

    let strict = start_batching(&service, 1, &section(&json!({ "strict": true }))).await?;
    let answer = broken(&strict.client("ingress").await?).send().await?;
    assert_eq!(answer.status, 400);
    let body: Value = serde_json::from_str(&answer.text())?;
    assert!(body.to_string().contains("byte 40"), "{body}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_option_that_gives_bodies_requests_go_on_after_a_second() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let without = |bootstrap: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
        let config =
            bootstrap.pointer_mut(manager).and_then(|filter| filter.pointer_mut("/typed_config/config"));
        if let Some(config) = config.and_then(Value::as_object_mut) {
            config.remove("allow_on_headers_stop_iteration");
        }
    };
    let envoy =
        Envoy::start(batch_alone(&service, &section(&json!({}))).edit(without).concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    let answered = answers(&envoy, together(3, |number| padded(&client, number as u64, 30_000))).await?;
    for (answer, number) in answered.iter().zip(0..) {
        assert_eq!((answer.status.as_u16(), answer.text().len()), (200, padded_length(number, 30_000)));
    }
    assert_eq!(sizes(&service), [(1, 3)]);
    passed(&envoy, "no_body", 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_room_to_wait_goes_by_itself() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let settings = json!({ "max_requests": 4, "max_delay": "10s" });
    let envoy = start_batching(&service, 1, &section(&settings)).await?;
    let client = envoy.client("ingress").await?;
    service.hold_next(1);
    let first = tokio::spawn(echo(&client, 0).send());
    until_busy(&envoy, &service, 1).await?;
    let waiting = together(3, |number| echo(&client, number as u64 + 1));
    until_gathered(&envoy, 4).await?;
    let passing = answers(&envoy, together(5, |number| echo(&client, number as u64 + 10))).await?;
    assert!(passing.iter().all(|answer| answer.status == 200));
    passed(&envoy, "max_requests", 5).await?;
    service.release();
    answers(&envoy, vec![first]).await?;
    answers(&envoy, waiting).await?;
    assert_eq!(sizes(&service), [(1, 6), (3, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_holds_nothing_back_and_counts_who_would_have_waited() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &section(&json!({ "mode": "shadow" }))).await?;
    let client = envoy.client("ingress").await?;
    service.hold_next(1);
    let first = tokio::spawn(echo(&client, 0).send());
    until_busy(&envoy, &service, 1).await?;
    let answered = answers(&envoy, together(3, |number| padded(&client, number as u64 + 1, 10_000))).await?;
    assert!(answered.iter().all(|answer| answer.status == 200));
    service.release();
    answers(&envoy, vec![first]).await?;
    assert_eq!(sizes(&service), [(1, 4)]);
    passed(&envoy, "shadow", 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_too_little_time_for_a_batch_goes_alone_or_is_refused() -> Outcome {
    for (short, status) in [("alone", 200), ("refuse", 504)] {
        let service = Service::start(Cost::FREE).await?;
        let settings =
            json!({ "deadline_header": "x-deadline-ms", "short_deadline": short, "max_delay": "10s" });
        let envoy = start_batching(&service, 1, &section(&settings)).await?;
        let client = envoy.client("ingress").await?;
        service.hold_next(1);
        let first = tokio::spawn(echo(&client, 0).send());
        until_busy(&envoy, &service, 1).await?;
        let answer = echo(&client, 1).header("x-deadline-ms", "5").send().await?;
        assert_eq!(answer.status, status, "{}", answer.text());
        service.release();
        answers(&envoy, vec![first]).await?;
        assert_eq!(sizes(&service), [(1, if status == 200 { 2 } else { 1 })]);
    }
    Ok(())
}
