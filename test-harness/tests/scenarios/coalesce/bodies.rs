//! POSTs whose body is part of their key, and whose body does not end: they go on, whatever they wait for.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// The coalesce filter alone in front of a server that answers before the request ends.
async fn in_front_of(echoes: &Echoes, section: &Value) -> anyhow::Result<Envoy> {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = alone(&upstreams, section).endpoints("checkout", &[echoes.address()]);
    Envoy::start(bootstrap.edit(http2).concurrency(1)).await
}

async fn passed(envoy: &Envoy, reason: &str, count: u64) -> Outcome {
    envoy
        .wait_for_stat(&coalesce_stat("coalesce_passed_total", &[("reason", reason)]), |now| now == count)
        .await?;
    Ok(())
}

fn keyed() -> Value {
    json!({ "key": { "body": true }, "body_timeout": "400ms" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_waits_for_its_answer_goes_on_and_loses_nothing() -> Outcome {
    let echoes = Echoes::start().await?;
    let envoy = in_front_of(&echoes, &keyed()).await?;
    let address = envoy.listener_address("ingress").await?;
    for (http2, count) in [(false, 1), (true, 2)] {
        let mut talk = Talk::begin(address, http2, "/talk", &[]).await?;
        talk.say("one ")?;
        assert_eq!(talk.status().await?, 200, "though its body has not ended");
        talk.until("one ").await?;
        talk.say("two ")?;
        talk.until("two ").await?;
        talk.say("three")?;
        talk.end();
        assert_eq!(talk.rest().await?, "one two three");
        passed(&envoy, "body_timeout", count).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_stream_and_clients_that_wait_to_be_told_to_go_on_are_not_held() -> Outcome {
    let echoes = Echoes::start().await?;
    let envoy = in_front_of(&echoes, &json!({ "key": { "body": true }, "body_timeout": "10s" })).await?;
    let address = envoy.listener_address("ingress").await?;
    let kinds = ["application/grpc", "application/grpc-web+proto", "application/connect+json"];
    for (kind, count) in kinds.into_iter().zip(1..) {
        let mut talk = Talk::begin(address, true, "/shop.Orders/Watch", &[("content-type", kind)]).await?;
        assert_eq!(talk.status().await?, 200, "before a word is said");
        talk.say("one ")?;
        talk.until("one ").await?;
        talk.say("two")?;
        talk.end();
        assert_eq!(talk.rest().await?, "one two");
        passed(&envoy, "stream", count).await?;
    }
    // Envoy tells them itself, at once.
    let mut talk = Talk::begin(address, false, "/talk", &[("expect", "100-continue")]).await?;
    talk.say("body")?;
    talk.end();
    assert_eq!(talk.status().await?, 200);
    assert_eq!(talk.rest().await?, "body");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_upstream_tells_clients_to_go_on_they_are_not_held() -> Outcome {
    let echoes = Echoes::start().await?;
    let upstreams = Upstreams::start(1).await?;
    let proxied = |bootstrap: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        if let Some(manager) = bootstrap.pointer_mut(manager) {
            manager["proxy_100_continue"] = true.into();
        }
    };
    let section = json!({ "key": { "body": true }, "body_timeout": "10s" });
    let bootstrap = alone(&upstreams, &section).endpoints("checkout", &[echoes.address()]);
    let envoy = Envoy::start(bootstrap.edit(proxied).concurrency(1)).await?;
    let address = envoy.listener_address("ingress").await?;
    let mut talk = Talk::begin(address, false, "/talk", &[("expect", "100-continue")]).await?;
    assert_eq!(talk.status().await?, 200, "before a word is said");
    talk.say("body")?;
    talk.end();
    assert_eq!(talk.rest().await?, "body");
    passed(&envoy, "stream", 1).await
}

/// A later filter that holds bodies, too: one of its own piece, then goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_in_mid_body_reaches_a_later_filter_that_holds_bodies_whole() -> Outcome {
    let echoes = Echoes::start().await?;
    let upstreams = Upstreams::start(1).await?;
    let mut document = coalescing(&upstreams, &keyed());
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut) {
        route.insert(
            "batch".to_owned(),
            batch_section(Protocol::JsonArray, &json!({ "body_timeout": "400ms" })),
        );
    }
    let bootstrap = Bootstrap::shipped().document(&document).endpoints("checkout", &[echoes.address()]);
    let envoy = Envoy::start(bootstrap.only(&["coalesce", "batch"]).edit(http2).concurrency(1)).await?;
    let address = envoy.listener_address("ingress").await?;
    for http2 in [false, true] {
        let mut talk = Talk::begin(address, http2, "/talk", &[]).await?;
        talk.say("one ")?;
        assert_eq!(talk.status().await?, 200);
        talk.until("one ").await?;
        talk.say("two ")?;
        talk.until("two ").await?;
        talk.end();
        assert_eq!(talk.rest().await?, "one two ");
    }
    Ok(())
}
