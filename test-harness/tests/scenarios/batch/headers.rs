//! Heads of batches: what the upstream gets of the first request's, and what clients get of the answer's.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Headers of the upstream's answer to a batch.
const ANSWERED: [(&str, &str); 7] = [
    ("content-type", "application/json"),
    ("set-cookie", "session=first"),
    ("x-ratelimit-remaining", "7"),
    ("cache-control", "no-store"),
    ("etag", "\"of-the-whole\""),
    ("x-cost", "1"),
    ("x-cost", "2"),
];

fn document(upstreams: &Upstreams) -> Value {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin" }));
    let section = json!({
        "protocol": { "json_rpc": {} }, "max_delay": "10s", "deadline_header": "x-deadline-ms",
    });
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut) {
        route.insert("batch".to_owned(), section);
    }
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_has_the_first_head_and_answers_are_relayed_without_what_describes_the_whole() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = batched(&upstreams, &document(&upstreams)).only(&["batch"]).concurrency(1);
    let (upstream, envoy) = (&upstreams[0], Envoy::start(bootstrap).await?);
    let client = Client::http2(envoy.listener_address("ingress").await?);
    let call = |id: u64, trace: &str| {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "m" });
        let request = client.post("/rpc?v=2", call.to_string()).header("content-type", "application/json");
        let request = request.header("accept-encoding", "gzip, br").header("x-tenant", "acme");
        request.header("traceparent", trace).header("x-deadline-ms", "9000").header("te", "trailers")
    };
    let (one, two) = (
        "00-11111111111111111111111111111111-1111111111111111-01",
        "00-22222222222222222222222222222222-2222222222222222-01",
    );
    upstream.behave_next(1, Behaviour::held(Behaviour::default()));
    let held = tokio::spawn(call(0, one).send());
    until_under_way(&envoy, upstream, 1).await?;
    let first = tokio::spawn(call(1, one).send());
    until_gathered(&envoy, 2).await?;
    let second = tokio::spawn(call(2, two).send());
    until_gathered(&envoy, 3).await?;
    let body =
        json!([{ "jsonrpc": "2.0", "id": 2, "result": "b" }, { "jsonrpc": "2.0", "id": 1, "result": "a" }]);
    upstream
        .behave(Behaviour::Exact {
            status: 200,
            headers: ANSWERED.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: body.to_string().into_bytes(),
            chunked: false,
            trailers: Vec::new(),
        })
        .await?;
    upstream.release();
    answers(&envoy, vec![held]).await?;
    let answered = answers(&envoy, vec![first, second]).await?;
    for (answer, (result, id)) in answered.iter().zip([("a", 1), ("b", 2)]) {
        let expected = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        assert_eq!(serde_json::from_str::<Value>(&answer.text())?, expected);
        assert_eq!(answer.header("content-length"), answer.text().len().to_string());
        assert_eq!(answer.header("x-ratelimit-remaining"), "7");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.headers.get_all("x-cost").iter().count(), 2);
        for gone in ["set-cookie", "etag", "x-switchyard-batch"] {
            assert_eq!(answer.header(gone), "", "{gone}");
        }
    }
    assert_eq!(answered[0].header("x-switchyard-batch-traceparent"), "", "the call is of its own trace");
    assert_eq!(answered[1].header("x-switchyard-batch-traceparent"), one);

    let seen = upstream.requests();
    let batch = seen.last().unwrap();
    assert_eq!((batch.method.as_str(), batch.path.as_str()), ("POST", "/rpc?v=2"));
    for (name, value) in [
        ("accept-encoding", "identity"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("traceparent", one),
    ] {
        assert_eq!(batch.header(name), Some(value), "{name}");
    }
    let left: u64 = batch.header("x-deadline-ms").unwrap_or_default().parse()?;
    assert!((1..9000).contains(&left), "what is left of it: {left}");
    Ok(())
}
