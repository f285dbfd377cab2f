//! What a VM keeps and what its replies take unread, bounded over all that it does.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_core::memory::{MOST_ANSWER, MOST_KEPT, MOST_LONG_UNREAD};
use switchyard_host::fake::Reply;
use switchyard_retry::Flow;
use worker::{GET, OK, Request, Worker};

const MIB: usize = 1 << 20;
const STALE: &str =
    r#""num_retries": 0, "fallback": {"stale_if_error": {"max_age": "60s", "max_bytes": "64MiB"}}"#;

/// A request whose good answer has begun to pass.
fn passing(worker: &mut Worker, path: &str, piece: &[u8]) -> Request {
    let mut request = worker.send(&[GET[0], (":path", path), GET[2], GET[3]]);
    assert_eq!(worker.answer(&mut request, OK, false), Flow::Continue);
    assert_eq!(worker.body(&mut request, piece, false), Flow::Continue);
    request
}

/// Whether an answer of this path stands in for a failure.
fn is_kept(worker: &mut Worker, path: &str) -> bool {
    let mut request = worker.send(&[GET[0], (":path", path), GET[2], GET[3]]);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(5);
    let answer = worker.substitute_for(&request);
    worker.end(request);
    answer.is_some()
}

#[test]
fn good_answers_on_their_way_take_no_more_than_a_vm_keeps() {
    let mut worker = Worker::filter(STALE);
    let piece = vec![7; MIB - 1];
    let most = usize::try_from(MOST_KEPT).expect("a size") / MIB;
    let mut passing: Vec<_> =
        (0..=most).map(|number| passing(&mut worker, &format!("/{number}"), &piece)).collect();
    let mut last = passing.pop().expect("one");
    let mut first = passing.remove(0);
    for request in [&mut last, &mut first] {
        assert_eq!(worker.body(request, b"!", true), Flow::Continue);
    }
    passing.into_iter().chain([last, first]).for_each(|request| worker.end(request));
    assert!(is_kept(&mut worker, "/0"));
    assert!(!is_kept(&mut worker, &format!("/{most}")), "there was no room for it");
    // There is room again.
    let mut again = self::passing(&mut worker, "/again", &piece);
    assert_eq!(worker.body(&mut again, b"!", true), Flow::Continue);
    worker.end(again);
    assert!(is_kept(&mut worker, "/again"));
}

#[test]
fn an_answer_that_does_not_fit_is_not_taken_in_and_is_none() {
    let mut worker = Worker::filter(r#""num_retries": 1"#);
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    let call = worker.next_call();
    worker.host.answer_call(OK, b"", &[]);
    worker.host.forget_calls();
    worker.host.in_context(worker::ROOT);
    worker.root.on_call_response(&worker.host, call.number, OK.len(), MOST_ANSWER + 1);
    assert_eq!(worker.host.calls("proxy_get_buffer_bytes"), 0);
    assert_eq!(worker.host.take_replies(), [Reply::Resumed { context: request.context }]);
    worker.end(request);
    assert_eq!(worker.count("retries_denied_total", "memory"), 1);
}

#[test]
fn replies_take_no_more_than_may_be_unread_and_who_has_ended_has_read() {
    const BODY: usize = 32 * MIB;
    let mut worker = Worker::filter(r#""num_retries": 1, "max_body": "1KiB""#);
    let body = vec![b'x'; BODY];
    let most = usize::try_from(MOST_LONG_UNREAD).expect("a size") / BODY;
    let retried = |worker: &mut Worker| {
        let mut request = worker.send(&GET);
        assert_eq!(worker.fail(&mut request), Flow::Pause);
        let call = worker.next_call();
        worker.reply(&call, OK, &body);
        let replies = worker.host.take_replies();
        let [Reply::Answered { status, .. }] = replies.as_slice() else { panic!("no answer") };
        (request, *status)
    };
    let mut answered: Vec<_> = (0..=most).map(|_| retried(&mut worker)).collect();
    let statuses: Vec<_> = answered.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [vec![200; most], vec![502]].concat());
    worker.end(answered.remove(0).0);
    assert_eq!(retried(&mut worker).1, 200);
    answered.into_iter().for_each(|(request, _)| worker.end(request));
    assert_eq!(worker.count("retries_denied_total", "memory"), 1);
}

/// As many replies as may be unread.
fn full(worker: &mut Worker) -> Vec<Request> {
    const BODY: usize = 32 * MIB;
    let body = vec![b'x'; BODY];
    let fill = (0..usize::try_from(MOST_LONG_UNREAD).expect("a size") / BODY).map(|_| {
        let mut request = worker.send(&GET);
        assert_eq!(worker.fail(&mut request), Flow::Pause);
        let call = worker.next_call();
        worker.reply(&call, OK, &body);
        assert_eq!(worker.answer_to(&request).status, 200);
        request
    });
    fill.collect()
}

#[test]
fn words_of_ours_need_no_room_and_a_grpc_call_keeps_its_own_failure() {
    let mut worker = Worker::filter(r#""num_retries": 1, "max_body": "1KiB", "timeout": "1s""#);
    let filled = full(&mut worker);
    // The host does not end the call of either; the watchdog ends their wait.
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.next_call();
    worker.pass(2_100);
    let answer = worker.answer_to(&request);
    assert_eq!((answer.status, answer.header("content-type")), (504, vec!["text/plain"]));
    assert_eq!(answer.body, b"switchyard: no answer in time");
    worker.end(request);
    let kind = ("content-type", "application/grpc");
    let mut request = worker.send(&[&[kind, ("idempotency-key", "7")], &GET[..]].concat());
    assert_eq!(worker.answer(&mut request, &[OK[0], kind], false), Flow::Pause);
    assert_eq!(worker.body(&mut request, &[0, 0, 0, 0, 1, 8], false), Flow::Pause);
    assert_eq!(worker.trailers(&mut request, &[("grpc-status", "14")]), Flow::Pause);
    worker.next_call();
    worker.pass(2_100);
    assert!(worker.was_let_go(&request), "its status and message are no text of ours");
    worker.end(request);
    filled.into_iter().for_each(|request| worker.end(request));
    assert_eq!(
        (worker.count("retries_denied_total", "memory"), worker.count("retry_watchdog_total", "")),
        (0, 2)
    );
}

#[test]
fn a_long_answer_to_an_attempt_is_not_read_for_what_it_says() {
    let on_body = r#""retry_on": {"body": [{"pointer": "/error", "exists": true}]}, "num_retries": 2, "max_body": "1KiB""#;
    for (length, retried) in [(10, true), (2_000, false)] {
        let mut worker = Worker::filter(on_body);
        let mut request = worker.send(&GET);
        worker.answer(&mut request, &[OK[0], ("content-type", "application/json")], false);
        worker.body(&mut request, br#"{"error": 1}"#, true);
        let call = worker.next_call();
        let body = format!(r#"{{"error": "{}"}}"#, "x".repeat(length));
        worker.reply(&call, &[OK[0], ("content-type", "application/json")], body.as_bytes());
        worker.pass(5);
        assert_eq!(worker.host.take_called().len(), usize::from(retried), "{length}");
        worker.end(request);
    }
}
