//! Answers that serve for a moment more: `hold` and `stale_if_error`.

use crate::worker::{Coalescing, FAILED, GET, HEAD, OK, Request, Worker, page, pass, with, within};
use std::slice;
use switchyard_coalesce::Flow;
use switchyard_frame::fake::Fate;
use switchyard_host::Status;

const HOLD: &str = r#""hold": "1s""#;
const STALE: &str = r#""hold": "1s", "stale_if_error": "1m""#;

/// A request that is answered well.
fn succeed(worker: &mut Worker, answer: &[(&str, &str)]) {
    let mut request = worker.lead(GET);
    worker.respond(&mut request, answer, b"soup");
    worker.end(request);
}

/// A request that is answered at once.
fn hit(worker: &mut Worker) -> Fate {
    let request = worker.send(GET);
    assert_eq!(request.flow, Flow::Pause);
    let fate = worker.fate(&request).expect("an answer");
    worker.end(request);
    fate
}

#[test]
fn an_answer_serves_from_the_requests_own_callback_and_tells_its_age() {
    let mut worker = Worker::alone(&within(r#""hold": "5s""#));
    succeed(&mut worker, &with(OK, &[("age", "3")]));
    worker.set_time(worker.now + 2_000);
    let fate = hit(&mut worker);
    assert_eq!(fate.body(), Some(&b"soup"[..]));
    assert_eq!(fate.header("age"), ["5"]);
    assert_eq!(fate.header("cache-status"), ["switchyard; hit"]);
    assert_eq!(worker.count("coalesce_hits_total", ("result", "hit")), 1);
}

#[test]
fn it_serves_no_longer_than_it_may() {
    let mut worker = Worker::alone(&within(HOLD));
    succeed(&mut worker, OK);
    worker.set_time(worker.now + 990);
    hit(&mut worker);
    worker.set_time(worker.now + 10);
    let request = worker.lead(GET);
    worker.end(request);
}

#[test]
fn another_page_and_another_method_are_not_served_with_it() {
    let mut worker = Worker::alone(&within(HOLD));
    succeed(&mut worker, OK);
    let requests = [worker.lead(&page("/wine")), worker.lead(HEAD)];
    requests.into_iter().for_each(|request| worker.end(request));
}

#[test]
fn a_hit_without_a_body_has_its_length() {
    let mut worker = Worker::alone(&within(HOLD));
    let mut leader = worker.lead(HEAD);
    worker.answer(&mut leader, &with(OK, &[("content-length", "77")]), true);
    worker.end(leader);
    let mut request = worker.send(HEAD);
    assert_eq!(worker.body_for(&request).as_deref(), Some(&b""[..]));
    worker.answer(&mut request, &[(":status", "200")], true);
    assert_eq!(worker.host.response_header("content-length"), ["77"]);
    worker.end(request);
}

#[test]
fn a_hit_that_the_host_refuses_goes_on_and_its_own_answer_stays_as_it_is() {
    let mut worker = Worker::alone(&within(HOLD));
    let mut leader = worker.lead(HEAD);
    worker.answer(&mut leader, &with(OK, &[("content-length", "77")]), true);
    worker.end(leader);
    worker.host.fail("proxy_send_local_response", Status::InternalFailure);
    let mut request = worker.send(HEAD);
    assert_eq!(request.flow, Flow::Continue);
    worker.answer(&mut request, &[(":status", "404"), ("content-length", "3")], true);
    assert_eq!(worker.host.response_header("content-length"), ["3"]);
    worker.end(request);
}

#[test]
fn a_client_that_wants_its_own_answer_gets_it_if_that_is_honoured() {
    let own = with(GET, &[("cache-control", "no-cache")]);
    for (more, flow) in [(HOLD, Flow::Pause), (r#""hold": "1s", "honour_no_cache": true"#, Flow::Continue)] {
        let mut worker = Worker::alone(&within(more));
        succeed(&mut worker, OK);
        let request = worker.send(&own);
        assert_eq!(request.flow, flow, "{more}");
        worker.end(request);
    }
}

/// An older answer, and a leader that fails with so many who wait.
fn failure(worker: &mut Worker, followers: usize) -> (Request, Vec<Request>, Flow) {
    succeed(worker, OK);
    worker.set_time(worker.now + 10_000);
    let mut leader = worker.lead(GET);
    let followers = (0..followers).map(|_| worker.follow(GET)).collect();
    let flow = worker.answer(&mut leader, FAILED, true);
    (leader, followers, flow)
}

#[test]
fn an_older_answer_takes_the_place_of_a_failure_for_the_leader_and_all_who_wait() {
    let mut worker = Worker::alone(&within(STALE));
    let (leader, followers, flow) = failure(&mut worker, 2);
    assert_eq!(flow, Flow::Pause);
    worker.deliver();
    for request in followers.iter().chain([&leader]) {
        let fate = worker.fate(request).expect("an answer");
        assert_eq!(fate.body(), Some(&b"soup"[..]));
        assert_eq!(fate.header("age"), ["10"]);
        assert_eq!(fate.header("cache-status"), ["switchyard; hit; detail=stale-if-error"]);
    }
    assert_eq!(worker.count("coalesce_exits_total", ("reason", "stale")), 2);
}

#[test]
fn a_failure_goes_on_as_it_is_where_the_host_refuses_the_older_answer() {
    let mut worker = Worker::alone(&within(STALE));
    worker.host.fail("proxy_send_local_response", Status::InternalFailure);
    let (leader, followers, flow) = failure(&mut worker, 1);
    assert_eq!(flow, Flow::Continue);
    worker.end(leader);
    pass(slice::from_mut(&mut worker), 20);
    assert!(worker.went_on(&followers[0]), "who cannot be answered asks");
}

#[test]
fn what_is_held_is_bounded() {
    let mut worker = Worker::alone(&within(r#""hold": "10s", "max_stored_bytes": "4KiB""#));
    for number in 0..50 {
        let path = format!("/{number}");
        let mut request = worker.lead(&page(&path));
        worker.respond(&mut request, OK, &[b'x'; 500]);
        worker.end(request);
    }
    let hits = (0..50).filter(|number| {
        let request = worker.send(&page(&format!("/{number}")));
        let hit = request.flow == Flow::Pause;
        worker.end(request);
        hit
    });
    let hits = hits.count();
    assert!((1..8).contains(&hits), "{hits}");
}
