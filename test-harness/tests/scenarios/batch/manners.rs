//! Servers that take no batches, or no large ones, or have something to say about the caller: no client pays for it that others ask.

use super::{body, rpc, sizes};
use serde_json::{Value, json};
use std::net::TcpListener;
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{Cost, Manner, Protocol, Service};

type Outcome = anyhow::Result<()>;

/// A section whose calls nobody may make twice, with these settings besides.
fn once(settings: &Value) -> Value {
    let mut section = patient_section(Protocol::JsonRpc, settings);
    if let Some(section) = section.as_object_mut() {
        section.insert("protocol".to_owned(), json!({ "json_rpc": {} }));
    }
    section
}

fn echo(client: &Client, number: u64) -> Request {
    rpc(client, &json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [number] }))
}

fn embed(client: &Client, input: &str) -> Request {
    let body = json!({ "model": "m", "input": input }).to_string();
    client.post("/v1/embeddings", body).header("content-type", "application/json")
}

/// One request that is under way, and so many that wait for it; what those get. Numbers begin with `from`.
async fn echoes(envoy: &Envoy, service: &Service, from: u64, count: u64) -> anyhow::Result<Vec<Response>> {
    let client = envoy.client("ingress").await?;
    let requests = (from..=from + count).map(|number| echo(&client, number)).collect();
    let mut answered = gathered(envoy, service, requests).await?;
    answered.remove(0);
    Ok(answered)
}

fn are_right(answered: &[Response], from: u64) {
    for (answer, number) in answered.iter().zip(from + 1..) {
        assert_eq!(body(answer), json!({ "jsonrpc": "2.0", "id": number, "result": [number] }), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_come_back_as_texts_are_the_numbers_that_were_sent() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    service.behaves(Some(Manner::NumbersAsTexts));
    let envoy = start_batching(&service, 1, &once(&json!({}))).await?;
    are_right(&echoes(&envoy, &service, 0, 6).await?, 0);
    assert_eq!(sizes(&service), [(1, 1), (6, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_without_an_index_fail_nobody_and_stop_batches_or_go_by_their_order() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let inputs: Vec<_> = (0..12).map(|number| format!("text number {number}")).collect();
    for ordered in [false, true] {
        let mut section = patient_section(Protocol::Embeddings, &json!({}));
        section["protocol"] = json!({ "embeddings": { "ordered": ordered } });
        let envoy = start_batching(&service, 1, &section).await?;
        let client = envoy.client("ingress").await?;
        service.behaves(Some(Manner::WithoutIndex));
        let mut alone = Vec::new();
        for input in &inputs {
            alone.push(body(&embed(&client, input).send().await?)["data"].clone());
        }
        service.forget();
        let requests = inputs.iter().map(|input| embed(&client, input)).collect();
        let answered = gathered(&envoy, &service, requests).await?;
        for (answer, alone) in answered.iter().zip(&alone) {
            assert_eq!((answer.status.as_u16(), &body(answer)["data"]), (200, alone), "{answer:?}");
        }
        if ordered {
            assert_eq!(sizes(&service), [(1, 1), (11, 1)]);
            continue;
        }
        // The batch, its halves, and perhaps those of one of them; after that nobody waits for anybody.
        let batches: u64 = service.sizes().range(2..).map(|(_, count)| count).sum();
        let alone = service.sizes().get(&1).copied();
        assert!(alone == Some(12) && batches <= 5, "{:?}", service.sizes());
        service.hold_next(4);
        let together = together(4, |number| embed(&client, &inputs[number]));
        until_busy(&envoy, &service, 4).await?;
        service.release();
        answers(&envoy, together).await?;
        let left = batch_stat("batch_departures_total", &[("reason", "no_batches")]);
        envoy.wait_for_stat(&left, |count| count >= 4).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_batches_again_gets_them_again() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &patient_section(Protocol::Embeddings, &json!({}))).await?;
    let client = envoy.client("ingress").await?;
    service.behaves(Some(Manner::WithoutIndex));
    let ask = |count: usize| (0..count).map(|number| embed(&client, &format!("text {number}"))).collect();
    gathered(&envoy, &service, ask(8)).await?;
    service.behaves(None);
    // Two who ask together are soon let try it.
    let tried = async || {
        service.forget();
        let all = together(6, |number| embed(&client, &format!("text {number}")));
        answers(&envoy, all).await?;
        Ok(service.sizes().contains_key(&2).then_some(()))
    };
    service.costs(Cost::new(std::time::Duration::from_millis(5), std::time::Duration::ZERO));
    envoy.until("two who try", tried).await?;
    service.costs(Cost::FREE);
    service.forget();
    let answered = gathered(&envoy, &service, ask(8)).await?;
    assert!(answered.iter().all(|answer| answer.status == 200));
    assert_eq!(sizes(&service), [(1, 1), (7, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_servers_is_learnt_and_hits_no_client() -> Outcome {
    for manner in [Manner::TooLarge(4), Manner::BatchTooLarge(4)] {
        let service = Service::start(Cost::FREE).await?;
        service.behaves(Some(manner.clone()));
        // Nothing may be made twice, and there is no budget for it.
        let section = once(&json!({ "max_in_flight": 1, "budget": { "ratio": 0.0, "min_per_second": 0 } }));
        let envoy = start_batching(&service, 1, &section).await?;
        are_right(&echoes(&envoy, &service, 0, 16).await?, 0);
        assert_eq!(sizes(&service), [(1, 1), (4, 4), (8, 2), (16, 1)], "{manner:?}");
        service.forget();
        are_right(&echoes(&envoy, &service, 100, 8).await?, 100);
        assert_eq!(sizes(&service), [(1, 1), (4, 2)], "no larger one is tried: {manner:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_left_undone_for_its_answer_was_too_large_is_asked_for_again() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    service.behaves(Some(Manner::ResponseTooLarge(3)));
    let envoy = start_batching(&service, 1, &once(&json!({}))).await?;
    are_right(&echoes(&envoy, &service, 0, 6).await?, 0);
    // Three of six, and the others by two and one.
    assert_eq!(sizes(&service), [(1, 2), (2, 1), (6, 1)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_of_the_caller_reaches_every_client_as_it_was_written() -> Outcome {
    let error = json!({ "error": {
        "message": "You exceeded your current quota", "type": "insufficient_quota", "param": null,
        "code": "insufficient_quota"
    } });
    let rpc_error =
        r#"{"jsonrpc":"2.0","error":{"code":-32005,"message":"daily request count exceeded"},"id":null}"#;
    let headers = vec![("retry-after", "3"), ("x-ratelimit-reset-requests", "1s")];
    let service = Service::start(Cost::FREE).await?;
    let routes = [
        ("all", "/v1", patient_section(Protocol::Embeddings, &json!({}))),
        ("calls", "/rpc", once(&json!({}))),
        ("items", "/predict", patient_section(Protocol::JsonArray, &json!({}))),
    ];
    let envoy = Envoy::start(batch_alone_routes(&service, &routes).concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    for status in [401, 403, 404, 429] {
        service.behaves(Some(Manner::Always(status, headers.clone(), error.to_string())));
        let requests = (0..4).map(|number| embed(&client, &format!("text {number}"))).collect();
        for answer in gathered(&envoy, &service, requests).await?.iter().skip(1) {
            assert_eq!((answer.status.as_u16(), body(answer)), (status, error.clone()), "{answer:?}");
            let told =
                ["retry-after", "x-ratelimit-reset-requests", "content-type"].map(|name| answer.header(name));
            assert_eq!(told, ["3", "1s", "application/json"]);
        }
    }
    service.behaves(Some(Manner::Always(429, headers.clone(), rpc_error.to_owned())));
    service.hold_next(1);
    let first = tokio::spawn(echo(&client, 0).send());
    until_busy(&envoy, &service, 1).await?;
    let rest = together(3, |number| echo(&client, number as u64 + 1));
    until_active(&envoy, 4).await?;
    service.release();
    answers(&envoy, vec![first]).await?;
    for (answer, number) in answers(&envoy, rest).await?.iter().zip(1..) {
        let body = body(answer);
        assert_eq!((answer.status.as_u16(), &body["id"]), (429, &json!(number)), "{body}");
        assert_eq!(body["error"], json!({ "code": -32005, "message": "daily request count exceeded" }));
    }
    service.behaves(Some(Manner::Always(403, headers, r#"{"error":"no such model for you"}"#.to_owned())));
    service.hold_next(1);
    let predict = |number: usize| {
        let body = json!({ "instances": [number] }).to_string();
        client.post("/predict", body).header("content-type", "application/json")
    };
    let first = tokio::spawn(predict(0).send());
    until_busy(&envoy, &service, 1).await?;
    let rest = together(3, predict);
    until_active(&envoy, 4).await?;
    service.release();
    answers(&envoy, vec![first]).await?;
    for answer in answers(&envoy, rest).await? {
        assert_eq!(
            (answer.status.as_u16(), body(&answer)),
            (403, json!({ "error": "no such model for you" }))
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_sees_the_failure_of_its_batch() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let envoy = start_batching(&service, 1, &once(&json!({}))).await?;
    let client = envoy.client("ingress").await?;
    service.behaves(Some(Manner::Always(500, Vec::new(), "no".to_owned())));
    let tells = || rpc(&client, &json!({ "jsonrpc": "2.0", "method": "echo", "params": [1] }));
    let answered =
        gathered(&envoy, &service, vec![echo(&client, 0), tells(), echo(&client, 1), tells()]).await?;
    let statuses: Vec<_> = answered.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 500, 502, 500]);
    assert_eq!(body(&answered[1])["error"]["message"], json!("the upstream answered 500 to the batch"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_reached_nobody_goes_to_the_next_endpoint_though_nothing_may_be_made_twice() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut document = batching(&service, &once(&json!({})));
    document["upstreams"][0]["endpoints"] =
        json!([{ "address": nobody.to_string() }, { "address": service.address().to_string() }]);
    // Whoever goes alone has its route's retries.
    document["routes"][0]["retry"] = json!({ "retry_on": { "connect_failure": true } });
    let bootstrap =
        Bootstrap::shipped().endpoints("checkout", &[nobody, service.address()]).document(&document);
    let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
    for round in 0..4 {
        are_right(&echoes(&envoy, &service, 100 * round, 5).await?, 100 * round);
    }
    assert_eq!(sizes(&service), [(1, 4), (5, 4)], "everything was done once");
    let failed = batch_stat("batch_failures_total", &[("reason", "unreached")]);
    envoy.wait_for_stat(&failed, |count| count >= 1).await?;
    let whole = batch_stat("batch_repeats_total", &[("result", "whole")]);
    envoy.wait_for_stat(&whole, |count| count >= 1).await?;
    Ok(())
}
