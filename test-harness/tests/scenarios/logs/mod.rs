//! What was decided for a request stands in Envoy's access log, whoever answered it and however it ended.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod details;
mod traces;

use serde_json::{Value, json};
use std::time::Duration;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// The document, which says of each request what was decided.
fn telling(mut document: Value) -> Value {
    document["log_decisions"] = json!(true);
    document
}

/// The field of the log in which the module says it that has this filter in it.
fn field(modules: Modules, filter: &str) -> String {
    match modules {
        Modules::Chain => "switchyard".to_owned(),
        Modules::Separate => format!("switchyard_{filter}"),
    }
}

/// The bootstrap with the shipped access log, and in it the properties of the single modules, too.
fn logged(bootstrap: Bootstrap) -> Bootstrap {
    bootstrap.access_log().edit(|tree| {
        let format = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/access_log/0/typed_config/log_format/json_format";
        for filter in ["coalesce", "batch", "router", "retry"] {
            tree.pointer_mut(format).expect("the format")[format!("switchyard_{filter}")] =
                json!(format!("%FILTER_STATE(wasm.switchyard_{filter}:PLAIN)%"));
        }
    })
}

/// What a line has of this filter.
fn decided<'a>(line: &'a Value, filter: &str) -> &'a Value {
    &line[field(Modules::of_environment(), filter)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_where_it_went_and_who_else_could_have_had_it() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let document = telling(balanced(&upstreams, &ring_hash()));
    let envoy = Envoy::start(logged(steered(&upstreams, &document))).await?;
    let client = envoy.client("ingress").await?;
    let answer = client.get("/one").header("x-user", "foo").send().await?;
    let line = envoy.logged("/one").await?;
    println!("{line:#}");
    let said = decided(&line, "router");
    // XXH64("foo"), Envoy's own test vector.
    let hash = format!("{:x}", 3_728_699_739_546_630_719_u64);
    assert_eq!(
        (&said["v"], &said["route"], &said["upstream"]),
        (&json!(1), &json!("all"), &json!("checkout"))
    );
    assert_eq!((&said["policy"], &said["hash"]), (&json!("ring_hash"), &json!(hash)));
    assert_eq!(said["candidates"].as_array().map(Vec::len), Some(3), "{line}");
    let first = upstreams.named(answer.upstream()).expect("one of ours").address().to_string();
    assert_eq!((&said["candidates"][0], &line["upstream_host"]), (&json!(first), &json!(first)));
    assert_eq!((&line["status"], &line["details"]), (&json!(200), &json!("via_upstream")));
    client.get("/keyless").send().await?;
    let keyless = envoy.logged("/keyless").await?;
    assert_eq!(decided(&keyless, "router")["fallback"], "no_hash", "{keyless}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_asked_to_nothing_is_said() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let document = balanced(&upstreams, &ring_hash());
    let envoy = Envoy::start(logged(steered(&upstreams, &document))).await?;
    envoy.client("ingress").await?.get("/quiet").header("x-user", "foo").send().await?;
    let line = envoy.logged("/quiet").await?;
    assert!(decided(&line, "router").is_null(), "{line}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ejected_endpoint_is_named_as_passed_over() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = telling(balanced(&upstreams, &ring_hash()));
    document["upstreams"][0]["endpoints"][1]["health"] = json!("ejected");
    let envoy = Envoy::start(logged(steered(&upstreams, &document))).await?;
    envoy.client("ingress").await?.get("/one").header("x-user", "foo").send().await?;
    let line = envoy.logged("/one").await?;
    let said = decided(&line, "router");
    let ejected = upstreams.addresses()[1].to_string();
    assert_eq!((&said["passed_over"], &said["passed_over_count"]), (&json!([ejected]), &json!(1)), "{line}");
    assert!(!said["candidates"].to_string().contains(&ejected), "{line}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_request_says_why_where_and_which_attempt_served() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let retry = json!({ "engine": "filter", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2 });
    let document = telling(retrying(&upstreams, &retry));
    let envoy = Envoy::start(logged(retried(&upstreams, &document))).await?;
    let client = envoy.client("ingress").await?;
    client.get("/well").send().await?;
    let well = envoy.logged("/well").await?;
    assert!(decided(&well, "retry")["retry"].is_null(), "{well}");
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    let answer = client.get("/again").send().await?;
    assert_eq!(answer.status, 200);
    let line = envoy.logged("/again").await?;
    println!("{line:#}");
    let said = &decided(&line, "retry")["retry"];
    let served = upstreams.named(answer.upstream()).expect("one of ours").address().to_string();
    assert_eq!((&said["attempts"], &said["served"]), (&json!(2), &json!(2)), "{line}");
    assert_eq!((&said["to"], &said["reasons"]), (&json!([served]), &json!(["status"])), "{line}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_stands_there_though_the_client_has_left() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let retry = json!({
        "engine": "filter", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2, "back_off": { "base": "1ms", "max": "1ms" },
    });
    let document = telling(retrying(&upstreams, &retry));
    let envoy = Envoy::start(logged(retried(&upstreams, &document)).stream_timeouts(120)).await?;
    let client = envoy.client("ingress").await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::held(Behaviour::default())).await?;
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    let asks = tokio::spawn(client.get("/left").send());
    let under_way = async || Ok(upstreams.iter().any(|one| one.under_way() > 0).then_some(()));
    envoy.until("the second attempt", under_way).await?;
    asks.abort();
    let line = envoy.logged("/left").await?;
    println!("{line:#}");
    assert_eq!(line["details"], "downstream_remote_disconnect", "{line}");
    let said = &decided(&line, "retry")["retry"];
    // The attempt that is under way when it leaves was written outside of the request's own callbacks.
    assert_eq!((&said["attempts"], &said["reasons"]), (&json!(2), &json!(["status"])), "{line}");
    assert!(said["served"].is_null(), "{line}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_envoy_may_try_again_is_said_when_the_request_goes() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let retry = json!({ "engine": "router", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2 });
    let document = telling(retrying(&upstreams, &retry));
    let envoy = Envoy::start(logged(retried(&upstreams, &document))).await?;
    let client = envoy.client("ingress").await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    assert_eq!(client.get("/native").send().await?.status, 200);
    let line = envoy.logged("/native").await?;
    assert_eq!(decided(&line, "retry")["retry"], json!({ "granted": 2 }), "{line}");
    assert_eq!(line["attempts"].to_string().trim_matches('"'), "2", "{line}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_another_says_for_whom_and_how_long() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let mut document = telling(coalescing(&upstreams, &json!({ "scope": "worker" })));
    document["routes"][0]["coalesce"]["max_wait"] = json!("20s");
    let envoy = Envoy::start(logged(coalesced(&upstreams, &document).only(&["coalesce"]))).await?;
    let client = envoy.client("ingress").await?;
    let upstream = upstreams.iter().next().expect("one");
    upstream.behave(Behaviour::held(Behaviour::body("soup"))).await?;
    let leader = tokio::spawn(client.get("/menu").send());
    until_under_way(&envoy, upstream, 1).await?;
    let followers = together(2, |_| client.get("/menu"));
    until_followers(&envoy, 2).await?;
    upstream.release();
    assert_eq!(leader.await??.status, 200);
    answers(&envoy, followers).await?;
    let lines = envoy.all_logged("/menu", 3).await?;
    println!("{lines:#?}");
    let role = |role: &str| -> Vec<&Value> {
        lines.iter().filter(|line| decided(line, "coalesce")["coalesce"]["role"] == role).collect()
    };
    let (led, followed) = (role("led"), role("followed"));
    assert_eq!((led.len(), followed.len()), (1, 2), "{lines:#?}");
    for line in followed {
        let said = &decided(line, "coalesce")["coalesce"];
        assert_eq!((&said["result"], &said["with"]), (&json!("collapsed"), &led[0]["request_id"]), "{line}");
        assert!(said["waited_ms"].is_u64(), "{line}");
        assert_eq!(line["details"], "switchyard_coalesced", "{line}");
    }
    client.request("PUT".parse()?, "/menu").send().await?;
    let lines = envoy.all_logged("/menu", 4).await?;
    let put = lines.iter().find(|line| line["method"] == "PUT").expect("the last one");
    assert_eq!(decided(put, "coalesce")["coalesce"], json!({ "role": "passed", "why": "method" }), "{put}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_a_batch_says_its_place_and_how_long_it_waited() -> Outcome {
    let service = Service::start(Cost::FREE).await?;
    let document = telling(batching(&service, &patient_section(Protocol::IdList, &json!({}))));
    let bootstrap = Bootstrap::shipped().endpoints("checkout", &[service.address()]).document(&document);
    let envoy = Envoy::start(logged(bootstrap.only(&["batch"]))).await?;
    let client = envoy.client("ingress").await?;
    let paths = ["/items?ids=1", "/items?ids=2", "/items?ids=3,4"];
    let trace = |number: usize| format!("00-{:032x}-00f067aa0ba902b7-01", number + 1);
    let requests =
        paths.iter().enumerate().map(|(number, path)| client.get(path).header("traceparent", trace(number)));
    for answer in gathered(&envoy, &service, requests.collect()).await? {
        assert_eq!(answer.status, 200);
    }
    let lone = envoy.logged(paths[0]).await?;
    assert_eq!(decided(&lone, "batch")["batch"], json!({ "result": "alone" }), "{lone}");
    let mut places = Vec::new();
    for path in &paths[1..] {
        let line = envoy.logged(path).await?;
        println!("{line:#}");
        let said = &decided(&line, "batch")["batch"];
        assert_eq!((&said["result"], &said["size"]), (&json!("answered"), &json!(3)), "{line}");
        assert!(said["waited_ms"].is_u64(), "{line}");
        assert_eq!(line["details"], "switchyard_batch", "{line}");
        places.push((said["index"].as_u64(), said["traceparent"].as_str().map(str::to_owned)));
    }
    // Whoever came second in it knows whose trace the call was part of.
    places.sort();
    assert!(places[0].0 == Some(0) && places[0].1.is_none() && places[1].1.is_some(), "{places:?}");
    Ok(())
}

/// In Envoy's words, since it reads the property: what a request costs that says what was decided.
#[tokio::test(flavor = "multi_thread")]
async fn it_costs_one_host_call_for_who_asks_and_none_for_others() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let retry = json!({ "engine": "router", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2 });
    let quiet = retrying(&upstreams, &retry);
    let mut prices = Vec::new();
    for document in [quiet.clone(), telling(quiet)] {
        let bootstrap = batched(&upstreams, &document).modules(Modules::Chain);
        let crossings = Crossings::measure(bootstrap, "ingress", 50, async |client, number| {
            let answer = client.get(&format!("/{number}")).send().await?;
            anyhow::ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        })
        .await?;
        let written = crossings.by_name.get("env.proxy_set_property").copied().unwrap_or_default();
        prices.push((crossings.host_calls_per_request + crossings.vm_calls_per_request, written));
    }
    println!("crossings, and properties written, without and with: {prices:?}");
    let [(without, none), (with, one)] = prices[..] else { anyhow::bail!("two prices") };
    assert!(none.abs() < 0.01 && (one - 1.0).abs() < 0.01, "{prices:?}");
    assert!((with - without - 1.0).abs() < 0.1, "{prices:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_leaves_a_line_of_json_for_each_request() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let retry = json!({
        "engine": "filter", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2,
        "fallback": { "answer": { "status": 503, "body": "later" } },
    });
    let mut document = telling(retrying(&upstreams, &retry));
    document["routes"][0]["coalesce"] = json!({ "scope": "worker" });
    let envoy = Envoy::start(logged(coalesced(&upstreams, &document).concurrency(2))).await?;
    upstreams.iter().next().expect("three").behave(Behaviour::status(503)).await?;
    let client = envoy.client("ingress").await?;
    let requests = together(200, |number| client.get("/storm").header("x-user", (number % 7).to_string()));
    answers(&envoy, requests).await?;
    for line in envoy.all_logged("/storm", 200).await? {
        for filter in ["coalesce", "retry"] {
            let said = decided(&line, filter);
            assert!(said.is_null() || said["v"] == 1, "{line}");
        }
        let details = line["details"].as_str().unwrap_or_default();
        assert!(details == "via_upstream" || details.starts_with("switchyard_"), "{line}");
    }
    tokio::time::timeout(Duration::from_secs(20), client.get("/after").send()).await??;
    Ok(())
}
