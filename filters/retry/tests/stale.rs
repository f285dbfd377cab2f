//! Old answers in place of errors: which are kept, for whom, and how they are marked.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_core::contract::FALLBACK_HEADER;
use switchyard_host::Status;
use switchyard_retry::Flow;
use worker::seen::Answer;
use worker::{GET, Head, OK, Worker};

const STALE: &str = r#""num_retries": 0, "fallback": {"stale_if_error": {"max_age": "60s"}}"#;

/// A good answer in two pieces.
fn good(worker: &mut Worker, head: Head<'_>, answer: Head<'_>) {
    let mut request = worker.send(head);
    assert_eq!(worker.answer(&mut request, answer, false), Flow::Continue);
    assert_eq!(worker.body(&mut request, b"good ", false), Flow::Continue);
    assert_eq!(worker.body(&mut request, b"answer", true), Flow::Continue);
    worker.end(request);
}

/// What a request gets when its attempt fails: an old answer, if there is one.
fn failed(worker: &mut Worker, head: Head<'_>) -> Option<Answer> {
    let mut request = worker.send(head);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(5);
    let answer = worker.substitute_for(&request);
    worker.end(request);
    answer
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&GET[..], more].concat()
}

#[test]
fn the_last_good_answer_stands_in_and_is_marked_with_its_age() {
    let mut worker = Worker::filter(STALE);
    good(&mut worker, &GET, &[OK[0], ("etag", "7"), ("age", "5"), ("content-length", "11")]);
    worker.pass(30_000);
    let answer = failed(&mut worker, &GET).expect("an old answer");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"good answer"[..]));
    assert_eq!(answer.header("etag"), ["7"]);
    assert_eq!(answer.header(FALLBACK_HEADER), ["stale"]);
    assert_eq!(answer.header("age"), ["35"], "what it was when it came counts");
    assert!(answer.header("content-length").is_empty());
    assert_eq!(worker.count("fallback_answers_total", "stale"), 1);
}

#[test]
fn an_answer_that_is_too_old_does_not() {
    let mut worker = Worker::filter(STALE);
    good(&mut worker, &GET, OK);
    worker.pass(59_990);
    assert!(failed(&mut worker, &GET).is_some());
    worker.pass(10);
    assert!(failed(&mut worker, &GET).is_none());
}

#[test]
fn requests_with_credentials_get_and_leave_none() {
    for secret in ["authorization", "cookie"] {
        let mut worker = Worker::filter(STALE);
        let head = with(&[(secret, "alice")]);
        good(&mut worker, &head, OK);
        assert!(failed(&mut worker, &GET).is_none(), "{secret}");
        good(&mut worker, &GET, OK);
        assert!(failed(&mut worker, &head).is_none(), "{secret}");
    }
}

#[test]
fn credentials_that_are_in_the_key_tell_answers_apart() {
    let mut worker = Worker::filter(
        &STALE.replace(r#""60s""#, r#""60s", "key": {"headers": ["authorization", "accept-language"]}"#),
    );
    good(&mut worker, &with(&[("authorization", "alice")]), OK);
    assert!(failed(&mut worker, &with(&[("authorization", "alice")])).is_some());
    assert!(failed(&mut worker, &with(&[("authorization", "bob")])).is_none());
    assert!(failed(&mut worker, &with(&[("authorization", "alice"), ("accept-language", "de")])).is_none());
    assert!(failed(&mut worker, &GET).is_none());
}

#[test]
fn answers_that_may_not_be_kept_are_not() {
    let forbidden: [Head<'_>; 5] = [
        &[OK[0], ("cache-control", "no-store")],
        &[OK[0], ("cache-control", "private")],
        &[OK[0], ("set-cookie", "a=1")],
        &[OK[0], ("vary", "user-agent")],
        &[(":status", "500")],
    ];
    for answer in forbidden {
        let mut worker = Worker::filter(STALE);
        good(&mut worker, &GET, answer);
        assert!(failed(&mut worker, &GET).is_none(), "{answer:?}");
    }
}

#[test]
fn another_path_or_host_is_another_answer() {
    let mut worker = Worker::filter(STALE);
    good(&mut worker, &GET, OK);
    for (at, other) in [(1, (":path", "/orders?page=3")), (2, (":authority", "shop2"))] {
        let mut head = GET;
        head[at] = other;
        assert!(failed(&mut worker, &head).is_none(), "{other:?}");
    }
}

#[test]
fn an_answer_that_has_not_passed_whole_is_not_kept() {
    let mut worker = Worker::filter(STALE);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, OK, false);
    worker.body(&mut request, b"half", false);
    worker.end(request);
    assert!(failed(&mut worker, &GET).is_none());
}

#[test]
fn an_answer_of_which_a_piece_cannot_be_read_is_not_kept() {
    for judged in ["", r#", "retry_on": {"body": [{"pointer": "/error", "exists": true}]}"#] {
        let mut worker = Worker::filter(&format!("{STALE}{judged}"));
        let mut request = worker.send(&GET);
        worker.answer(&mut request, &[OK[0], ("content-type", "application/json")], false);
        worker.host.fail("proxy_get_buffer_bytes", switchyard_host::Status::InternalFailure);
        assert_eq!(worker.body(&mut request, b"{}", true), Flow::Continue);
        worker.host.recover("proxy_get_buffer_bytes");
        worker.end(request);
        assert!(failed(&mut worker, &GET).is_none(), "{judged}");
    }
}

#[test]
fn an_answer_that_was_let_go_in_mid_body_is_not_kept() {
    let judged = format!(r#"{STALE}, "retry_on": {{"body": [{{"pointer": "/error", "exists": true}}]}}"#);
    let mut worker = Worker::filter(&judged);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, &[OK[0], ("content-type", "application/json")], false);
    assert_eq!(worker.body(&mut request, br#"{"orders""#, false), Flow::Pause);
    worker.pass(5_100);
    // Nobody waits for a body for ever; the chain holds the piece that comes next for a tick.
    worker.body(&mut request, b": 1}", true);
    worker.pass(20);
    worker.end(request);
    drop(worker.host.take_replies());
    assert!(failed(&mut worker, &GET).is_none(), "the end of an answer is none");
}

#[test]
fn an_answer_without_a_body_and_one_with_trailers_are_kept() {
    let mut worker = Worker::filter(STALE);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, &[(":status", "204")], true);
    worker.end(request);
    assert_eq!(failed(&mut worker, &GET).expect("an old answer").status, 204);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, OK, false);
    worker.body(&mut request, b"tailed", false);
    worker.trailers(&mut request, &[("x-checksum", "1")]);
    worker.end(request);
    assert_eq!(failed(&mut worker, &GET).expect("an old answer").body, b"tailed");
}

#[test]
fn a_judged_answer_is_kept_if_it_is_good() {
    let judged = format!(r#"{STALE}, "retry_on": {{"body": [{{"pointer": "/error", "exists": true}}]}}"#);
    let json = [OK[0], ("content-type", "application/json")];
    let mut worker = Worker::filter(&judged);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, &json, false);
    assert_eq!(worker.body(&mut request, br#"{"orders": 1}"#, true), Flow::Continue);
    worker.end(request);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, &json, false);
    assert_eq!(worker.body(&mut request, br#"{"error": 1}"#, true), Flow::Pause);
    worker.pass(5);
    assert_eq!(worker.answer_to(&request).body, br#"{"orders": 1}"#);
}

#[test]
fn an_answer_that_takes_more_than_all_the_room_passes_and_is_not_kept() {
    let mut worker = Worker::filter(&STALE.replace(r#""60s""#, r#""60s", "max_bytes": "1KiB""#));
    for (last, kept) in [(1_000, false), (100, true)] {
        let mut request = worker.send(&GET);
        worker.answer(&mut request, &[OK[0], ("etag", "7")], false);
        worker.body(&mut request, &[1; 100], false);
        worker.body(&mut request, &vec![1; last], false);
        worker.body(&mut request, b"", true);
        worker.end(request);
        assert_eq!(failed(&mut worker, &GET).is_some(), kept, "{last}");
    }
}

#[test]
fn the_routers_engine_keeps_answers_too() {
    let mut worker = Worker::alone(r#"{"fallback": {"stale_if_error": {"max_age": "60s"}}}"#);
    good(&mut worker, &GET, OK);
    assert_eq!(failed(&mut worker, &GET).expect("an old answer").header(FALLBACK_HEADER), ["stale"]);
}

#[test]
fn what_went_on_unjudged_is_not_kept() {
    let judged = format!(
        r#"{STALE}, "max_body": "10B", "retry_on": {{"body": [{{"pointer": "/error", "exists": true}}]}}"#
    );
    let mut worker = Worker::filter(&judged);
    let mut request = worker.send(&GET);
    worker.answer(&mut request, &[OK[0], ("content-type", "application/json")], false);
    assert_eq!(worker.body(&mut request, b"more than ten", false), Flow::Continue);
    worker.body(&mut request, b"the rest of it", true);
    worker.end(request);
    assert!(failed(&mut worker, &GET).is_none(), "half of it would be");
}

#[test]
fn an_answer_over_a_mebibyte_is_not_kept_whatever_the_room() {
    let mut worker = Worker::filter(&STALE.replace(r#""60s""#, r#""60s", "max_bytes": "8MiB""#));
    for (length, kept) in [((1 << 20) + 1, false), (1 << 20, true)] {
        let mut request = worker.send(&GET);
        worker.answer(&mut request, OK, false);
        worker.body(&mut request, &vec![1; length], true);
        worker.end(request);
        assert_eq!(failed(&mut worker, &GET).is_some(), kept, "{length}");
    }
}

#[test]
fn nobody_gets_what_was_kept_of_somebody_of_whom_envoy_knows_something_else() {
    let mut worker = Worker::filter(STALE);
    let is = |worker: &Worker, user: &str| {
        worker.host.set_metadata(&[("envoy.filters.http.jwt_authn", &[("sub", user)])]);
    };
    is(&worker, "alice");
    good(&mut worker, &GET, OK);
    is(&worker, "bob");
    assert!(failed(&mut worker, &GET).is_none());
    worker.host.set_certificate(Some("5fde"));
    is(&worker, "alice");
    assert!(failed(&mut worker, &GET).is_none(), "nor one with a certificate");
    worker.host.set_certificate(None);
    assert!(failed(&mut worker, &GET).is_some(), "it is hers");
}

#[test]
fn what_filters_find_out_on_the_way_back_is_nothing_of_who_asks() {
    let mut worker = Worker::filter(STALE);
    worker.host.set_metadata(&[]);
    let mut request = worker.send(&GET);
    worker.host.set_metadata(&[("envoy.filters.http.header_to_metadata", &[("etag", "7")])]);
    worker.answer(&mut request, OK, false);
    worker.body(&mut request, b"good answer", true);
    worker.end(request);
    worker.host.set_metadata(&[]);
    assert!(failed(&mut worker, &GET).is_some());
}

#[test]
fn nothing_is_kept_and_nothing_given_where_the_host_does_not_say_who_asks() {
    let mut worker = Worker::filter(STALE);
    let unknown = |worker: &mut Worker, keeps: bool| {
        worker.host.fail("proxy_get_property", Status::InternalFailure);
        let mut request = worker.send(&GET);
        worker.host.recover("proxy_get_property");
        if keeps {
            worker.answer(&mut request, OK, false);
            worker.body(&mut request, b"good answer", true);
        } else {
            assert_eq!(worker.fail(&mut request), Flow::Pause);
            worker.pass(5);
            assert!(worker.substitute_for(&request).is_none());
        }
        worker.end(request);
    };
    unknown(&mut worker, true);
    assert!(failed(&mut worker, &GET).is_none(), "nothing was kept");
    good(&mut worker, &GET, OK);
    unknown(&mut worker, false);
    assert!(failed(&mut worker, &GET).is_some());
}
