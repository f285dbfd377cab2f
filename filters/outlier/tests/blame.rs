//! Whom an attempt is blamed on: the endpoint's time begins with the end of the request and ends with the first byte of the answer, and a limit
//! of the client's own is nobody else's fault.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use switchyard_core::contract::{CLIENT_LIMIT_PROPERTY, STREAM_PROPERTY};
use switchyard_core::health::Health;
use switchyard_frame::Stream as _;
use switchyard_outlier::Stream;
use worker::left::{
    CANCELLED, GATEWAY, LOCAL, Left, NEUTRAL, SUCCESS, SUCCESS_UNMEASURED, left_by, left_under,
};
use worker::{A, B, GET, Worker};

/// The rest of a request's body.
fn send_the_rest(worker: &Worker, stream: &mut Stream) {
    stream.on_request_body(&worker.host, 10, false);
    stream.on_request_body(&worker.host, 0, true);
}

fn ends(worker: &Worker, stream: &mut Stream, details: &str) {
    worker.host.set_property("response.code_details", details.as_bytes());
    stream.on_done(&worker.host);
}

/// What an attempt leaves whose request is open for so long, and that ends with these details.
fn open_for(millis: u64, details: &'static str) -> Left {
    left_by(move |worker| {
        let mut stream = worker.begin_open(A);
        worker.pass(millis);
        ends(worker, &mut stream, details);
    })
}

#[test]
fn who_has_not_sent_its_request_has_nobody_to_blame() {
    for details in ["stream_idle_timeout", "max_duration_timeout", "request_overall_timeout"] {
        for millis in [20, 5_000] {
            assert_eq!(open_for(millis, details), NEUTRAL, "{details} after {millis} ms");
        }
    }
    assert_eq!(open_for(1_000, ""), NEUTRAL, "an endpoint that has had enough of a slow client");
    assert_eq!(open_for(980, ""), LOCAL, "one that resets while a request comes in");
    assert_eq!(open_for(20, "downstream_remote_disconnect"), NEUTRAL);
}

#[test]
fn an_endpoint_that_has_the_whole_request_is_to_blame_for_the_operators_limits() {
    for details in ["stream_idle_timeout", "max_duration_timeout", ""] {
        let left = left_by(move |worker| {
            let mut stream = worker.begin_open(A);
            worker.pass(4_000);
            send_the_rest(worker, &mut stream);
            worker.pass(200);
            ends(worker, &mut stream, details);
        });
        assert_eq!(left, LOCAL, "{details}");
    }
    let trailers = left_by(|worker| {
        let mut stream = worker.begin_open(A);
        worker.pass(4_000);
        stream.on_request_trailers(&worker.host);
        stream.on_done(&worker.host);
    });
    assert_eq!(trailers, LOCAL, "a request that ends with trailers is whole");
}

#[test]
fn what_envoy_cut_off_was_no_truncated_answer() {
    for details in ["stream_idle_timeout", "max_duration_timeout"] {
        let left = left_by(move |worker| {
            let mut stream = worker.begin(A);
            worker.answer(&mut stream, "200");
            worker.pass(1_000);
            ends(worker, &mut stream, details);
        });
        assert_eq!(left, NEUTRAL, "{details}");
    }
}

/// An answer that breaks off so long after the end of the request, at an endpoint that is suspect, of a route that gives a second.
fn cut_after(worker: &mut Worker, millis: u64) {
    worker.integer("connection.id", 7);
    let headers = [GET[0], GET[1], GET[2], ("x-envoy-expected-rq-timeout-ms", "1000")];
    let mut stream = worker.begin_with(A, &headers);
    worker.answer(&mut stream, "200");
    worker.pass(millis);
    stream.on_done(&worker.host);
}

#[test]
fn an_answer_that_the_routes_time_cut_off_is_nobodys_fault() {
    let cut = |worker: &mut Worker| (0..10).for_each(|_| cut_after(worker, 1_000));
    assert_eq!(left_by(cut), NEUTRAL);
    let within = |worker: &mut Worker| (0..3).for_each(|_| cut_after(worker, 100));
    assert_eq!(left_by(within).streaks, [3, 3, 0], "within it, it was the endpoint");
}

#[test]
fn a_clients_own_limit_is_its_own() {
    let patient_for = |limit: &'static str, millis: u64| {
        left_by(move |worker: &mut Worker| {
            let mut stream = worker.begin(A);
            worker.host.set_property(CLIENT_LIMIT_PROPERTY, limit.as_bytes());
            worker.pass(millis);
            stream.on_done(&worker.host);
        })
    };
    assert_eq!(
        patient_for("200", 200),
        CANCELLED,
        "that it waited so long says something of the latency alone"
    );
    assert_eq!(patient_for("200", 100), LOCAL, "it was reset before");
    assert_eq!(patient_for("5", 20), CANCELLED);
    assert_eq!(patient_for("soon", 200), LOCAL, "no limit");
}

#[test]
fn a_clients_limit_counts_from_its_request_and_not_from_the_last_attempt() {
    let left = left_by(|worker| {
        worker.pass(500);
        let mut stream = worker.begin(A);
        worker.host.set_property(CLIENT_LIMIT_PROPERTY, b"300");
        // The request is older than its second attempt.
        worker.integer("request.time", (worker::START + 200) * 1_000_000);
        stream.on_done(&worker.host);
    });
    assert_eq!(left.failures, 0);
}

#[test]
fn an_endpoint_that_says_that_the_clients_time_is_over_has_not_failed() {
    let deadline_exceeded = |limit: Option<&'static str>, status: &'static str| {
        left_by(move |worker| {
            let mut stream = worker.begin(A);
            if let Some(limit) = limit {
                worker.host.set_property(CLIENT_LIMIT_PROPERTY, limit.as_bytes());
            }
            worker.pass(200);
            worker.host.answer(&[
                (":status", "200"),
                ("content-type", "application/grpc"),
                ("grpc-status", status),
            ]);
            stream.on_response_headers(&worker.host, true);
        })
    };
    assert_eq!(deadline_exceeded(Some("200"), "4"), NEUTRAL);
    assert_eq!(deadline_exceeded(Some("1000"), "4"), GATEWAY, "it was not over");
    assert_eq!(deadline_exceeded(None, "4"), GATEWAY);
    assert_eq!(deadline_exceeded(Some("200"), "14"), GATEWAY);
}

#[test]
fn a_call_of_our_own_that_took_as_long_as_its_client_has_is_the_clients() {
    for limit in [("grpc-timeout", "200m"), ("x-switchyard-client-limit", "200")] {
        let call = |millis: u64, connected: bool| {
            left_by(move |worker: &mut Worker| {
                // Suspect, so that the heads of requests are read.
                worker.attempt(A, "500");
                if !connected {
                    worker.host.remove_property("connection.id");
                }
                let mut stream = worker.begin_with(A, &[GET[0], GET[1], GET[2], limit]);
                worker.pass(millis);
                stream.on_done(&worker.host);
            })
        };
        assert_eq!(call(200, false).failures, 1, "the one before");
        assert_eq!(call(100, false).failures, 2);
        assert_eq!(call(200, true).failures, 2, "what a client writes itself shields nobody");
    }
}

#[test]
fn slow_clients_make_nobody_slow() {
    let slow = r#"{"slow_threshold": "1s"}"#;
    let uploads = left_under(slow, |worker| {
        let mut stream = worker.begin_open(A);
        worker.pass(4_000);
        send_the_rest(worker, &mut stream);
        worker.answer(&mut stream, "200");
        worker.integer("response.backend_latency", 4_010_000_000);
        stream.on_done(&worker.host);
    });
    assert_eq!(uploads, SUCCESS);
    let downloads = left_under(slow, |worker| {
        let mut stream = worker.begin(A);
        worker.answer(&mut stream, "200");
        worker.pass(10_000);
        worker.integer("response.backend_latency", 10_010_000_000);
        stream.on_done(&worker.host);
    });
    assert_eq!(downloads, SUCCESS);
    let thinks = left_under(slow, |worker| {
        let mut stream = worker.begin_open(A);
        worker.pass(2_000);
        send_the_rest(worker, &mut stream);
        worker.pass(1_040);
        worker.answer(&mut stream, "200");
        worker.pass(2_000);
        worker.integer("response.backend_latency", 5_040_000_000);
        stream.on_done(&worker.host);
    });
    assert_eq!(thinks.failures, 1, "whom the client waits for is slow");
    let early = left_under(slow, |worker| {
        let mut stream = worker.begin_open(A);
        worker.answer(&mut stream, "200");
        worker.pass(2_000);
        send_the_rest(worker, &mut stream);
        worker.integer("response.backend_latency", 2_000_000_000);
        stream.on_done(&worker.host);
    });
    assert_eq!(early, SUCCESS_UNMEASURED, "an answer before the end of the request");
}

const STALL: &str = r#"{"stall": {"limit": "1s", "requests": 3}}"#;

#[test]
fn an_endpoint_stalls_from_the_end_of_the_request_on() {
    let mut worker = Worker::alone(STALL);
    let mut uploads = [worker.begin_open(A), worker.begin_open(A), worker.begin_open(A)];
    for _ in 0..40 {
        uploads.iter_mut().for_each(|stream| {
            stream.on_request_body(&worker.host, 10, false);
        });
        worker.pass(100);
    }
    assert_eq!(worker.record(A).health, Health::Healthy, "it waits for its clients");
    uploads.iter_mut().for_each(|stream| send_the_rest(&worker, stream));
    worker.pass(980);
    assert_eq!(worker.record(A).health, Health::Healthy);
    worker.pass(40);
    assert_eq!(worker.record(A).health, Health::Ejected, "now they wait for it");
}

#[test]
fn an_answer_before_the_end_of_the_request_is_one() {
    let mut worker = Worker::alone(STALL);
    let mut streams = [worker.begin_open(A), worker.begin_open(A), worker.begin_open(A)];
    for stream in &mut streams {
        worker.answer(stream, "200");
        send_the_rest(&worker, stream);
    }
    worker.pass(5_000);
    assert_eq!(worker.record(A).health, Health::Healthy);
}

#[test]
fn whoever_asks_for_a_stream_may_wait_for_its_first_event() {
    let stalled = |stream: bool| {
        let mut worker = Worker::alone(STALL);
        if stream {
            worker.host.set_property(STREAM_PROPERTY, b"1");
        }
        let streams: Vec<_> = (10..13).map(|context| worker.begin_as(context, A, &GET, true)).collect();
        worker.pass(2_000);
        let (root, asked) = (1, worker.host.calls("proxy_set_effective_context"));
        assert_eq!(worker.host.context(), root, "calls are the root's again");
        assert_eq!(asked, 6, "each is asked once, and the root comes back");
        drop(streams);
        worker.record(A).health
    };
    assert_eq!(stalled(true), Health::Healthy);
    assert_eq!(stalled(false), Health::Ejected);
}

#[test]
fn the_pieces_of_a_body_cost_no_host_call() {
    let worker = Worker::alone("{}");
    worker.attempt(B, "200");
    let mut stream = worker.begin_open(B);
    worker.host.forget_calls();
    (0..100).for_each(|_| {
        stream.on_request_body(&worker.host, 16_384, false);
    });
    send_the_rest(&worker, &mut stream);
    assert_eq!(worker.host.all_calls(), 0);
}

#[test]
fn who_may_eject_nobody_ejects_nobody() {
    let mut worker = Worker::alone(r#"{"max_ejection_percent": 0, "consecutive_5xx": 1}"#);
    (0..5).for_each(|_| worker.attempt(A, "500"));
    worker.pass(1_000);
    assert_eq!(worker.record(A).health, Health::Healthy);
}
