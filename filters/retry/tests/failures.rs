//! Which first answers are failures, and of which kind: by who made them.

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
use worker::{GET, Head, OK, POST, UNAVAILABLE, Worker};

const REASONS: [&str; 8] =
    ["status", "grpc_status", "connect_failure", "refused_stream", "reset", "timeout", "header", "body"];
const TEXT: (&str, &str) = ("content-type", "text/plain");

/// The reasons of the retries that this route has decided on.
fn reasons(worker: &mut Worker) -> Vec<&'static str> {
    REASONS.into_iter().filter(|reason| worker.count("retries_total", reason) > 0).collect()
}

/// Why a request with this head is tried again when it is answered with this status and these details.
fn why(retry: &str, head: Head<'_>, status: &str, details: &str) -> Vec<&'static str> {
    let mut worker = Worker::filter(retry);
    let mut request = worker.send(head);
    let flow = worker.local(&mut request, &[(":status", status), TEXT], true, details);
    let reasons = reasons(&mut worker);
    assert_eq!(flow, if reasons.is_empty() { Flow::Continue } else { Flow::Pause }, "{details}");
    reasons
}

const TIMEOUTS: &str = r#""retry_on": {"timeout": true}"#;

/// What Envoy's router says of attempts without an answer, and what that is to us.
const ROUTERS: [(&str, &str); 10] = [
    ("upstream_reset_before_response_started{connection_failure}", "connect_failure"),
    (
        "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_111}",
        "connect_failure",
    ),
    ("no_healthy_upstream", "connect_failure"),
    ("upstream_reset_before_response_started{remote_refused_stream_reset}", "refused_stream"),
    ("upstream_reset_before_response_started{remote_reset}", "reset"),
    ("upstream_reset_before_response_started{connection_termination}", "reset"),
    ("upstream_reset_before_response_started{protocol_error}", "reset"),
    ("upstream_response_timeout", "timeout"),
    ("upstream_per_try_timeout", "timeout"),
    ("response_timeout", "timeout"),
];

#[test]
fn what_envoys_router_says_is_told_by_its_details() {
    for (details, reason) in ROUTERS {
        assert_eq!(why(TIMEOUTS, &GET, "503", details), [reason], "{details}");
    }
}

#[test]
fn a_post_is_tried_again_only_if_no_endpoint_has_seen_it() {
    for (details, reason) in ROUTERS {
        let again = why(TIMEOUTS, &POST, "503", details);
        let unseen = ["connect_failure", "refused_stream"].contains(&reason);
        assert_eq!(!again.is_empty(), unseen, "{details}");
    }
    assert!(why("", &POST, "503", "via_upstream").is_empty());
    let keyed = [POST[0], POST[1], POST[2], POST[3], ("idempotency-key", "7")];
    assert_eq!(why("", &keyed, "503", "via_upstream"), ["status"]);
    assert_eq!(why(r#""non_idempotent": true"#, &POST, "503", "via_upstream"), ["status"]);
}

#[test]
fn each_kind_can_be_turned_off() {
    for (details, reason) in ROUTERS {
        let off = format!(r#""retry_on": {{"{reason}": false}}"#);
        assert!(why(&off, &GET, "503", details).is_empty(), "{details}");
    }
    assert!(why("", &GET, "504", "response_timeout").is_empty(), "timeouts are off unless asked for");
}

#[test]
fn only_the_statuses_of_the_list_are_failures() {
    for (status, again) in [("501", false), ("502", true), ("504", true), ("505", false), ("429", false)] {
        assert_eq!(!why("", &GET, status, "via_upstream").is_empty(), again, "{status}");
    }
    let statuses = r#""retry_on": {"statuses": [429, "500-501"]}"#;
    for (status, again) in [("429", true), ("500", true), ("501", true), ("502", false)] {
        assert_eq!(!why(statuses, &GET, status, "via_upstream").is_empty(), again, "{status}");
    }
}

#[test]
fn what_another_filter_answers_is_never_a_failure() {
    let any = r#""retry_on": {"statuses": ["400-599"], "timeout": true,
                 "headers": [{"name": "content-type", "present": true}]}"#;
    for (status, details) in [
        ("429", "request_rate_limited"),
        ("403", "ext_authz_denied"),
        ("500", "ext_authz_error"),
        ("503", "fault_filter_abort"),
        ("503", "direct_response"),
        ("503", "cluster_not_found"),
        ("503", "upstream_reset_before_response_started{overflow}"),
        ("503", ""),
    ] {
        assert!(why(any, &GET, status, details).is_empty(), "{details}");
    }
}

#[test]
fn an_answer_whose_maker_cannot_be_told_is_never_a_failure() {
    let mut worker = Worker::filter("");
    worker.host.fail("proxy_get_property", Status::BadArgument);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Continue);
    worker.host.recover("proxy_get_property");
    worker.host.fail("proxy_get_header_map_pairs", Status::BadArgument);
    assert_eq!(worker.fail(&mut request), Flow::Continue, "nor one that cannot be read");
    assert!(reasons(&mut worker).is_empty());
}

#[test]
fn a_response_header_may_say_that_an_answer_is_a_failure() {
    let retry = r#""retry_on": {"headers": [{"name": "x-retry-me", "exact": "yes"}]}"#;
    for (value, again) in [("yes", Flow::Pause), ("no", Flow::Continue)] {
        let mut worker = Worker::filter(retry);
        let mut request = worker.send(&GET);
        let headers = [OK[0], ("x-retry-me", value)];
        assert_eq!(worker.answer(&mut request, &headers, true), again);
        let expected: &[&str] = if again == Flow::Pause { &["header"] } else { &[] };
        assert_eq!(reasons(&mut worker), expected);
    }
}

#[test]
fn a_failure_is_held_until_the_answer_to_another_attempt_takes_its_place() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    let headers = [UNAVAILABLE[0], ("content-length", "5")];
    assert_eq!(worker.answer(&mut request, &headers, false), Flow::Pause);
    assert_eq!(worker.body(&mut request, b"sorry", false), Flow::Pause);
    assert_eq!(worker.trailers(&mut request, &[("x-checksum", "1")]), Flow::Pause);
    assert!(worker.is_quiet(), "nothing is done from the stream's own callbacks");
    let call = worker.next_call();
    assert!(worker.is_quiet());
    worker.reply(&call, &[OK[0], ("x-from", "B")], b"fine");
    let answer = worker.answer_to(&request);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"fine"[..]));
    assert_eq!(answer.header("x-from"), ["B"]);
    worker.end(request);
    assert_eq!(worker.count("retries_total", "status"), 1);
    assert_eq!(worker.count("attempts_total", ""), 2);
    worker.pass(2_000);
    assert_eq!(worker.count("retry_watchdog_total", ""), 0);
}

#[test]
fn the_answer_that_the_client_gets_is_not_judged_again() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    worker.fail(&mut request);
    let call = worker.next_call();
    worker.reply(&call, &[(":status", "404")], b"no such order");
    assert_eq!(worker.answer_to(&request).status, 404);
    worker.host.forget_calls();
    // The filter sees it as any other.
    assert_eq!(worker.local(&mut request, UNAVAILABLE, false, "via_upstream"), Flow::Continue);
    assert_eq!(worker.body(&mut request, b"x", true), Flow::Continue);
    assert_eq!(worker.trailers(&mut request, &[]), Flow::Continue);
    assert_eq!(worker.host.all_calls(), 0);
    worker.end(request);
    assert_eq!(reasons(&mut worker), ["status"]);
}
