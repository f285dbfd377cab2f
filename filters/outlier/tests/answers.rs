//! Attempts that were answered: what the answer says, once, and whether its latency does.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use switchyard_frame::Stream as _;
use switchyard_outlier::Stream;
use worker::left::{GATEWAY, Left, NEUTRAL, STATUS, SUCCESS, SUCCESS_UNMEASURED, left_by, left_under};
use worker::{A, Worker};

#[test]
fn a_complete_answer_is_a_success_with_its_latency() {
    assert_eq!(left_by(|worker| worker.attempt(A, "200")), SUCCESS);
    assert_eq!(left_by(|worker| worker.attempt(A, "404")), SUCCESS);
}

#[test]
fn an_error_status_is_a_failure_and_a_gateways_is_one_of_that_too() {
    assert_eq!(left_by(|worker| worker.attempt(A, "500")), STATUS);
    for status in ["502", "503", "504"] {
        assert_eq!(left_by(|worker| worker.attempt(A, status)), GATEWAY, "{status}");
    }
}

#[test]
fn an_answer_thrown_away_for_a_retry_says_nothing_beyond_its_status() {
    let discarded = |status: &'static str| {
        move |worker: &mut Worker| {
            let mut stream = worker.begin(A);
            worker.answer(&mut stream, status);
            worker.host.remove_property("response.code");
            stream.on_done(&worker.host);
        }
    };
    assert_eq!(left_by(discarded("409")), NEUTRAL, "a status that Envoy retries and we do not count");
    assert_eq!(left_by(discarded("503")), GATEWAY);
}

#[test]
fn switching_protocols_is_a_success_and_how_long_it_lasts_is_nobodys_business() {
    let left = left_by(|worker| {
        let mut stream = worker.begin(A);
        worker.answer(&mut stream, "101");
        stream.on_done(&worker.host);
    });
    assert_eq!(left, SUCCESS_UNMEASURED);
}

#[test]
fn streams_leave_latency_out() {
    let streamed = |kind: &'static str, body_millis: u64, latency_millis: u64| {
        left_by(move |worker| {
            let mut stream = worker.begin(A);
            worker.host.answer(&[(":status", "200"), ("content-type", kind)]);
            stream.on_response_headers(&worker.host, false);
            worker.pass(body_millis);
            worker.integer("response.backend_latency", latency_millis * 1_000_000);
            stream.on_done(&worker.host);
        })
    };
    for kind in ["text/event-stream", "text/event-stream; charset=utf-8", "application/x-ndjson"] {
        assert_eq!(streamed(kind, 20, 25), SUCCESS_UNMEASURED, "{kind}");
    }
    assert_eq!(streamed("multipart/x-mixed-replace; boundary=x", 20, 25), SUCCESS_UNMEASURED);
    assert_eq!(streamed("video/mp4", 1_000, 1_010), SUCCESS, "its first byte came at once");
}

#[test]
fn a_grpc_status_is_judged_where_it_comes() {
    let grpc = |headers: &'static [(&'static str, &'static str)], trailers: &'static [(&str, &str)]| {
        left_by(move |worker| {
            let mut stream = worker.begin(A);
            worker.host.answer(headers);
            stream.on_response_headers(&worker.host, trailers.is_empty());
            worker.host.end_with(trailers);
            stream.on_response_trailers(&worker.host);
            worker.complete(&mut stream);
        })
    };
    const HEAD: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc+proto")];
    assert_eq!(grpc(HEAD, &[("grpc-status", "0")]), SUCCESS);
    assert_eq!(grpc(HEAD, &[("grpc-status", "5")]), SUCCESS, "not found is an answer");
    assert_eq!(grpc(HEAD, &[("grpc-status", "14")]), GATEWAY);
    assert_eq!(grpc(HEAD, &[("grpc-status", "13")]), STATUS);
    const ONLY: &[(&str, &str)] =
        &[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "14")];
    assert_eq!(grpc(ONLY, &[]), GATEWAY, "trailers only");
}

#[test]
fn a_slow_answer_is_a_failure_where_that_is_configured() {
    let slow = |millis: u64| {
        left_under(r#"{"slow_threshold": "1s"}"#, move |worker| {
            let mut stream = worker.begin(A);
            worker.answer(&mut stream, "200");
            worker.integer("response.backend_latency", millis * 1_000_000);
            stream.on_done(&worker.host);
        })
    };
    assert_eq!(slow(999), SUCCESS);
    assert_eq!(slow(1_000), Left { latencies: 1, ..STATUS });
}

#[test]
fn overload_says_nothing_where_that_is_configured() {
    let left = left_under(r#"{"retry_after_is_overload": true}"#, |worker| {
        let mut stream = worker.begin(A);
        worker.host.answer(&[(":status", "503"), ("retry-after", "1")]);
        stream.on_response_headers(&worker.host, false);
        worker.complete(&mut stream);
    });
    assert_eq!(left, NEUTRAL);
}

#[test]
fn each_attempt_is_judged_once_whatever_else_comes() {
    let again = |worker: &Worker, mut stream: Stream| {
        stream.on_response_trailers(&worker.host);
        worker.complete(&mut stream);
        worker.answer(&mut stream, "500");
        stream.on_done(&worker.host);
        drop(stream);
    };
    let left = left_by(|worker| {
        let mut stream = worker.begin(A);
        worker.host.answer(&[(":status", "503"), ("content-type", "application/grpc")]);
        stream.on_response_headers(&worker.host, false);
        worker.host.end_with(&[("grpc-status", "14")]);
        again(worker, stream);
    });
    assert_eq!(left, GATEWAY);
    let left = left_by(|worker| {
        let mut stream = worker.begin(A);
        worker.answer(&mut stream, "200");
        again(worker, stream);
    });
    assert_eq!(left, SUCCESS);
}
