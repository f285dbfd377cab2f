//! A body that one stage has let go in part and a later one holds: Envoy shows the chain all that is held, and each stage sees its own
//! part of that.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

use super::trapping::bootstrap;

type Outcome = anyhow::Result<()>;

/// Batch copies bodies as they pass, since it only watches; so does retry, for another attempt.
fn document(upstreams: &Upstreams) -> Value {
    let mut document = super::document(upstreams);
    let retry = document["routes"][0]["retry"].clone();
    document["routes"][4]["batch"]["mode"] = json!("shadow");
    document["routes"][4]["retry"] = retry;
    document["routes"][4]["retry"]["non_idempotent"] = json!(true);
    document
}

fn call(number: u64, text: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [text] }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_reads_its_own_part_of_a_body_that_a_later_one_holds() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = bootstrap(&upstreams, &document(&upstreams), 60).concurrency(1);
    let envoy = Envoy::start(bootstrap.component_log_level("wasm:trace")).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    let passed =
        |reason: &str| batch_stat("batch_passed_total", &[("reason", reason)]).replace("=.=all;", "=.=rpc;");
    for (http2, count) in [(false, 1), (true, 2)] {
        upstream.forget();
        // Another of its kind is under way: without shadow mode it would wait.
        upstream.behave_next(1, Behaviour::held(Behaviour::default()));
        let headers = [("content-type", "application/json"), ("x-hold", "router")];
        let mut first = Talk::begin(address, http2, "/rpc", &headers).await?;
        first.say(&call(0, "first"))?;
        first.end();
        until_under_way(&envoy, upstream, 1).await?;
        upstream.behave_next(1, Behaviour::status(503));
        let body = call(1, &"soup".repeat(100));
        let (one, two) = body.split_at(100);
        let mut talk = Talk::begin(address, http2, "/rpc", &headers).await?;
        let pieces = || envoy.log().matches("env.proxy_get_buffer_bytes(0, ").count();
        let before = pieces();
        talk.say(one)?;
        envoy.until("the first piece", async || Ok((pieces() > before).then_some(()))).await?;
        assert_eq!(upstream.count(), 1, "the later stage holds it");
        talk.say(two)?;
        talk.end();
        assert_eq!(talk.status().await?, 200, "the second attempt");
        let bodies: Vec<_> = upstream.requests().into_iter().skip(1).map(|seen| seen.body).collect();
        assert_eq!(bodies, [body.as_str(), body.as_str()], "all of it, once, in both attempts");
        // What batch has copied reads as a call.
        envoy.wait_for_stat(&passed("shadow"), |now| now == count).await?;
        upstream.release();
        assert_eq!(first.status().await?, 200);
    }
    assert!(
        envoy.log().contains("env.proxy_get_buffer_bytes(0, 100, "),
        "it began where the first piece ended"
    );
    Ok(())
}
