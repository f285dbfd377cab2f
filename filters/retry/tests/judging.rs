//! Answers that must be read before they are judged: the 200 that carries an error.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_retry::Flow;
use worker::seen::sent;
use worker::{COUNT, GET, Head, OK, Request, Worker};

const BODY: &str = r#""retry_on": {"body": [{"pointer": "/error", "exists": true}]}"#;
const JSON: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/json; charset=utf-8")];
const BAD: &[u8] = br#"{"error": "try later"}"#;
const GOOD: &[u8] = br#"{"orders": []}"#;

/// A request whose JSON answer has begun and is held back.
fn judging(worker: &mut Worker) -> Request {
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, &JSON, false), Flow::Pause);
    request
}

#[test]
fn an_answer_that_says_it_failed_is_replaced() {
    let mut worker = Worker::filter(BODY);
    let mut request = judging(&mut worker);
    assert_eq!(worker.body(&mut request, &BAD[..9], false), Flow::Pause);
    assert_eq!(worker.body(&mut request, BAD, true), Flow::Pause);
    let call = worker.next_call();
    worker.reply(&call, &JSON, GOOD);
    let answer = worker.answer_to(&request);
    assert_eq!((answer.status, answer.body.as_slice()), (200, GOOD));
    worker.end(request);
    assert_eq!(worker.count("retries_total", "body"), 1);
}

#[test]
fn a_good_answer_goes_on_untouched_and_costs_nothing_more() {
    let mut worker = Worker::filter(BODY);
    let mut request = judging(&mut worker);
    assert_eq!(worker.body(&mut request, GOOD, true), Flow::Continue);
    assert_eq!(worker.host.current_response_body(), GOOD);
    worker.pass(10_000);
    assert!(worker.is_quiet());
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 1);
    assert_eq!(worker.count("retries_total", "body"), 0);
}

#[test]
fn a_body_that_ends_with_trailers_is_judged_then() {
    let mut worker = Worker::filter(BODY);
    for (body, expected) in [(GOOD, Flow::Continue), (BAD, Flow::Pause)] {
        let mut request = judging(&mut worker);
        assert_eq!(worker.body(&mut request, body, false), Flow::Pause);
        assert_eq!(worker.trailers(&mut request, &[("x-checksum", "1")]), expected);
    }
    worker.next_call();
}

#[test]
fn when_all_attempts_say_they_failed_the_first_one_is_what_the_client_gets() {
    let mut worker = Worker::filter(BODY);
    let mut request = judging(&mut worker);
    worker.body(&mut request, BAD, true);
    for _ in 0..2 {
        let call = worker.next_call();
        worker.reply(&call, &JSON, BAD);
    }
    assert!(worker.was_let_go(&request));
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "num_retries"), 1);
    assert_eq!(worker.count("retry_watchdog_total", ""), 0);
}

#[test]
fn an_answer_over_the_limit_goes_on_unjudged_and_is_counted() {
    let limit = format!(r#"{BODY}, "max_body": "20B""#);
    let mut worker = Worker::filter(&limit);
    let mut request = judging(&mut worker);
    assert_eq!(worker.body(&mut request, &BAD[..20], false), Flow::Pause);
    assert_eq!(worker.body(&mut request, BAD, false), Flow::Continue);
    assert_eq!(worker.body(&mut request, BAD, true), Flow::Continue);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "answer"), 1);
    assert!(worker.is_quiet());
}

#[test]
fn an_answer_whose_length_is_over_the_limit_is_never_held() {
    let limit = format!(r#"{BODY}, "max_body": "20B""#);
    let mut worker = Worker::filter(&limit);
    for (length, expected) in [("20", Flow::Pause), ("21", Flow::Continue)] {
        let mut request = worker.send(&GET);
        let headers = [JSON[0], JSON[1], ("content-length", length)];
        assert_eq!(worker.answer(&mut request, &headers, false), expected, "{length}");
    }
    worker.pass(100);
    assert_eq!(worker.count("retries_denied_total", "answer"), 1);
}

#[test]
fn only_json_is_held_to_be_judged() {
    let mut worker = Worker::filter(BODY);
    for (kind, expected) in [
        ("application/json", Flow::Pause),
        ("application/problem+json", Flow::Pause),
        ("text/event-stream", Flow::Continue),
        ("text/html", Flow::Continue),
        ("application/grpc", Flow::Continue),
        ("", Flow::Continue),
    ] {
        let mut request = worker.send(&GET);
        assert_eq!(worker.answer(&mut request, &[OK[0], ("content-type", kind)], false), expected, "{kind}");
    }
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, &JSON, true), Flow::Continue, "there is no body");
}

#[test]
fn an_answer_that_does_not_end_goes_on_and_is_counted() {
    let mut worker = Worker::filter(BODY);
    let mut request = judging(&mut worker);
    worker.body(&mut request, BAD, false);
    worker.pass(4_995);
    assert!(worker.is_quiet());
    worker.pass(5);
    assert!(worker.was_let_go(&request));
    // Envoy before 1.39 would lose it otherwise.
    assert_eq!(worker.body(&mut request, b"}", true), Flow::Pause);
    worker.pass(5);
    assert!(worker.was_let_go(&request), "a tick lets it go");
    worker.end(request);
    let counts = [("retries_denied_total", "answer"), ("retry_watchdog_total", "")]
        .map(|(name, reason)| worker.count(name, reason));
    assert_eq!(counts, [1, 0]);
    worker.pass(60_000);
    assert!(worker.is_quiet());
}

#[test]
fn an_answer_of_which_nothing_is_shown_goes_on_and_the_watchdog_counts_it() {
    let mut worker = Worker::filter(BODY);
    let mut request = judging(&mut worker);
    worker.pass(5_000);
    assert!(worker.was_let_go(&request));
    assert_eq!(worker.body(&mut request, BAD, true), Flow::Continue);
    worker.end(request);
    let counts = [("retries_denied_total", "answer"), ("retry_watchdog_total", "")]
        .map(|(name, reason)| worker.count(name, reason));
    assert_eq!(counts, [0, 1]);
}

#[test]
fn no_answer_is_held_beyond_the_deadline() {
    let mut worker = Worker::filter(&format!(r#"{BODY}, "timeout": "2s""#));
    let request = judging(&mut worker);
    worker.pass(1_995);
    assert!(worker.is_quiet());
    worker.pass(5);
    assert!(worker.was_let_go(&request));
}

#[test]
fn the_time_that_the_answer_took_to_begin_is_gone() {
    let mut worker = Worker::filter(&format!(r#"{BODY}, "timeout": "2s", "deadline_header": "x-left""#));
    let mut request = worker.send(&[&GET[..], &[("x-left", "1500")]].concat());
    worker.pass(995);
    assert_eq!(worker.answer(&mut request, &JSON, false), Flow::Pause);
    worker.body(&mut request, BAD, true);
    let call = worker.next_call();
    assert_eq!(call.request.timeout.as_millis(), 500);
    assert_eq!((sent(&call, "x-left"), sent(&call, COUNT)), (vec!["500"], vec!["2"]));
}

#[test]
fn a_status_is_judged_before_the_body() {
    let mut worker = Worker::filter(BODY);
    let mut request = worker.send(&GET);
    let headers: Head<'_> = &[(":status", "503"), JSON[1]];
    assert_eq!(worker.answer(&mut request, headers, false), Flow::Pause);
    assert_eq!(worker.body(&mut request, GOOD, true), Flow::Pause);
    assert_eq!(worker.count("retries_total", "status"), 1);
}

#[test]
fn what_another_filter_answers_is_not_judged_by_its_body() {
    let mut worker = Worker::filter(BODY);
    for (status, details) in [("429", "request_rate_limited"), ("500", "ext_authz_error")] {
        let mut request = worker.send(&GET);
        let headers = [(":status", status), JSON[1]];
        worker.local(&mut request, &headers, false, details);
        assert_eq!(worker.body(&mut request, BAD, true), Flow::Continue, "{details}");
        let mut request = worker.send(&GET);
        worker.local(&mut request, &headers, false, details);
        worker.body(&mut request, BAD, false);
        assert_eq!(worker.trailers(&mut request, &[]), Flow::Continue, "{details}");
    }
    worker.pass(100);
    assert!(worker.is_quiet());
}

#[test]
fn without_body_conditions_no_answer_is_held() {
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, &JSON, false), Flow::Continue);
}

#[test]
fn a_good_answer_asks_the_host_nothing_about_its_maker_or_its_time() {
    let mut worker = Worker::filter(BODY);
    worker.host.forget_calls();
    let mut request = judging(&mut worker);
    worker.body(&mut request, GOOD, true);
    assert_eq!(worker.host.calls("proxy_get_property"), 0);
}

#[test]
fn an_answer_that_says_it_failed_may_ask_for_a_wait() {
    let asks = |name, value| [JSON.as_slice(), &[(name, value)]].concat();
    let mut worker = Worker::filter(BODY);
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, &asks("retry-after", "1"), false), Flow::Pause);
    assert_eq!(worker.body(&mut request, BAD, true), Flow::Pause);
    worker.pass(999);
    assert!(worker.host.take_called().is_empty(), "it is left alone for as long as it asks");
    worker.pass(520);
    let call = worker.host.take_called().pop().expect("a retry");
    // And so may one of ours; for longer than the ceiling, and nothing is tried any more.
    worker.reply(&call, &asks("retry-after-ms", "600000"), BAD);
    assert!(worker.was_let_go(&request));
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "retry_after"), 1);
}

#[test]
fn an_encoded_answer_is_not_judged_and_is_counted() {
    let mut worker = Worker::filter(BODY);
    let encoded = |encoding| [JSON.as_slice(), &[("content-encoding", encoding)]].concat();
    for (number, encoding) in ["gzip", "br", "GZIP", "identity, gzip"].into_iter().enumerate() {
        let mut request = worker.send(&GET);
        assert_eq!(worker.answer(&mut request, &encoded(encoding), false), Flow::Continue, "{encoding}");
        assert_eq!(worker.body(&mut request, BAD, true), Flow::Continue, "{encoding}");
        worker.end(request);
        assert_eq!(worker.count("retries_denied_total", "answer"), number as u64 + 1, "{encoding}");
    }
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, &encoded("Identity"), false), Flow::Pause);
    assert_eq!(worker.body(&mut request, BAD, true), Flow::Pause);
    // An encoded one of ours is what the client gets, and is counted, too.
    let call = worker.next_call();
    worker.reply(&call, &encoded("gzip"), b"\x1f\x8b");
    assert_eq!(worker.answer_to(&request).body, b"\x1f\x8b");
    assert_eq!(worker.count("retries_denied_total", "answer"), 5);
}

#[test]
fn a_condition_may_be_on_any_element_of_a_list() {
    let mut worker =
        Worker::filter(r#""retry_on": {"body": [{"pointer": "/errors/*/code", "equals": "later"}]}"#);
    for (body, expected) in [
        (&br#"{"errors": [{"code": "no"}, {"code": "later"}]}"#[..], Flow::Pause),
        (br#"{"errors": [{"code": "no"}, "later"]}"#, Flow::Continue),
        (br#"{"errors": []}"#, Flow::Continue),
    ] {
        let mut request = judging(&mut worker);
        assert_eq!(worker.body(&mut request, body, true), expected);
    }
}
