//! What an attempt of ours looks like to an endpoint: the request, without what belonged to the first attempt.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use core::time::Duration;
use switchyard_host::RequestHeaders;
use switchyard_retry::Flow;
use worker::seen::sent;
use worker::{A, B, C, CANDIDATES, COUNT, GET, Head, OK, PUT, ROOT, UNAVAILABLE, Worker};

/// The call that follows the failure of a request with these headers besides GET's.
fn replay(retry: &str, more: Head<'_>) -> switchyard_host::fake::Called {
    let mut worker = Worker::filter(retry);
    let mut request = worker.send(&[&GET[..], more].concat());
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.next_call()
}

#[test]
fn the_request_is_sent_again_as_it_came() {
    let call = replay("", &[("accept", "text/html"), ("cookie", "a=1"), ("cookie", "b=2")]);
    assert_eq!(call.request.cluster, "web");
    assert_eq!(call.body, None);
    assert_eq!(call.context, ROOT, "it outlives the stream");
    let expected = [
        (":method", "GET"),
        (":path", "/orders?page=2"),
        (":authority", "shop"),
        ("accept", "text/html"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        (COUNT, "2"),
        (CANDIDATES, B),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(call.request.headers, expected);
}

#[test]
fn a_body_is_sent_again_as_it_came() {
    let mut worker = Worker::filter("");
    let mut request = worker.begin(&PUT, false);
    worker.upload(&mut request, b"one ", false);
    worker.upload(&mut request, b"", false);
    worker.upload(&mut request, b"two", false);
    worker.upload(&mut request, b"", true);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    let call = worker.next_call();
    assert_eq!(call.body.as_deref(), Some(&b"one two"[..]));
    assert_eq!(sent(&call, ":method"), ["PUT"]);
}

#[test]
fn attempts_are_numbered_and_no_endpoint_is_tried_twice_while_another_is_left() {
    let mut worker = Worker::filter(r#""num_retries": 4"#);
    let mut request = worker.send(&[&GET[..], &[(COUNT, "1")]].concat());
    worker.fail(&mut request);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let call = worker.next_call();
        seen.push((sent(&call, COUNT).concat(), sent(&call, CANDIDATES).concat()));
        worker.reply(&call, UNAVAILABLE, b"");
    }
    let last = worker.next_call();
    seen.push((sent(&last, COUNT).concat(), sent(&last, CANDIDATES).concat()));
    let expected = [("2", B), ("3", C), ("4", A), ("5", B)];
    assert_eq!(seen, expected.map(|(number, address)| (number.to_owned(), address.to_owned())));
    worker.reply(&last, &[OK[0], (COUNT, "1")], b"fine");
    assert_eq!(worker.answer_to(&request).header(COUNT), ["5"], "the client is told, once");
}

#[test]
fn the_endpoint_that_failed_is_the_one_that_envoy_says() {
    // The router named A first; Envoy went elsewhere.
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    worker.host.set_property("upstream.address", B.as_bytes());
    worker.local(&mut request, UNAVAILABLE, true, "via_upstream");
    assert_eq!(sent(&worker.next_call(), CANDIDATES), [A]);
}

#[test]
fn what_belongs_to_a_connection_or_to_the_first_attempt_is_not_sent_again() {
    let more = [
        ("connection", "keep-alive"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("content-length", "0"),
        ("expect", "100-continue"),
        ("x-switchyard-cluster", "web"),
        ("x-envoy-expected-rq-timeout-ms", "15000"),
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-retry-grpc-on", "internal"),
        ("x-envoy-max-retries", "100"),
        ("x-envoy-retriable-status-codes", "200"),
        ("x-envoy-retriable-header-names", "x"),
        ("x-envoy-upstream-rq-per-try-timeout-ms", "1"),
        ("x-envoy-hedge-on-per-try-timeout", "true"),
        ("x-envoy-upstream-rq-timeout-ms", "1"),
    ];
    let call = replay("", &more);
    for (name, _) in more {
        assert!(sent(&call, name).is_empty(), "{name}");
    }
    assert_eq!(call.request.headers.len(), GET.len() + 1, "the request's own, and its number");
}

#[test]
fn an_attempt_is_told_how_much_time_is_left() {
    let retry = r#""deadline_header": "x-deadline-ms""#;
    let mut worker = Worker::filter(retry);
    let head = [&GET[..], &[("x-deadline-ms", "2000"), ("grpc-timeout", "3S")]].concat();
    let mut request = worker.send(&head);
    worker.pass(495);
    worker.fail(&mut request);
    let first = worker.next_call();
    assert_eq!(first.request.timeout, Duration::from_millis(1_500));
    assert_eq!(sent(&first, "x-deadline-ms"), ["1500"]);
    assert_eq!(
        sent(&first, "x-switchyard-client-limit"),
        ["1500"],
        "it is its client's, who else would be to blame"
    );
    assert_eq!(sent(&first, "grpc-timeout"), ["1500000u"]);
    worker.pass(995);
    worker.reply(&first, UNAVAILABLE, b"");
    let second = worker.next_call();
    assert_eq!(sent(&second, "x-deadline-ms"), ["500"]);
}

#[test]
fn a_request_that_says_nothing_about_its_time_is_told_nothing() {
    let call = replay(r#""deadline_header": "x-deadline-ms", "timeout": "2s""#, &[]);
    assert_eq!(call.request.timeout, Duration::from_millis(1_995));
    assert!(sent(&call, "x-deadline-ms").is_empty() && sent(&call, "grpc-timeout").is_empty());
    assert!(sent(&call, "x-switchyard-client-limit").is_empty(), "the operator's");
}

#[test]
fn an_attempts_answer_has_to_begin_as_soon_as_one_of_envoys_and_may_take_what_is_left() {
    let limit = "x-envoy-upstream-rq-per-try-timeout-ms";
    let call = replay(r#""per_try_timeout": "250ms", "timeout": "2s""#, &[]);
    assert_eq!((sent(&call, limit), call.request.timeout), (vec!["250"], Duration::from_millis(1_995)));
    let call = replay(r#""timeout": "2s""#, &[]);
    assert!(sent(&call, limit).is_empty());
    // Envoy takes no limit for an attempt that is no less than the limit for all.
    let call = replay(r#""per_try_timeout": "2s", "timeout": "2s""#, &[]);
    assert!(sent(&call, limit).is_empty());
}

#[test]
fn headers_that_cannot_be_sent_again_make_no_attempt() {
    let mut worker = Worker::filter("");
    let mut request = worker.begin_after(&GET, true, |host| {
        host.set_request_header("x-name", b"caf\xe9").expect("a header");
    });
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(5);
    assert!(worker.was_let_go(&request));
    assert_eq!(worker.count("retries_denied_total", "no_endpoint"), 1);
}

#[test]
fn what_a_client_says_about_retries_never_counts() {
    let head = [
        &GET[..],
        &[
            ("x-envoy-retry-on", "5xx"),
            ("x-envoy-max-retries", "100"),
            ("x-envoy-upstream-rq-timeout-ms", "100000"),
            ("x-envoy-upstream-rq-per-try-timeout-ms", "100000"),
            ("x-envoy-hedge-on-per-try-timeout", "true"),
        ],
    ]
    .concat();
    let mut worker = Worker::filter("");
    worker.send(&head);
    for (name, _) in &head[GET.len()..] {
        assert!(worker.host.request_header(name).is_empty(), "{name}");
    }
    assert_eq!(worker.host.request_header(CANDIDATES).len(), 1, "the router's word stands");
}

#[test]
fn the_first_attempt_has_the_limits_that_the_route_and_the_request_set() {
    let mut worker =
        Worker::filter(r#""per_try_timeout": "250ms", "timeout": "2s", "deadline_header": "x-deadline-ms""#);
    let limits = |worker: &Worker| {
        ["x-envoy-upstream-rq-per-try-timeout-ms", "x-envoy-upstream-rq-timeout-ms"]
            .map(|name| worker.host.request_header(name).concat())
    };
    worker.send(&[&GET[..], &[("x-deadline-ms", "700")]].concat());
    assert_eq!(limits(&worker), ["250", "700"]);
    worker.send(&[&GET[..], &[("x-deadline-ms", "3000"), ("grpc-timeout", "1S")]].concat());
    assert_eq!(limits(&worker), ["250", "1000"]);
    worker.send(&[&GET[..], &[("x-deadline-ms", "3000")]].concat());
    assert_eq!(limits(&worker), ["250", ""], "the route gives less");
}

#[test]
fn an_answer_is_given_without_what_envoy_writes_anew() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    worker.fail(&mut request);
    let call = worker.next_call();
    let mut headers =
        vec![OK[0], ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("content-type", "text/html")];
    let anew = ["connection", "keep-alive", "content-length", "transfer-encoding", "upgrade"];
    headers.extend(anew.map(|name| (name, "1")));
    worker.reply(&call, &headers, b"fine");
    let answer = worker.answer_to(&request);
    assert_eq!(answer.header("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.header("content-type"), ["text/html"]);
    for name in anew.into_iter().chain([":status"]) {
        assert!(answer.header(name).is_empty(), "{name}");
    }
}

/// Who makes no span hands the trace on as it is (W3C Trace Context).
#[test]
fn it_is_part_of_the_trace_that_the_requests_head_names() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let call = replay(
        "",
        &[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2"), ("baggage", "c=3")],
    );
    assert_eq!(sent(&call, "traceparent"), [PARENT]);
    assert_eq!((sent(&call, "tracestate"), sent(&call, "baggage")), (vec!["a=1", "b=2"], vec!["c=3"]));
}
