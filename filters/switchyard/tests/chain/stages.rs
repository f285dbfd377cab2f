//! What is shared, what is handed from stage to stage, and what reaches whom.

use crate::worker::*;
use switchyard_frame::fake::{pass, settle};
use switchyard_host::Flow;

const STEERED: &str = "x-gateway-destination-endpoint";

/// The sections of several filters.
fn with(sections: &[&str]) -> String {
    sections.join(", ")
}

fn settled(worker: &mut Worker) {
    settle(core::slice::from_mut(worker));
}

fn passed(worker: &mut Worker, millis: u64) {
    pass(core::slice::from_mut(worker), millis);
}

#[test]
fn a_request_through_all_four_reads_its_head_once_and_writes_it_once() {
    let mut worker = Worker::alone(&with(&[COALESCE, RETRY]));
    let first = worker.send_on(&get("/a"));
    worker.end(first);
    worker.host.forget_calls();
    let request = worker.send_on(&get("/b"));
    assert_eq!(worker.host.calls("proxy_get_header_map_pairs"), 1);
    let writes = ["proxy_replace_header_map_value", "proxy_set_header_map_pairs"];
    assert_eq!(writes.map(|call| worker.host.calls(call)).iter().sum::<u64>(), 1);
    assert_ne!(worker.host.request_header(STEERED), ["6.6.6.6:6"], "the router has its say");
    assert_eq!(worker.host.request_header(STEERED).len(), 1);
    worker.end(request);
}

#[test]
fn with_the_routers_engine_all_changes_are_one_write_and_retry_sees_what_the_router_wrote() {
    let retry = r#""retry": {"engine": "router", "retry_on": {"statuses": ["500-599"]}, "num_retries": 2}"#;
    let mut worker = Worker::alone(retry);
    worker.host.forget_calls();
    let request = worker.send_on(&get("/b"));
    assert_eq!(worker.host.calls("proxy_set_header_map_pairs"), 1);
    assert_eq!(worker.host.calls("proxy_replace_header_map_value"), 0);
    assert!(worker.host.request_header(STEERED)[0].starts_with("10.0.0."), "the router's list stays");
    assert_eq!(worker.host.request_header("x-envoy-max-retries"), ["2"]);
    worker.end(request);
}

#[test]
fn a_head_that_cannot_be_written_goes_on_without_a_clients_own_steering() {
    let retry = r#""retry": {"engine": "router", "retry_on": {"statuses": ["500-599"]}, "num_retries": 2}"#;
    let mut worker = Worker::alone(retry);
    worker.host.fail("proxy_set_header_map_pairs", switchyard_host::Status::InternalFailure);
    let request = worker.send_on(&get("/b"));
    assert!(worker.host.request_header(STEERED).is_empty());
    assert_eq!(worker.host.request_header(":path"), ["/b"]);
    worker.end(request);
}

#[test]
fn who_waits_is_steered_and_written_when_it_goes_on() {
    let mut worker = Worker::alone(&with(&[COALESCE, RETRY]));
    let leader = worker.send_on(&get("/a"));
    let follower = worker.send_held(&get("/a"));
    assert_eq!(worker.host.request_header(STEERED), ["6.6.6.6:6"], "it is not the router's turn");
    // Its leader leaves: it leads.
    worker.end(leader);
    settled(&mut worker);
    passed(&mut worker, 50);
    assert!(worker.went_on(&follower));
    assert!(worker.host.request_header(STEERED)[0].starts_with("10.0.0."));
    worker.end(follower);
}

#[test]
fn a_reply_of_coalesce_visits_no_later_stage() {
    let mut worker = Worker::alone(&with(&[COALESCE, RETRY]));
    let mut leader = worker.send_on(&get("/a"));
    let mut follower = worker.send_held(&get("/a"));
    worker.respond(&mut leader, OK, b"soup");
    settled(&mut worker);
    let fate = worker.fate(&follower).expect("it is answered");
    assert_eq!((fate.status(), fate.body()), (Some(200), Some(&b"soup"[..])));
    let retries = worker.host.calls("proxy_http_call");
    // It passes by as an answer of 503 would: retry would hold that, had the request come to it.
    assert_eq!(worker.answer(&mut follower, FAILED, true), Flow::Continue);
    assert_eq!(worker.host.calls("proxy_http_call"), retries);
    worker.end(leader);
    worker.end(follower);
    passed(&mut worker, 50);
    assert_eq!(worker.host.calls("proxy_http_call"), retries);
}

#[test]
fn what_a_retry_obtains_is_the_answer_of_the_crowd() {
    let mut worker = Worker::alone(&with(&[COALESCE, RETRY]));
    let mut leader = worker.send_on(&get("/a"));
    let follower = worker.send_held(&get("/a"));
    is_of_endpoint(&worker, true);
    assert_eq!(worker.answer(&mut leader, FAILED, false), Flow::Pause, "retry holds the failure");
    worker.host.answer_body(b"sorry");
    let held = worker.of_stream(&mut leader, |stream, host| {
        switchyard_frame::Stream::on_response_body(stream, host, 5, true)
    });
    assert_eq!(held, Flow::Pause);
    passed(&mut worker, 20);
    let call = worker.call();
    worker.answer_call(&call, OK, b"soup");
    settled(&mut worker);
    passed(&mut worker, 20);
    // The leader's answer went on with what the call has brought, or was sent in its place; the crowd has the same.
    let touched = worker.touched();
    assert!(touched.contains(&leader.context), "{touched:?}");
    assert_eq!(
        worker.fate(&follower).and_then(|fate| fate.body().map(<[u8]>::to_vec)),
        Some(b"soup".to_vec())
    );
    worker.end(leader);
    worker.end(follower);
}

#[test]
fn calls_of_batch_are_answered_to_batch_and_each_gets_its_share() {
    let mut worker = Worker::alone(BATCH);
    let alone = worker.send_on(&get("/items?ids=1"));
    let waiting = [worker.send_held(&get("/items?ids=2")), worker.send_held(&get("/items?ids=3"))];
    worker.end(alone);
    settled(&mut worker);
    passed(&mut worker, 50);
    let call = worker.call();
    let json = &[(":status", "200"), ("content-type", "application/json")];
    worker.answer_call(&call, json, br#"[{"id": 2}, {"id": 3}]"#);
    settled(&mut worker);
    passed(&mut worker, 20);
    for (request, id) in waiting.into_iter().zip(["2", "3"]) {
        let body = worker.body_for(&request).expect("its share");
        assert!(String::from_utf8_lossy(&body).contains(id), "{id}");
        worker.end(request);
    }
}

#[test]
fn a_stage_that_no_route_uses_is_not_asked() {
    let mut worker = Worker::alone("");
    let request = worker.send_on(&get("/a"));
    worker.end(request);
    worker.host.forget_calls();
    let request = worker.send_on(&get("/b"));
    // The head, and the router's header.
    assert_eq!(worker.host.all_calls(), 2);
    worker.end(request);
}

#[test]
fn nothing_ticks_before_the_first_request_and_once_all_is_done() {
    let mut worker = Worker::alone(&with(&[COALESCE, RETRY]));
    assert_eq!(worker.period(), 0);
    let mut leader = worker.send_on(&get("/a"));
    let follower = worker.send_held(&get("/a"));
    assert!(worker.period() <= 10, "somebody waits");
    worker.respond(&mut leader, OK, b"soup");
    settled(&mut worker);
    worker.end(leader);
    worker.end(follower);
    passed(&mut worker, 5_000);
    assert_eq!(worker.period(), 0);
}
