//! How a client gets the answer to another attempt: in the place of the one that is held back, where that can be turned into
//! it, so that other filters' headers stay; else as a reply in Envoy's name.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_host::Status;
use switchyard_host::fake::Reply;
use switchyard_retry::Flow;
use worker::seen::Answer;
use worker::{COUNT, GET, Head, OK, Request, UNAVAILABLE, Worker};

/// How much of the failed answer is there when the other one comes.
#[derive(Clone, Copy)]
enum Failed<'a> {
    HeadOnly,
    Whole(&'a [u8]),
    Part(&'a [u8]),
    WithTrailers(&'a [u8]),
}

/// A request whose failure is held back as far as `failed` says.
fn held(worker: &mut Worker, failed: Failed<'_>) -> Request {
    let mut request = worker.send(&GET);
    let ended = matches!(failed, Failed::HeadOnly);
    assert_eq!(worker.answer(&mut request, UNAVAILABLE, ended), Flow::Pause);
    let (Failed::Whole(body) | Failed::Part(body) | Failed::WithTrailers(body)) = failed else {
        return request;
    };
    assert_eq!(worker.body(&mut request, body, matches!(failed, Failed::Whole(_))), Flow::Pause);
    if matches!(failed, Failed::WithTrailers(_)) {
        assert_eq!(worker.trailers(&mut request, &[("x-checksum", "1")]), Flow::Pause);
    }
    request
}

/// Whether the answer with this body takes the failed one's place, and what the client gets.
fn delivered(failed: Failed<'_>, headers: Head<'_>, body: &[u8]) -> (bool, Answer) {
    let mut worker = Worker::filter(r#""max_body": "10B""#);
    let request = held(&mut worker, failed);
    let call = worker.next_call();
    worker.reply(&call, headers, body);
    let replies = worker.host.take_replies();
    let in_place = matches!(replies[..], [Reply::Resumed { .. }]);
    (in_place, worker.answer_in(&request, replies))
}

#[test]
fn an_answer_without_a_body_takes_the_place_of_one_without_a_body() {
    let headers = [OK[0], ("content-type", "text/html"), ("content-length", "1000")];
    let (in_place, answer) = delivered(Failed::HeadOnly, &headers, b"");
    assert!(in_place);
    assert_eq!((answer.status, answer.header("content-length")), (200, vec!["1000"]), "as to a HEAD");
}

#[test]
fn an_answer_with_a_body_takes_the_place_of_a_whole_one_with_a_body() {
    let (in_place, answer) = delivered(Failed::Whole(b"sorry"), OK, b"fine");
    assert!(in_place);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"fine"[..]));
    assert_eq!(answer.header(COUNT), ["2"]);
}

#[test]
fn an_answer_that_fits_no_place_is_a_reply() {
    let cases: [(Failed<'_>, &[u8]); 6] = [
        (Failed::HeadOnly, b"fine"),
        (Failed::Whole(b"sorry"), b""),
        (Failed::Whole(b""), b"fine"),
        (Failed::Whole(b"sorry"), b"longer than is kept"),
        (Failed::Part(b"sor"), b"fine"),
        (Failed::WithTrailers(b"sorry"), b"fine"),
    ];
    for (at, (failed, body)) in cases.into_iter().enumerate() {
        let (in_place, answer) = delivered(failed, OK, body);
        assert!(!in_place, "case {at}");
        assert_eq!((answer.status, answer.body.as_slice()), (200, body), "case {at}");
    }
}

#[test]
fn what_belongs_to_the_call_is_not_in_the_answer() {
    let headers =
        [OK[0], ("transfer-encoding", "chunked"), ("connection", "close"), (COUNT, "1"), ("etag", "7")];
    for failed in [Failed::Whole(b"sorry"), Failed::Part(b"sor")] {
        let (_, answer) = delivered(failed, &headers, b"fine");
        for name in ["transfer-encoding", "connection"] {
            assert!(answer.header(name).is_empty(), "{name}");
        }
        assert_eq!((answer.header(COUNT), answer.header("etag")), (vec!["2"], vec!["7"]));
    }
}

#[test]
fn a_host_that_does_not_take_it_in_place_gets_a_reply() {
    for call in ["proxy_set_header_map_pairs", "proxy_set_buffer_bytes"] {
        let mut worker = Worker::filter("");
        let request = held(&mut worker, Failed::Whole(b"sorry"));
        let retry = worker.next_call();
        worker.host.fail(call, Status::BadArgument);
        worker.reply(&retry, OK, b"fine");
        let replies = worker.host.take_replies();
        assert!(matches!(replies[..], [Reply::Answered { .. }]), "{call}");
        assert_eq!(worker.answer_in(&request, replies).body, b"fine");
    }
}

#[test]
fn a_hedge_that_wins_is_a_reply() {
    let mut worker = Worker::filter(r#""hedge": {"initial_delay": "10ms"}"#);
    let _request = worker.send(&GET);
    worker.pass(10);
    let call = worker.call();
    worker.reply(&call, OK, b"");
    assert!(
        matches!(worker.host.take_replies()[..], [Reply::Answered { .. }]),
        "there is nothing to replace"
    );
}

#[test]
fn what_took_the_place_is_not_judged_again() {
    let mut worker = Worker::filter("");
    let mut request = held(&mut worker, Failed::Whole(b"sorry"));
    let call = worker.next_call();
    worker.reply(&call, &[(":status", "404")], b"no such order");
    worker.host.take_replies();
    worker.host.forget_calls();
    assert_eq!(worker.body(&mut request, b"no such order", true), Flow::Continue);
    assert_eq!(worker.host.all_calls(), 0);
    worker.end(request);
    worker.pass(1_000);
    assert!(worker.is_quiet());
}
