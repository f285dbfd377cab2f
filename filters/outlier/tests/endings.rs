//! Attempts that ended early, from Envoy's callbacks and properties to what is counted against the endpoint.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use switchyard_core::contract::CANCELLED_PROPERTY;
use switchyard_core::health::Health;
use switchyard_frame::Stream as _;
use worker::left::{CANCELLED, LOCAL, Left, NEUTRAL, left_by};
use worker::{A, B, GET, HTTP1_GONE, HTTP2_GONE, Worker, take_log};

/// A worker in which A is half open, so that the log names how an attempt at it failed.
fn trying() -> Worker {
    let mut worker = Worker::alone("{}");
    let mut stream = worker.begin(A);
    worker.host.answer(&[(":status", "200"), ("x-envoy-immediate-health-check-fail", "true")]);
    stream.on_response_headers(&worker.host, false);
    worker.complete(&mut stream);
    worker.pass(30_000);
    assert_eq!(worker.record(A).health, Health::HalfOpen);
    take_log();
    worker
}

fn no_connection(worker: &Worker) {
    worker.host.set_property("upstream.transport_failure_reason", b"delayed_connect_error:_111");
}

/// What the log says of the only attempt that tried A.
fn failed_by(attempt: impl FnOnce(&mut Worker)) -> String {
    let mut worker = trying();
    attempt(&mut worker);
    assert_eq!(worker.record(A).health, Health::Ejected);
    take_log().concat()
}

#[test]
fn a_connect_failure_is_a_local_origin_failure() {
    let ends = |worker: &mut Worker| {
        let mut stream = worker.begin(A);
        no_connection(worker);
        stream.on_done(&worker.host);
    };
    assert_eq!(left_by(ends), LOCAL);
    assert!(failed_by(ends).contains(": a connect failure while it was tried"));
}

#[test]
fn a_reset_is_a_local_origin_failure() {
    assert_eq!(left_by(|worker| worker.reset(A)), LOCAL);
    assert!(failed_by(|worker| worker.reset(A)).contains(": a reset while it was tried"));
}

#[test]
fn a_suspect_that_outlived_the_routes_limit_timed_out() {
    let after = |millis| {
        move |worker: &mut Worker| {
            worker.integer("connection.id", 7);
            let headers = [GET[0], GET[1], GET[2], ("x-envoy-expected-rq-timeout-ms", "1000")];
            let mut stream = worker.begin_with(A, &headers);
            worker.pass(millis);
            stream.on_done(&worker.host);
        }
    };
    assert_eq!(left_by(after(1_000)), LOCAL);
    assert!(failed_by(after(1_000)).contains(": a timeout while it was tried"));
    assert!(failed_by(after(980)).contains(": a reset while it was tried"));
}

#[test]
fn the_headers_of_requests_are_read_only_at_suspects() {
    let mut worker = Worker::alone("{}");
    let read_at = |worker: &Worker, address| {
        worker.host.forget_calls();
        let mut stream = worker.begin(address);
        let read = worker.host.calls("proxy_get_header_map_pairs");
        worker.answer(&mut stream, "200");
        worker.complete(&mut stream);
        read
    };
    assert_eq!(read_at(&worker, A), 0);
    worker.reset(A);
    assert_eq!(read_at(&worker, A), 1);
    assert_eq!(read_at(&worker, B), 0, "only that one");
    worker.pass(29_000);
    assert_eq!(read_at(&worker, A), 1, "for a while, though it works again");
    worker.pass(1_000);
    assert_eq!(read_at(&worker, A), 0);
}

#[test]
fn an_answer_without_its_end_was_truncated() {
    assert!(failed_by(truncate).contains(": a truncated answer while it was tried"));
}

/// An answer that breaks off.
fn truncate(worker: &mut Worker) {
    let mut stream = worker.begin(A);
    worker.answer(&mut stream, "200");
    stream.on_done(&worker.host);
}

#[test]
fn the_first_answer_that_broke_off_counts_once_the_next_is_known_to_have() {
    assert_eq!(left_by(truncate), NEUTRAL, "nobody has read what the route's time is");
    let twice = |worker: &mut Worker| (0..2).for_each(|_| truncate(worker));
    assert_eq!(left_by(twice), Left { attempts: 2, failures: 2, latencies: 0, streaks: [2, 2, 0] });
    let thrice = |worker: &mut Worker| (0..3).for_each(|_| truncate(worker));
    assert_eq!(left_by(thrice).streaks, [3, 3, 0]);
    let healed = |worker: &mut Worker| {
        truncate(worker);
        worker.attempt(A, "200");
        truncate(worker);
    };
    assert_eq!(left_by(healed).streaks, [1, 1, 0], "not the one before it answered well");
}

#[test]
fn a_client_that_went_away_says_nothing() {
    for flags in [HTTP1_GONE, HTTP2_GONE] {
        for answered in [false, true] {
            let left = left_by(|worker| {
                let mut stream = worker.begin(A);
                if answered {
                    worker.answer(&mut stream, "200");
                }
                worker.integer("response.flags", flags);
                stream.on_done(&worker.host);
            });
            assert_eq!(left, NEUTRAL, "{flags:#x} {answered}");
        }
    }
}

#[test]
fn a_flag_of_somebody_else_excuses_nothing() {
    let left = left_by(|worker| {
        let mut stream = worker.begin(A);
        worker.integer("response.flags", !(HTTP1_GONE | HTTP2_GONE));
        stream.on_done(&worker.host);
    });
    assert_eq!(left, LOCAL);
}

#[test]
fn the_loser_of_a_hedge_only_says_how_long_it_was_waited_for() {
    let left = left_by(|worker| {
        let mut stream = worker.begin(A);
        worker.host.set_property("response.code_details", b"via_upstream");
        stream.on_done(&worker.host);
    });
    assert_eq!(left, CANCELLED);
}

#[test]
fn an_attempt_that_one_of_our_filters_answered_for_is_cancelled() {
    for answered in [false, true] {
        let left = left_by(|worker| {
            let mut stream = worker.begin(A);
            if answered {
                worker.answer(&mut stream, "200");
            }
            worker.host.set_property(CANCELLED_PROPERTY, b"1");
            stream.on_done(&worker.host);
        });
        // One that has answered has not been waited for so long.
        assert_eq!(left, if answered { NEUTRAL } else { CANCELLED }, "{answered}");
    }
}

#[test]
fn a_mirrored_request_fails_at_nobodys_expense() {
    for status in [None, Some("500")] {
        let left = left_by(|worker| {
            worker.host.remove_property("connection.id");
            let mut stream = worker.begin_with(A, &GET);
            if let Some(status) = status {
                worker.answer(&mut stream, status);
            }
            stream.on_done(&worker.host);
        });
        assert_eq!(left, NEUTRAL, "{status:?}");
    }
}

#[test]
fn at_a_suspect_a_request_without_a_connection_is_a_mirror_if_its_host_says_so() {
    for (authority, streak) in
        [("web-shadow", 1), ("web-shadow:8080", 1), ("[::1]-shadow:8080", 1), ("web", 2), ("shadow", 2)]
    {
        let worker = Worker::alone("{}");
        worker.reset(A);
        worker.host.remove_property("connection.id");
        let headers = [GET[0], GET[1], (":authority", authority)];
        worker.begin_with(A, &headers).on_done(&worker.host);
        assert_eq!(worker.record(A).streaks[0], streak, "{authority}");
    }
}

#[test]
fn a_client_whose_host_ends_like_a_mirrors_is_a_client() {
    let worker = Worker::alone("{}");
    worker.reset(A);
    worker.integer("connection.id", 7);
    worker.begin_with(A, &[GET[0], GET[1], (":authority", "web-shadow")]).on_done(&worker.host);
    assert_eq!(worker.record(A).streaks[0], 2);
}
