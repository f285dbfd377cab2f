//! How long a request waits before it is sent again, and who may ask for more.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_retry::Flow;
use worker::{GET, Head, Request, START, UNAVAILABLE, Worker};

const RESETS: &str = r#"{"engine": "filter", "back_off": {"base": "1ms", "max": "1ms", "reset_headers": [
    {"name": "x-reset-after", "format": "seconds"}, {"name": "x-reset-at", "format": "unix_timestamp"},
    {"name": "x-reset-ms", "format": "milliseconds"}, {"name": "x-ratelimit-reset", "format": "duration"}]}}"#;

fn failed(worker: &mut Worker, more: Head<'_>) -> Request {
    let mut request = worker.send(&GET);
    let headers = [UNAVAILABLE, more].concat();
    assert_eq!(worker.answer(&mut request, &headers, true), Flow::Pause);
    request
}

/// How long a request waits whose failure has these headers besides.
fn wait(retry: &str, more: Head<'_>) -> u64 {
    let mut worker = Worker::alone(retry);
    let _request = failed(&mut worker, more);
    while worker.host.take_called().is_empty() {
        worker.pass(5);
        assert!(worker.elapsed() < 10_000, "it is never made");
    }
    worker.elapsed()
}

/// The wait of a request whose failure has these headers is what they ask for, and at most half as long again, and a tick.
fn asks(more: Head<'_>, millis: u64) {
    let wait = wait(RESETS, more);
    assert!((millis..=millis * 3 / 2 + 5).contains(&wait), "{more:?}: {wait}, not {millis}");
}

#[test]
fn an_endpoint_may_ask_for_a_wait_in_seconds_or_by_a_date() {
    asks(&[("retry-after", "2")], 2_000);
    asks(&[("retry-after", "1.5")], 1_500);
    asks(&[("retry-after-ms", "700")], 700);
    asks(&[("retry-after-ms", "700"), ("retry-after", "3")], 700);
    asks(&[("retry-after-ms", "soon"), ("retry-after", "3")], 3_000);
    // Of several copies nobody knows which is meant: the one that asks for most is not too soon for any.
    asks(&[("retry-after", "0"), ("retry-after", "2")], 2_000);
    asks(&[("retry-after", ""), ("retry-after", "2"), ("retry-after", "1")], 2_000);
    asks(&[("retry-after-ms", "0"), ("retry-after-ms", "700")], 700);
    // The test begins on Tue, 14 Nov 2023 22:13:20 GMT.
    assert_eq!(START, 1_700_000_000_000);
    asks(&[("retry-after", "Tue, 14 Nov 2023 22:13:23 GMT")], 3_000);
    assert_eq!(wait(RESETS, &[("retry-after", "Tue, 14 Nov 2023 22:13:19 GMT")]), 5, "that is past");
    assert_eq!(wait(RESETS, &[("retry-after", "soon")]), 5, "nobody knows what that is");
}

#[test]
fn an_endpoint_may_ask_for_a_wait_by_the_configured_headers() {
    asks(&[("x-reset-after", "1")], 1_000);
    asks(&[("x-reset-after", "0.5")], 500);
    asks(&[("x-reset-at", "1700000002")], 2_000);
    asks(&[("x-reset-at", "1700000002.5")], 2_500);
    asks(&[("x-reset-ms", "750")], 750);
    asks(&[("x-ratelimit-reset", "1s200ms")], 1_200);
    asks(&[("x-ratelimit-reset", "2")], 2_000);
    assert_eq!(wait(RESETS, &[("x-reset-at", "1600000000")]), 5, "that is past");
    // The first of the list that says something.
    asks(&[("x-reset-at", "2"), ("x-reset-after", "1")], 1_000);
    asks(&[("x-ratelimit-reset", "2s"), ("x-reset-after", "later")], 2_000);
    asks(&[("x-reset-after", "3"), ("retry-after", "1")], 1_000);
    asks(&[("x-reset-after", "1"), ("x-reset-after", "3")], 3_000);
    asks(&[("x-reset-after", "1"), ("retry-after", "soon")], 1_000);
    assert_eq!(wait(RESETS, &[("x-other-reset", "1")]), 5);
}

#[test]
fn what_is_too_long_for_anybody_is_no_short_wait_but_a_no() {
    for huge in ["99999999999999999999", "18446744073709551615", "31536000000.5"] {
        for name in [
            "retry-after",
            "retry-after-ms",
            "x-reset-after",
            "x-reset-at",
            "x-reset-ms",
            "x-ratelimit-reset",
        ] {
            let mut worker = Worker::alone(RESETS);
            let mut request = worker.send(&GET);
            let headers = [UNAVAILABLE, &[(name, huge)]].concat();
            assert_eq!(worker.answer(&mut request, &headers, true), Flow::Continue, "{name}: {huge}");
            worker.end(request);
            assert_eq!(worker.count("retries_denied_total", "retry_after"), 1, "{name}: {huge}");
        }
    }
}

#[test]
fn an_endpoint_that_is_not_heard_may_ask_for_nothing() {
    let deaf = r#"{"engine": "filter", "back_off": {"base": "1ms", "max": "1ms", "retry_after": false}}"#;
    assert_eq!(wait(deaf, &[("retry-after", "3600")]), 5);
}

#[test]
fn waits_are_between_the_base_and_the_maximum() {
    let retry = r#"{"engine": "filter", "num_retries": 10,
        "back_off": {"base": "50ms", "max": "100ms", "jitter": "decorrelated"}}"#;
    let mut worker = Worker::alone(retry);
    let _request = failed(&mut worker, &[]);
    let mut waits = Vec::new();
    for _ in 0..9 {
        let began = worker.elapsed();
        let call = loop {
            worker.pass(5);
            if let Some(call) = worker.host.take_called().pop() {
                break call;
            }
            assert!(worker.elapsed() - began <= 105);
        };
        waits.push(worker.elapsed() - began);
        worker.reply(&call, UNAVAILABLE, b"");
    }
    assert!(waits.iter().all(|wait| (50..=105).contains(wait)), "{waits:?}");
    assert!(waits.windows(2).any(|pair| pair[0] != pair[1]), "randomness spreads them: {waits:?}");
}

#[test]
fn two_workers_do_not_wait_alike() {
    let retry = r#"{"engine": "filter", "back_off": {"base": "5s", "max": "5s"}, "timeout": "60s"}"#;
    let mut waits = Vec::new();
    for context in 0..4 {
        let mut worker = Worker::alone(retry);
        worker.root = switchyard_retry::Root::new(context);
        assert!(worker.root.configure(&worker.host));
        let _request = failed(&mut worker, &[]);
        worker.pass(5_005);
        assert_eq!(worker.host.take_called().len(), 1);
        waits.push(worker.count("retry_back_off_milliseconds_total", ""));
    }
    waits.dedup();
    assert!(waits.len() > 1, "{waits:?}");
}
