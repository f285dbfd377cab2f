//! A new configuration comes while requests are under way: old and new root live in one VM, each with its own requests.

use crate::worker::{Batching, ROOT, Request, Worker, calls, items, pass, path, settle};
use std::slice;
use switchyard_batch::{Flow, Root};

const ACTIVE: &str = "switchyard.route=.=api;.;batch_active";

#[test]
fn a_refused_configuration_changes_nothing() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let one = worker.joins("/items?ids=1");
    for section in
        [items(r#""max_delay": "ages""#), items(r#""max_itmes": 1"#), r#"{"scope": "worker"}"#.into()]
    {
        assert!(!worker.configure(&section), "{section}");
    }
    let two = worker.joins("/items?ids=2");
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.serve(&call);
    assert!(worker.answer_to(&one).is_some() && worker.answer_to(&two).is_some());
    assert_eq!(
        worker.host.counter("switchyard.filter=.=batch;.;result=.=rejected;.;configurations_total"),
        3
    );
    assert_eq!(
        worker.host.counter("switchyard.filter=.=batch;.;result=.=accepted;.;configurations_total"),
        1
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused() {
    let mut worker = Worker::unconfigured(&Default::default());
    worker.host.fail("proxy_get_buffer_bytes", switchyard_host::Status::InternalFailure);
    assert!(!worker.configure(&items("")), "it is not the same as an empty one");
    assert!(worker.root.stream(10).is_none(), "requests pass");
}

/// A worker with two requests of the old root, the first of which is under way, and one of the new root under way.
fn reloaded(section: &str) -> (Worker, Root, [Request; 3]) {
    let mut worker = Worker::alone(&items(""));
    let [first, waits] = [worker.goes("/items?ids=0"), worker.joins("/items?ids=1")];
    let old = worker.reload(section);
    let other = worker.goes("/items?ids=2");
    (worker, old, [first, waits, other])
}

/// A callback of the old root.
fn of_old(
    worker: &mut Worker,
    old: &mut Root,
    act: impl FnOnce(&mut Root, &switchyard_host::fake::FakeHost),
) {
    worker.host.in_context(ROOT);
    act(old, &worker.host);
    assert_eq!(worker.host.context(), ROOT);
    worker.take(ROOT);
}

#[test]
fn requests_of_two_configurations_share_no_call() {
    let (mut worker, mut old, [first, waits, other]) = reloaded(&items(r#""max_items": 9"#));
    let more = worker.joins("/items?ids=3");
    worker.returns(other);
    worker.deliver();
    assert!(worker.went_on(&more) && worker.waits(&waits), "the old one's waits for the old one's");
    worker.returns(first);
    of_old(&mut worker, &mut old, |old, host| old.tick(host));
    assert!(worker.went_on(&waits));
    worker.returns(waits);
    worker.returns(more);
}

#[test]
fn each_root_has_a_queue_of_its_own() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let queue = worker.host.queue().expect("a queue");
    let mut old = worker.reload(&items(r#""max_items": 9"#));
    assert_eq!(
        worker.host.calls("proxy_register_shared_queue"),
        1,
        "the main thread configures, too, and has none"
    );
    let second = worker.goes("/items?ids=0");
    let own = worker.host.queue().expect("a queue");
    assert_ne!(queue, own);
    let waits = worker.joins("/items?ids=1");
    worker.returns(second);
    assert_eq!((worker.host.queued(queue), worker.host.queued(own)), (0, 1));
    of_old(&mut worker, &mut old, |old, host| {
        old.on_queue_ready(host, own);
        old.on_queue_ready(host, queue);
    });
    assert_eq!(worker.host.queued(own), 1, "it is not the old one's to take");
    worker.deliver();
    assert!(worker.went_on(&waits));
    worker.end(first);
}

#[test]
fn a_message_wakes_the_old_root_for_its_own() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let waits = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    let queue = worker.host.queue().expect("a queue");
    let mut old = worker.reload(&items(r#""max_items": 9"#));
    let other = worker.goes("/items?ids=5");
    worker.returns(first);
    assert_eq!(worker.host.queued(queue), 1);
    of_old(&mut worker, &mut old, |old, host| old.on_queue_ready(host, queue));
    let call = worker.call();
    assert_eq!((call.context, path(&call)), (ROOT, "/items?ids=1,2"));
    worker.host.answer_call(crate::worker::OK, &crate::worker::truth(&call), &[]);
    of_old(&mut worker, &mut old, |old, host| old.on_call_response(host, call.number, 2, 80));
    assert!(waits.iter().all(|request| worker.answer_to(request).is_some()));
    worker.end(other);
}

#[test]
fn an_answer_to_another_roots_call_is_not_ones_own() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let waits = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    let _old = worker.reload(&items(r#""max_items": 9"#));
    worker.serve(&call);
    assert!(waits.iter().all(|request| worker.waits(request)));
}

#[test]
fn gauges_add_what_each_root_holds() {
    let (mut worker, mut old, [first, waits, other]) = reloaded(&items(r#""max_items": 9"#));
    for _ in 0..3 {
        worker.tick();
        of_old(&mut worker, &mut old, |old, host| old.tick(host));
    }
    assert_eq!(worker.host.counter(ACTIVE), 3);
    worker.end(first);
    worker.end(waits);
    // Its last stream has ended, and so does the root, before another tick.
    old.on_done(&worker.host);
    assert_eq!(worker.host.counter(ACTIVE), 1);
    worker.end(other);
    worker.tick();
    assert_eq!(worker.host.counter(ACTIVE), 0);
}

#[test]
fn gauges_of_a_route_that_batches_no_more_are_zero_when_its_last_root_ends() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    worker.tick();
    let mut old = worker.reload(&calls(""));
    worker.end(first);
    assert_eq!(worker.host.counter(ACTIVE), 1);
    old.on_done(&worker.host);
    worker.tick();
    assert_eq!(worker.host.counter(ACTIVE), 0);
}

#[test]
fn what_the_old_root_counted_is_told_when_it_ends() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let waits = worker.joins("/items?ids=1");
    let mut old = worker.reload(&items(""));
    worker.end(waits);
    worker.end(first);
    old.on_done(&worker.host);
    assert_eq!(worker.host.counter("switchyard.route=.=api;.;result=.=gone;.;batch_requests_total"), 1);
}

#[test]
fn a_root_that_never_had_a_request_ends_without_a_word() {
    let mut worker = Worker::alone(&items(""));
    let mut old = worker.reload(&items(""));
    worker.host.forget_calls();
    old.on_done(&worker.host);
    assert_eq!(worker.host.all_calls(), 0);
}

#[test]
fn a_route_that_batches_no_more_lets_those_who_wait_have_their_answer() {
    let (mut worker, mut old, [first, waits, other]) = reloaded(&items(r#""mode": "shadow""#));
    let passes = worker.goes("/items?ids=3");
    assert_eq!(passes.flow, Flow::Continue);
    worker.returns(first);
    of_old(&mut worker, &mut old, |old, host| old.tick(host));
    assert!(worker.went_on(&waits));
    [other, passes].into_iter().for_each(|request| worker.end(request));
}

#[test]
fn workers_that_stayed_by_themselves_can_begin_to_reach_each_other() {
    let mut workers: [Worker; 2] = Worker::several(&items(""));
    let [one, two] = workers.each_mut().map(|worker| worker.goes("/items?ids=0"));
    workers[0].end(one);
    workers[1].end(two);
    let _old = workers.each_mut().map(|worker| worker.reload(&items(r#""scope": "proxy""#)));
    let first = workers[0].goes("/items?ids=0");
    let there = ["/items?ids=1", "/items?ids=2"].map(|path| workers[1].joins(path));
    settle(&mut workers);
    workers[0].returns(first);
    settle(&mut workers);
    let call = workers[0].call();
    workers[0].serve(&call);
    settle(&mut workers);
    assert!(there.iter().all(|request| workers[1].answer_to(request).is_some()));
    pass(slice::from_mut(&mut workers[1]), 500);
}
