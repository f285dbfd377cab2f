//! Every local reply of ours says in Envoy's response code details which one it is.

use super::{Outcome, logged};
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

/// The response code details of the one request for this path.
async fn details(envoy: &Envoy, path: &str) -> anyhow::Result<String> {
    let line = envoy.logged(path).await?;
    Ok(line["details"].as_str().unwrap_or_default().to_owned())
}

/// A route of the filter's engine with this policy besides.
fn fallbacks(upstreams: &Upstreams, more: &Value) -> Value {
    let mut retry = json!({ "engine": "filter", "retry_on": { "statuses": ["500-599"] }, "num_retries": 1, "timeout": "20s" });
    if let (Some(retry), Some(more)) = (retry.as_object_mut(), more.as_object()) {
        retry.extend(more.clone());
    }
    retrying(upstreams, &retry)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_to_choose_is_said_to_be_that() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let mut document = balanced(&upstreams, &ring_hash());
    document["upstreams"][0]["balance"]["fail_traffic_on_panic"] = json!(true);
    for endpoint in document["upstreams"][0]["endpoints"].as_array_mut().into_iter().flatten() {
        endpoint["health"] = json!("ejected");
    }
    let envoy = Envoy::start(logged(steered(&upstreams, &document))).await?;
    assert_eq!(envoy.client("ingress").await?.get("/nobody").send().await?.status, 503);
    assert_eq!(details(&envoy, "/nobody").await?, "switchyard_no_endpoint");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_for_an_answer_says_what_it_is() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({ "fallback": {
        "stale_if_error": { "max_age": "60s" }, "answer": { "status": 503, "body": "later" },
    }});
    let envoy = Envoy::start(logged(retried(&upstreams, &fallbacks(&upstreams, &policy)))).await?;
    let client = envoy.client("ingress").await?;
    client.get("/kept").send().await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::status(503)).await?;
    }
    client.get("/kept").send().await?;
    client.get("/never-seen").send().await?;
    assert_eq!(details(&envoy, "/never-seen").await?, "switchyard_fallback_answer");
    let kept = envoy.all_logged("/kept", 2).await?;
    assert_eq!(kept[1]["details"], "switchyard_fallback_stale", "{kept:#?}");
    Ok(())
}

/// A reply is what a hedge's answer becomes, since there is no other that it could take the place of.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_of_ours_says_so_and_where_it_took_anothers_place_envoys_word_stays() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let policy = json!({ "hedge": { "min_delay": "20ms", "initial_delay": "20ms" } });
    let envoy = Envoy::start(logged(retried(&upstreams, &fallbacks(&upstreams, &policy)))).await?;
    let client = envoy.client("ingress").await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::Stall)?;
    }
    assert_eq!(client.get("/raced").send().await?.status, 200);
    assert_eq!(details(&envoy, "/raced").await?, "switchyard_attempt");
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::default()).await?;
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    assert_eq!(client.get("/again").send().await?.status, 200);
    assert_eq!(details(&envoy, "/again").await?, "via_upstream");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_held_says_so() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let document = coalescing(&upstreams, &json!({ "scope": "worker", "hold": "10s" }));
    let envoy = Envoy::start(logged(coalesced(&upstreams, &document).only(&["coalesce"]))).await?;
    let client = envoy.client("ingress").await?;
    for _ in 0..2 {
        assert_eq!(client.get("/held").send().await?.status, 200);
    }
    let lines = envoy.all_logged("/held", 2).await?;
    assert_eq!(lines[1]["details"], "switchyard_coalesced_hit", "{lines:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_none_of_its_protocols_requests_is_refused_as_that() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let section = batch_section(Protocol::JsonRpc, &json!({ "strict": true }));
    let document = batching(&service, &section);
    let bootstrap = Bootstrap::shipped().endpoints("checkout", &[service.address()]).document(&document);
    let envoy = Envoy::start(logged(bootstrap.only(&["batch"]))).await?;
    let client = envoy.client("ingress").await?;
    let request = client.post("/rpc", "{not json").header("content-type", "application/json");
    request.send().await?;
    assert_eq!(details(&envoy, "/rpc").await?, "switchyard_batch_unreadable");
    Ok(())
}
