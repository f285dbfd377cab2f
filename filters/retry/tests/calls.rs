//! What the answers to calls of ours mean: Envoy says why one failed only in the text of its local reply.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_host::Status;
use switchyard_retry::Flow;
use worker::{GET, Head, OK, UNAVAILABLE, Worker};

const TEXT: (&str, &str) = ("content-type", "text/plain");

/// A request whose first attempt has failed, and the second of which is answered so.
fn second(retry: &str, headers: Head<'_>, body: &[u8]) -> (Worker, worker::Request) {
    let mut worker = Worker::filter(retry);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    let call = worker.next_call();
    worker.reply(&call, headers, body);
    (worker, request)
}

/// Why the second attempt is followed by a third; `None` if its answer goes to the client.
fn why(retry: &str, headers: Head<'_>, body: &[u8]) -> Option<&'static str> {
    const REASONS: [&str; 6] = ["connect_failure", "refused_stream", "reset", "timeout", "header", "body"];
    let (mut worker, _request) = second(retry, headers, body);
    worker.pass(5);
    if worker.host.take_called().is_empty() {
        assert_eq!(worker.host.take_replies().len(), 1);
        return None;
    }
    assert!(worker.host.take_replies().is_empty());
    let other = REASONS.into_iter().find(|reason| worker.count("retries_total", reason) == 1);
    other.or_else(|| (worker.count("retries_total", "status") == 2).then_some("status"))
}

fn local(body: &str) -> Option<&'static str> {
    why(r#""retry_on": {"timeout": true}"#, &[UNAVAILABLE[0], TEXT], body.as_bytes())
}

#[test]
fn envoys_own_text_tells_why_a_call_failed() {
    let reset = |reason: &str| {
        local(&format!("upstream connect error or disconnect/reset before headers. reset reason: {reason}"))
    };
    let refused = "remote connection failure, transport failure reason: delayed connect error: 111";
    assert_eq!(reset(refused), Some("connect_failure"));
    assert_eq!(reset("remote refused stream reset"), Some("refused_stream"));
    assert_eq!(reset("connection termination"), Some("reset"));
    assert_eq!(reset("overflow"), None, "trying again is no cure");
    assert_eq!(local("no healthy upstream"), Some("connect_failure"));
    assert_eq!(local("upstream request timeout"), Some("timeout"));
}

#[test]
fn a_timeout_of_a_call_counts_only_if_asked_for() {
    assert_eq!(why("", &[(":status", "504"), TEXT], b"upstream request timeout"), None);
}

#[test]
fn a_call_without_an_answer_was_reset() {
    assert_eq!(why("", &[], b""), Some("reset"));
}

#[test]
fn a_call_without_an_answer_is_no_answer_where_resets_are_not_tried_again() {
    let (worker, request) = second(r#""retry_on": {"reset": false}"#, &[], b"");
    assert!(worker.was_let_go(&request), "there is nothing to give the client but the first failure");
}

#[test]
fn an_answer_whose_body_cannot_be_read_is_none() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    let call = worker.next_call();
    worker.host.fail("proxy_get_buffer_bytes", Status::InternalFailure);
    worker.reply(&call, OK, b"fine");
    worker.host.recover("proxy_get_buffer_bytes");
    assert!(worker.host.take_replies().is_empty(), "it is not taken for an answer without a body");
    let _again = worker.next_call();
    assert_eq!(worker.count("retries_total", "reset"), 1);
}

#[test]
fn an_endpoints_answer_is_judged_by_its_status() {
    assert_eq!(local("sorry"), Some("status"));
    assert_eq!(why("", UNAVAILABLE, b"no healthy upstream"), Some("status"), "not plain text");
    assert_eq!(why("", &[OK[0], TEXT], b"no healthy upstream"), None);
    assert_eq!(why("", &[(":status", "500")], b""), None);
}

#[test]
fn headers_and_bodies_are_judged_as_in_the_first_answer() {
    let retry = r#""retry_on": {"headers": [{"name": "x-retry-me", "present": true}],
                                "body": [{"pointer": "/error", "exists": true}]}"#;
    assert_eq!(why(retry, &[OK[0], ("x-retry-me", "1")], b""), Some("header"));
    assert_eq!(why(retry, OK, br#"{"error": 1}"#), Some("body"));
    assert_eq!(why(retry, OK, br#"{"error": null}"#), None);
}

#[test]
fn after_the_last_attempt_the_first_failure_goes_to_the_client() {
    let mut worker = Worker::filter(r#""num_retries": 3"#);
    let mut request = worker.send(&GET);
    worker.fail(&mut request);
    for _ in 0..3 {
        assert!(worker.host.take_replies().is_empty());
        let call = worker.next_call();
        worker.reply(&call, UNAVAILABLE, b"");
    }
    assert!(worker.was_let_go(&request));
    assert_eq!(worker.count("retries_denied_total", "num_retries"), 1);
    assert_eq!(worker.count("retries_total", "status"), 3);
    // What was held back passes this filter again on its way out.
    assert_eq!(worker.body(&mut request, b"sorry", true), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 4);
    worker.pass(60_000);
    assert!(worker.is_quiet());
}

#[test]
fn an_answer_nobody_waits_for_changes_nothing() {
    let (mut worker, request) = second("", OK, b"fine");
    worker.answer_to(&request);
    let stranger = switchyard_host::fake::Called {
        number: 99,
        context: worker::ROOT,
        request: switchyard_host::fake::Dispatched {
            cluster: "web".into(),
            headers: Vec::new(),
            timeout: core::time::Duration::ZERO,
        },
        body: None,
    };
    worker.reply(&stranger, OK, b"");
    worker.end(request);
    assert!(worker.is_quiet());
}
