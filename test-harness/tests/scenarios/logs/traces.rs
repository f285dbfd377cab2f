//! Attempts of ours are part of the request's trace, as Envoy's own OpenTelemetry tracer reports it, and its span says which served.

use super::{Outcome, decided, logged, telling};
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

const CLIENTS_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENTS_SPAN: &str = "b7ad6b7169203331";

/// Envoy with this bootstrap, whose spans go to the collector; whether it knows all of the shipped parts.
async fn traced(bootstrap: Bootstrap, collector: &Collector) -> anyhow::Result<(Envoy, bool)> {
    let with = |whole| logged(bootstrap.clone()).traces(collector.address(), whole);
    // Before 1.37 a tag has no value, and before 1.38 a span no id; anything else is wrong. What Envoy says has blanks at random.
    let is_known = |error: &str| !error.contains("CustomTag") && !error.contains("SPAN_ID");
    let whole = match Envoy::validate(&with(true)) {
        Ok(()) => true,
        Err(error) if !is_known(&format!("{error:#}")) => false,
        Err(error) => return Err(error),
    };
    Ok((Envoy::start(with(whole)).await?, whole))
}

/// The span of the request for this path, when the collector has it.
async fn span(envoy: &Envoy, collector: &Collector, path: &str) -> anyhow::Result<Span> {
    let is_its = |span: &Span| span.attributes.get("http.url").is_some_and(|url| url.ends_with(path));
    envoy.until(&format!("the span of {path}"), async || Ok(collector.spans().into_iter().find(is_its))).await
}

/// What the span has of this filter's decisions.
fn tag(span: &Span) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(span.attributes.get("switchyard").map_or("null", String::as_str))?)
}

/// Trace and parent of every attempt for this path, in the order in which they came.
fn attempts(upstreams: &Upstreams, path: &str) -> Vec<(String, String, String)> {
    let all = upstreams.iter().flat_map(Upstream::requests).filter(|request| request.path == path);
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|request| request.order);
    all.iter()
        .map(|request| {
            let parent = request.header("traceparent").unwrap_or_default();
            let part = |place: usize| parent.split('-').nth(place).unwrap_or_default().to_owned();
            let number = request.header("x-envoy-attempt-count").unwrap_or_default().to_owned();
            (number, part(1), part(2))
        })
        .collect()
}

fn engine(more: &Value) -> Value {
    let mut retry = json!({ "engine": "filter", "retry_on": { "statuses": ["500-599"] }, "num_retries": 2 });
    if let (Some(retry), Some(more)) = (retry.as_object_mut(), more.as_object()) {
        retry.extend(more.clone());
    }
    retry
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_ours_are_in_the_trace_that_envoy_began_and_its_span_says_which_served() -> Outcome {
    let (upstreams, collector) = (Upstreams::start(2).await?, Collector::start().await?);
    let document = telling(retrying(&upstreams, &engine(&json!({}))));
    let (envoy, whole) = traced(retried(&upstreams, &document), &collector).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    assert_eq!(envoy.client("ingress").await?.get("/again").send().await?.status, 200);
    let span = span(&envoy, &collector, "/again").await?;
    let seen = attempts(&upstreams, "/again");
    println!("{span:#?}\n{seen:#?}");
    let part = |number: &str| (number.to_owned(), span.trace.clone(), span.id.clone());
    let none = |number: &str| (number.to_owned(), String::new(), String::new());
    let second = if whole { part("2") } else { none("2") };
    assert_eq!(seen, [part("1"), second], "both are children of the request's span");
    assert_eq!(span.parent, "", "nobody has begun it before");
    if whole && Modules::of_environment() == Modules::Chain {
        let said = tag(&span)?;
        assert_eq!((&said["retry"]["attempts"], &said["retry"]["served"]), (&json!(2), &json!(2)), "{said}");
    }
    let line = envoy.logged("/again").await?;
    assert_eq!(line["trace_id"], json!(span.trace), "{line}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_trace_is_that_of_all_attempts_and_its_state_goes_with_it() -> Outcome {
    let (upstreams, collector) = (Upstreams::start(2).await?, Collector::start().await?);
    let document = telling(retrying(&upstreams, &engine(&json!({}))));
    let (envoy, whole) = traced(retried(&upstreams, &document), &collector).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    let parent = format!("00-{CLIENTS_TRACE}-{CLIENTS_SPAN}-01");
    let request = envoy.client("ingress").await?.get("/theirs").header("traceparent", parent);
    request.header("tracestate", "vendor=1").header("baggage", "user=7").send().await?;
    let span = span(&envoy, &collector, "/theirs").await?;
    assert_eq!((span.trace.as_str(), span.parent.as_str()), (CLIENTS_TRACE, CLIENTS_SPAN));
    let seen = attempts(&upstreams, "/theirs");
    let part = |number: &str, parent: &str| (number.to_owned(), CLIENTS_TRACE.to_owned(), parent.to_owned());
    let second = if whole { part("2", &span.id) } else { part("2", CLIENTS_SPAN) };
    assert_eq!(seen, [part("1", &span.id), second], "{span:?}");
    for upstream in upstreams.iter() {
        for request in upstream.requests() {
            assert_eq!(request.header("tracestate"), Some("vendor=1"), "{request:?}");
            assert_eq!(request.header("baggage"), Some("user=7"), "{request:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hedge_is_in_the_trace_of_the_attempt_that_it_races() -> Outcome {
    let (upstreams, collector) = (Upstreams::start(2).await?, Collector::start().await?);
    let hedge = json!({ "hedge": { "min_delay": "20ms", "initial_delay": "20ms" } });
    let document = telling(retrying(&upstreams, &engine(&hedge)));
    let (envoy, whole) = traced(retried(&upstreams, &document), &collector).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::Stall)?;
    }
    assert_eq!(envoy.client("ingress").await?.get("/raced").send().await?.status, 200);
    let span = span(&envoy, &collector, "/raced").await?;
    let seen = attempts(&upstreams, "/raced");
    assert!(seen.len() == 2, "{seen:?}");
    let is_part = |(_, trace, parent): &(String, String, String)| (trace, parent) == (&span.trace, &span.id);
    assert!(seen.iter().take(if whole { 2 } else { 1 }).all(is_part), "{seen:?} {span:?}");
    if whole && Modules::of_environment() == Modules::Chain {
        let said = tag(&span)?;
        assert_eq!((&said["retry"]["hedged"], &said["retry"]["served"]), (&json!(true), &json!(2)), "{said}");
    }
    assert_eq!(envoy.logged("/raced").await?["details"], "switchyard_attempt");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn envoys_own_attempts_and_those_without_a_tracer_have_what_they_had() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = Envoy::start(retried(&upstreams, &retrying(&upstreams, &engine(&json!({}))))).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-envoy-attempt-count", "1", Behaviour::status(503))?;
    }
    let parent = format!("00-{CLIENTS_TRACE}-{CLIENTS_SPAN}-01");
    let client = envoy.client("ingress").await?;
    client.get("/plain").header("traceparent", parent).send().await?;
    client.get("/none").send().await?;
    let part = |number: &str| (number.to_owned(), CLIENTS_TRACE.to_owned(), CLIENTS_SPAN.to_owned());
    assert_eq!(attempts(&upstreams, "/plain"), [part("1"), part("2")], "no span, so nothing is changed");
    let none = |number: &str| (number.to_owned(), String::new(), String::new());
    assert_eq!(attempts(&upstreams, "/none"), [none("1"), none("2")]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_in_the_trace_of_its_oldest_request_and_the_others_say_which_that_is() -> Outcome {
    let (service, collector) = (Service::start(Cost::FREE).await?, Collector::start().await?);
    let document = telling(batching(&service, &patient_section(Protocol::IdList, &json!({}))));
    let bootstrap = Bootstrap::shipped().endpoints("checkout", &[service.address()]).document(&document);
    let (envoy, whole) = traced(bootstrap.only(&["batch"]), &collector).await?;
    let client = envoy.client("ingress").await?;
    let paths = ["/items?ids=1", "/items?ids=2", "/items?ids=3"];
    let trace = |number: usize| format!("{:032x}", number + 1);
    let requests = paths.iter().enumerate().map(|(number, path)| {
        client.get(path).header("traceparent", format!("00-{}-{CLIENTS_SPAN}-01", trace(number)))
    });
    gathered(&envoy, &service, requests.collect()).await?;
    let (mut links, mut spans) = (Vec::new(), Vec::new());
    for (number, path) in paths.iter().enumerate().skip(1) {
        let span = span(&envoy, &collector, path).await?;
        assert_eq!(span.trace, trace(number), "each request has its own");
        let line = envoy.logged(path).await?;
        let said = &decided(&line, "batch")["batch"];
        if whole && Modules::of_environment() == Modules::Chain {
            assert_eq!(&tag(&span)?["batch"], said);
        }
        links.push(said["traceparent"].as_str().map(str::to_owned));
        let parent = if whole { span.id.as_str() } else { CLIENTS_SPAN };
        spans.push(format!("00-{}-{parent}-01", span.trace));
    }
    // The second one of the batch names the span of the first, whose trace the call is part of.
    let linked: Vec<_> = links.iter().flatten().collect();
    assert_eq!(linked.len(), 1, "one of two is the call's own: {links:?}");
    let own = links.iter().position(Option::is_none).expect("one");
    assert_eq!(linked[0], &spans[own], "{links:?} {spans:?}");
    Ok(())
}
