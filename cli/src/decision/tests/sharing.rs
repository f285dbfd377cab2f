//! What is said of sharing is what the filters do: the same request twice, and the second waits or does not.

use super::prepared;
use crate::decision::{Batched, Coalesced, Repeats, Request, Retrying};
use serde_json::{Value, json};
use switchyard_frame::chain::Single;
use switchyard_frame::fake::{Subject, Worker};
use switchyard_host::Flow;

struct Coalesce;
struct Batch;

impl Subject for Coalesce {
    type Filter = Single<switchyard_coalesce::Coalesce>;
    const STEP: u64 = 10;

    fn document(section: &str) -> String {
        section.to_owned()
    }
}

impl Subject for Batch {
    type Filter = Single<switchyard_batch::Batch>;
    const STEP: u64 = 1;

    fn document(section: &str) -> String {
        section.to_owned()
    }
}

fn tree(route: &str, section: &Value) -> Value {
    json!({
        "upstreams": [{"name": "a", "endpoints": [{"address": "10.0.0.1:80"}]}],
        "routes": [{"name": "api", "match": {}, "upstream": "a", (route): section}],
    })
}

/// Whether the second of two such requests waits in the filter.
fn waits<S: Subject>(tree: &Value, request: &Request) -> bool {
    let mut worker: Worker<S> = Worker::alone(&tree.to_string());
    let head = request.head();
    let head: Vec<_> = head.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut last = Flow::Continue;
    for _ in 0..2 {
        let mut stream = worker.begin(&head, request.body.is_empty());
        if !request.body.is_empty() && stream.flow == Flow::Pause {
            stream.flow = worker.upload(&mut stream, &request.body, true);
        }
        last = stream.flow;
    }
    last == Flow::Pause
}

fn coalesced(section: Value, request: &Request) -> Coalesced {
    let tree = tree("coalesce", &section);
    let document = prepared(&tree);
    let settings = document.document().routes()[0].coalesce().unwrap().clone();
    let said = Coalesced::of(&settings, "api", request);
    assert_eq!(said.shares(), waits::<Coalesce>(&tree, request), "{said:?}");
    said
}

fn batched(section: Value, request: &Request) -> Batched {
    let tree = tree("batch", &section);
    let document = prepared(&tree);
    let settings = document.document().routes()[0].batch().unwrap().settings().clone();
    let said = Batched::of(&settings, "api", request);
    assert_eq!(said.shares(), waits::<Batch>(&tree, request), "{said:?}");
    said
}

fn with_body(request: Request, body: &str) -> Request {
    request.with_body(body)
}

fn reason(alone: Option<&crate::decision::Alone>) -> &str {
    alone.map_or("", |alone| &alone.reason)
}

#[test]
fn what_keeps_a_request_from_sharing_an_answer_is_what_keeps_it_in_the_filter() {
    let get = || Request::new("GET", "/search?q=1").with("host", "shop.test");
    let post = || with_body(Request::new("POST", "/search").with("host", "shop.test"), "{}");
    let cases = [
        (json!({}), get(), ""),
        (json!({}), get().with("cookie", "a=b"), "credentials"),
        (json!({"key": {"headers": ["cookie"]}}), get().with("cookie", "a=b"), ""),
        (json!({}), get().with("range", "bytes=1-2"), "range"),
        (json!({}), get().with("if-match", "\"a\""), "conditional"),
        (json!({}), get().with("cache-control", "no-store"), "no_store"),
        (json!({"honour_no_cache": true}), get().with("cache-control", "no-cache"), "no_cache"),
        (json!({}), get().with("upgrade", "websocket"), "upgrade"),
        (json!({}), Request::new("PUT", "/search"), "method"),
        (json!({}), post(), "method"),
        (json!({}), with_body(get(), "x"), "body"),
        (json!({"key": {"body": true}}), post(), ""),
        (json!({"key": {"body": true}}), post().with("content-type", "application/grpc"), "stream"),
        (json!({"key": {"body": true, "max_body_bytes": 1}}), post(), "body"),
    ];
    for (section, request, wanted) in cases {
        let said = coalesced(section, &request);
        assert_eq!(reason(said.alone.as_ref()), wanted, "{request:?}");
        assert_eq!(said.key.is_some(), wanted.is_empty());
    }
    let said = coalesced(json!({"mode": "shadow"}), &get());
    assert!(said.shadow && said.key.is_some() && !said.shares());
}

#[test]
fn headers_that_are_in_the_key_and_those_that_are_not() {
    let request = Request::new("GET", "/")
        .with("accept-language", "de")
        .with("user-agent", "curl")
        .with("x-request-id", "1");
    let request = request.with("x-mine", "1").with("x-trace", "7");
    let said = coalesced(json!({"key": {"ignore_headers": ["x-trace"]}}), &request);
    assert!(said.keyed_headers.contains(&"x-mine".to_owned()), "{said:?}");
    assert!(said.other_headers.contains(&"x-trace".to_owned()), "{said:?}");
    let other =
        coalesced(json!({"key": {"ignore_headers": ["x-trace"]}}), &request.clone().with("x-mine", "2"));
    assert_ne!(said.key, other.key);
    let mut all: Vec<_> = said.keyed_headers.iter().chain(&said.other_headers).map(String::as_str).collect();
    all.sort_unstable();
    assert_eq!(
        all,
        ["accept-language", "user-agent", "x-mine", "x-request-id", "x-trace"],
        "each is on one side"
    );
}

#[test]
fn what_keeps_a_request_from_sharing_a_call_is_what_keeps_it_in_the_filter() {
    let call =
        |body: &str| with_body(Request::new("POST", "/rpc").with("content-type", "application/json"), body);
    let good = r#"{"jsonrpc":"2.0","id":1,"method":"get"}"#;
    let [good2, good3] = ["2", "3"].map(|id| good.replace('1', id));
    let rpc = json!({"protocol": {"json_rpc": {}}});
    let strange = |name: &str, value: &str| call(good).with(name, value);
    let cases = [
        (rpc.clone(), call(good), ""),
        (rpc.clone(), call("{}"), "unbatchable"),
        (rpc.clone(), call("{"), "unbatchable"),
        (rpc.clone(), Request::new("GET", "/rpc"), "method"),
        (rpc.clone(), strange("content-encoding", "gzip"), "content_encoding"),
        (rpc.clone(), strange("idempotency-key", "1"), "idempotency"),
        (rpc.clone(), strange("signature", "x"), "signed"),
        (rpc.clone(), strange("range", "bytes=1-2"), "range"),
        (json!({"protocol": {"json_rpc": {}}, "max_body": 8}), call(good), "body"),
        (
            json!({"protocol": {"json_rpc": {}}, "max_items": 2}),
            call(&format!("[{good},{good2},{good3}]")),
            "limit",
        ),
    ];
    for (section, request, wanted) in cases {
        let said = batched(section, &request);
        assert_eq!(reason(said.alone.as_ref()), wanted, "{said:?}");
    }
    let said = batched(rpc, &call(good));
    assert_eq!((said.protocol.as_str(), said.items, said.is_repeatable), ("json_rpc", Some(1), Some(false)));
    assert_eq!(said.keyed_headers, ["content-type"]);
}

#[test]
fn whether_a_request_may_be_sent_twice_is_said_by_method_key_and_document() {
    let of = |section: Value, request: &Request| {
        let document = prepared(&tree("retry", &section));
        let document = document.document();
        Retrying::of(document, &document.routes()[0], &document.upstreams()[0], request).unwrap()
    };
    let post = Request::new("POST", "/");
    assert_eq!(of(json!({}), &Request::new("GET", "/")).repeats, Repeats::Idempotent);
    assert_eq!(of(json!({}), &post).repeats, Repeats::OnlyUnseen);
    assert_eq!(of(json!({}), &post.clone().with("idempotency-key", "7")).repeats, Repeats::Idempotent);
    assert_eq!(of(json!({"non_idempotent": true}), &post).repeats, Repeats::ByTheDocument);
    let long = with_body(Request::new("PUT", "/"), "0123456789");
    let said = of(json!({"engine": "filter", "max_body": 4, "hedge": {"quantile": 90}}), &long);
    assert_eq!(said.limits, ["its body of 10 bytes is longer than max_body, 4, and not kept"]);
    assert!(said.hedge.unwrap().contains("90 %"));
}
