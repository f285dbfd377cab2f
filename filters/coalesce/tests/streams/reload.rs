//! A new configuration comes while requests are under way: old and new root live in one VM.

use crate::worker::{Coalescing, GET, OK, Worker, page, pass, settle, within};
use std::slice;
use switchyard_coalesce::{Flow, Root};
use switchyard_frame::{Head, Stream as _};

const REGISTER: &str = "proxy_register_shared_queue";

#[test]
fn a_refused_configuration_changes_nothing() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let first = worker.follow(GET);
    for section in [r#"{"max_wait": "ages"}"#, r#"{"scope": "galaxy"}"#, r#"{"max_wiat": "1s"}"#] {
        assert!(!worker.configure(section), "{section}");
    }
    let second = worker.follow(GET);
    worker.respond(&mut leader, OK, b"soup");
    worker.deliver();
    assert!(worker.body_for(&first).is_some() && worker.body_for(&second).is_some());
    assert_eq!(
        worker.host.counter("switchyard.filter=.=coalesce;.;result=.=rejected;.;configurations_total"),
        3
    );
    assert_eq!(
        worker.host.counter("switchyard.filter=.=coalesce;.;result=.=accepted;.;configurations_total"),
        1
    );
}

#[test]
fn an_empty_configuration_is_taken_and_leaves_requests_alone() {
    let mut worker = Worker::unconfigured(&Default::default());
    worker.host.set_configuration(b"");
    assert!(worker.root.configure(&worker.host));
    let first = worker.send(GET);
    let second = worker.send(GET);
    assert_eq!([first.flow, second.flow], [Flow::Continue; 2]);
}

#[test]
fn the_new_root_takes_the_queue_with_its_first_request() {
    let mut worker = Worker::alone("{}");
    let _leader = worker.lead(GET);
    let queue = worker.host.queue();
    assert_eq!(worker.host.calls(REGISTER), 1);
    let _old = worker.reload("{}");
    assert_eq!(worker.host.calls(REGISTER), 1, "the main thread configures, too, and has no queue");
    let _follower = worker.follow(GET);
    assert_eq!((worker.host.calls(REGISTER), worker.host.queue()), (2, queue), "the same one");
}

/// A worker whose new root was the first to serve a request here, and the old root, which has taken the queue after it.
fn taken_back() -> (Worker, Root) {
    let mut worker = Worker::alone("{}");
    let old = worker.reload("{}");
    let request = worker.lead(GET);
    worker.end(request);
    // A connection to the old listener has its first request only now.
    let mut late = old.stream(900).expect("a configuration");
    worker.host.in_context(900);
    worker.host.receive(GET);
    assert_eq!(late.on_request_headers(&worker.host, &Head::default(), true), Flow::Continue);
    late.on_done(&worker.host);
    assert_eq!(worker.host.calls(REGISTER), 2);
    (worker, old)
}

#[test]
fn when_the_root_that_took_the_queue_last_ends_the_next_request_takes_it() {
    let (mut worker, mut old) = taken_back();
    let request = worker.lead(GET);
    worker.end(request);
    assert_eq!(worker.host.calls(REGISTER), 2, "it has an owner");
    old.on_done(&worker.host);
    let request = worker.lead(GET);
    assert_eq!(worker.host.calls(REGISTER), 3);
    let other = worker.lead(&page("/wine"));
    assert_eq!(worker.host.calls(REGISTER), 3);
    drop((request, other));
}

#[test]
fn or_the_next_tick_does() {
    let (mut worker, mut old) = taken_back();
    let request = worker.lead(GET);
    old.on_done(&worker.host);
    pass(slice::from_mut(&mut worker), 500);
    assert_eq!(worker.host.calls(REGISTER), 3);
    drop(request);
}

#[test]
fn a_root_that_ends_without_the_queue_takes_nothing_with_it() {
    let mut worker = Worker::alone("{}");
    let first = worker.lead(GET);
    let mut old = worker.reload("{}");
    let second = worker.follow(GET);
    old.on_done(&worker.host);
    let third = worker.follow(GET);
    pass(slice::from_mut(&mut worker), 100);
    assert_eq!(worker.host.calls(REGISTER), 2, "the old root's and the new one's");
    drop((first, second, third));
}

#[test]
fn flights_of_the_old_root_go_on_under_the_new_one() {
    let mut worker = Worker::alone("{}");
    let mut leader = worker.lead(GET);
    let old_follower = worker.follow(GET);
    let mut old = worker.reload("{}");
    let new_follower = worker.follow(GET);
    worker.respond(&mut leader, OK, b"soup");
    worker.end(leader);
    old.on_done(&worker.host);
    worker.deliver();
    for follower in [old_follower, new_follower] {
        assert_eq!(worker.body_for(&follower).as_deref(), Some(&b"soup"[..]));
        worker.end(follower);
    }
    pass(slice::from_mut(&mut worker), 3_000);
    assert_eq!(worker.period(), 0);
}

#[test]
fn the_old_root_alone_still_answers_its_followers() {
    let mut worker = Worker::alone("{}");
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    let mut old = worker.reload("{}");
    worker.respond(&mut leader, OK, b"soup");
    // No request has come to the new root: the queue is the old one's still, and so is the tick.
    let queue = worker.host.queue().expect("a queue");
    worker.host.in_context(crate::worker::ROOT);
    old.on_queue_ready(&worker.host, queue);
    assert_eq!(worker.host.context(), crate::worker::ROOT);
    worker.done.extend(worker.host.take_replies());
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn the_old_roots_tick_answers_when_the_new_one_has_the_queue_and_no_message_comes() {
    let mut worker = Worker::alone("{}");
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    let mut old = worker.reload("{}");
    worker.host.fail("proxy_enqueue_shared_queue", switchyard_host::Status::InternalFailure);
    worker.respond(&mut leader, OK, b"soup");
    worker.host.in_context(crate::worker::ROOT);
    old.tick(&worker.host);
    worker.done.extend(worker.host.take_replies());
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn an_answer_from_another_worker_reaches_followers_of_the_old_root() {
    let mut workers: [Worker; 2] = Worker::several("{}");
    let mut leader = workers[0].lead(GET);
    let follower = workers[1].follow(GET);
    settle(&mut workers);
    let mut old = workers[1].reload("{}");
    let other = workers[1].lead(&page("/wine"));
    old.on_done(&workers[1].host);
    workers[0].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
    assert_eq!(workers[1].body_for(&follower).as_deref(), Some(&b"soup"[..]));
    workers[1].end(other);
}

#[test]
fn a_route_that_coalesces_no_more_lets_those_who_wait_have_their_answer() {
    let mut worker = Worker::alone("{}");
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    let mut old = worker.reload(r#"{"mode": "shadow"}"#);
    let passes = worker.send(GET);
    assert_eq!(passes.flow, Flow::Continue);
    worker.respond(&mut leader, OK, b"soup");
    worker.deliver();
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b"soup"[..]));
    old.on_done(&worker.host);
}

#[test]
fn a_process_whose_flights_stayed_within_workers_can_begin_to_reach_across() {
    let mut workers: [Worker; 2] = Worker::several(&within(""));
    let [one, two] = workers.each_mut().map(|worker| worker.lead(GET));
    workers[0].end(one);
    workers[1].end(two);
    let _old = workers.each_mut().map(|worker| worker.reload("{}"));
    let mut leader = workers[0].lead(GET);
    let follower = workers[1].follow(GET);
    settle(&mut workers);
    workers[0].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
    assert_eq!(workers[1].body_for(&follower).as_deref(), Some(&b"soup"[..]));
}
