//! How the root is woken: by a message to its own queue, and by the tick where that fails; and when it rests.

use crate::worker::{Batching, Head, Request, SET_TICK, Worker, calls, get, items, pass, path, post, with};
use std::slice;
use switchyard_host::Status;

const ENQUEUE: &str = "proxy_enqueue_shared_queue";
const REGISTER: &str = "proxy_register_shared_queue";
const CLOCK: &str = "proxy_get_current_time_nanoseconds";

/// Two that wait behind one that is under way.
fn waiting(worker: &mut Worker) -> (Request, [Request; 2]) {
    let first = worker.goes("/items?ids=0");
    (first, ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path)))
}

fn late(worker: &mut Worker, millis: u64) -> bool {
    pass(slice::from_mut(worker), millis);
    worker.called.len() == 1
}

#[test]
fn one_message_wakes_the_root_however_much_there_is_to_do() {
    let mut worker = Worker::alone(&items(r#""max_items": 2"#));
    let first = worker.goes("/items?ids=0");
    worker.host.forget_calls();
    let _waiting: Vec<_> = (1..20).map(|id| worker.joins(&format!("/items?ids={id}"))).collect();
    worker.returns(first);
    assert_eq!(worker.host.calls(ENQUEUE), 1);
    worker.deliver();
    assert_eq!((worker.called.len(), worker.has_messages()), (4, false), "as many as may be under way");
}

#[test]
fn where_the_message_cannot_be_sent_the_tick_does_the_work() {
    let mut worker = Worker::alone(&items(r#""max_delay": "1s""#));
    let (first, _waiting) = waiting(&mut worker);
    worker.host.fail(ENQUEUE, Status::InternalFailure);
    worker.returns(first);
    assert!(late(&mut worker, 1));
}

#[test]
fn where_there_is_no_queue_the_tick_does_the_work_and_a_metric_says_so() {
    for call in [REGISTER, "proxy_get_shared_data", "proxy_set_shared_data"] {
        let mut worker = Worker::unconfigured(&Default::default());
        worker.host.fail(call, Status::InternalFailure);
        assert!(worker.configure(&items(r#""max_delay": "1s""#)));
        let (first, _waiting) = waiting(&mut worker);
        worker.returns(first);
        assert!(!worker.deliver());
        assert!(late(&mut worker, 1), "{call}");
        pass(slice::from_mut(&mut worker), 60);
        assert_eq!(worker.host.counter("switchyard.batch_without_queue_total"), 1);
    }
}

#[test]
fn a_message_that_was_lost_does_not_keep_the_root_asleep() {
    let mut worker = Worker::alone(&items(r#""max_delay": "1s""#));
    let (first, _waiting) = waiting(&mut worker);
    worker.returns(first);
    assert!(worker.has_messages());
    // Nobody delivers it.
    worker.set_time(worker.now + 50);
    worker.tick();
    let call = worker.call();
    worker.host.forget_calls();
    let _more = ["/items?ids=3", "/items?ids=4"].map(|path| worker.joins(path));
    worker.serve(&call);
    let call = worker.call();
    assert_eq!(path(&call), "/items?ids=3,4");
    let next = worker.joins("/items?ids=5");
    worker.host.forget_calls();
    worker.end(next);
    assert_eq!(worker.host.calls(ENQUEUE), 0, "nothing is to be done");
    let (one, _two) = {
        worker.serve(&call);
        waiting(&mut worker)
    };
    worker.returns(one);
    assert_eq!(worker.host.calls(ENQUEUE), 1, "the next one is sent");
}

#[test]
fn strangers_messages_are_none() {
    let mut worker = Worker::alone(&items(""));
    let (first, waiting) = waiting(&mut worker);
    worker.of_root(|root, host| root.on_queue_ready(host, 77));
    let queue = worker.host.queue().expect("a queue");
    for message in [&b"\x01"[..], b"garbage", &[0; 64]] {
        switchyard_host::Queues::enqueue(&worker.host, queue, message).expect("a queue");
    }
    worker.deliver();
    assert!(waiting.iter().all(|request| worker.waits(request)));
    worker.returns(first);
    worker.deliver();
    assert_eq!(worker.called.len(), 1);
}

#[test]
fn a_queue_that_gives_nothing_out_is_no_reason_to_stop() {
    let mut worker = Worker::alone(&items(""));
    let (first, _waiting) = waiting(&mut worker);
    worker.returns(first);
    worker.host.fail("proxy_dequeue_shared_queue", Status::InternalFailure);
    let queue = worker.host.queue().expect("a queue");
    worker.of_root(|root, host| root.on_queue_ready(host, queue));
    assert_eq!(worker.called.len(), 1);
}

#[test]
fn the_tick_is_as_quick_as_what_waits_needs_it() {
    let mut worker = Worker::alone(&items(r#""max_delay": "20ms""#));
    assert_eq!(worker.period(), 0);
    let first = worker.goes("/items?ids=0");
    assert_eq!(worker.period(), 50, "counters are told");
    let _one = worker.joins("/items?ids=1");
    assert_eq!(worker.period(), 20);
    worker.set_time(worker.now + 5);
    worker.host.forget_calls();
    let _two = worker.joins("/items?ids=2");
    assert_eq!(worker.host.calls(SET_TICK), 0, "it comes soon enough");
    pass(slice::from_mut(&mut worker), 15);
    assert_eq!((worker.called.len(), worker.period()), (1, 50));
    worker.end(first);
}

#[test]
fn a_period_is_never_shorter_than_the_time_that_is_wanted() {
    let mut worker = Worker::alone(&items(r#""max_delay": "20ms""#));
    let first = worker.goes("/items?ids=0");
    let _one = worker.joins("/items?ids=1");
    // 700 microseconds later.
    let now = switchyard_core::Timestamp::from_nanos(worker.now * 1_000_000 + 700_000);
    worker.host.set_now(now);
    worker.tick();
    assert_eq!(worker.period(), 20, "not 19, which would come too early");
    worker.end(first);
}

#[test]
fn the_tick_stops_when_nothing_is_left_and_counters_are_told_before() {
    let mut worker = Worker::alone(&items(""));
    let (first, waiting) = waiting(&mut worker);
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.serve(&call);
    waiting.into_iter().for_each(|request| worker.end(request));
    pass(slice::from_mut(&mut worker), 50);
    assert_eq!(worker.host.counter("switchyard.route=.=api;.;result=.=answered;.;batch_requests_total"), 2);
    pass(slice::from_mut(&mut worker), 60);
    assert_eq!(worker.period(), 0);
    worker.host.forget_calls();
    pass(slice::from_mut(&mut worker), 5_000);
    assert_eq!(worker.host.all_calls(), 0);
}

#[test]
fn it_only_says_that_the_worker_lives_while_a_request_is_under_way_that_went_alone() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    pass(slice::from_mut(&mut worker), 110);
    assert_eq!(worker.period(), 500, "its stream tells its end");
    worker.returns(first);
    assert_eq!(worker.period(), 50);
    pass(slice::from_mut(&mut worker), 600);
    assert_eq!(worker.period(), 0);
}

#[test]
fn it_goes_on_while_a_call_is_under_way() {
    let mut worker = Worker::alone(&items(""));
    let (first, _waiting) = waiting(&mut worker);
    worker.returns(first);
    worker.deliver();
    pass(slice::from_mut(&mut worker), 1_000);
    assert_eq!(worker.period(), 100);
}

#[test]
fn it_stops_when_a_body_is_awaited_no_more() {
    let mut worker = Worker::alone(&calls(""));
    let request = worker.begin(&post(), false);
    pass(slice::from_mut(&mut worker), 200);
    assert_eq!(worker.period(), 250);
    worker.end(request);
    pass(slice::from_mut(&mut worker), 400);
    assert_eq!(worker.period(), 0);
}

#[test]
fn it_stops_after_requests_that_only_passed() {
    let mut worker = Worker::alone(&items(""));
    let range: Head<'_> = &[("range", "bytes=0-1")];
    for _ in 0..10 {
        let request = worker.send(&with(&get("/items?ids=1"), range));
        pass(slice::from_mut(&mut worker), 10);
        worker.end(request);
    }
    pass(slice::from_mut(&mut worker), 110);
    assert_eq!(worker.period(), 0);
}

#[test]
fn across_workers_too_the_tick_stops() {
    let mut workers: [Worker; 2] = Worker::several(&items(r#""scope": "proxy""#));
    let first = workers[0].goes("/items?ids=0");
    let there = workers[1].joins("/items?ids=1");
    pass(&mut workers, 10);
    workers[0].returns(first);
    pass(&mut workers, 10);
    assert!(workers[1].went_on(&there));
    workers[1].returns(there);
    // Each has seen that the other has nothing any more.
    pass(&mut workers, 1_100);
    assert_eq!(workers.each_ref().map(Worker::period), [0, 0]);
}

#[test]
fn a_tick_that_could_not_be_asked_for_is_asked_for_again() {
    let mut worker = Worker::alone(&items(""));
    worker.host.fail(SET_TICK, Status::InternalFailure);
    let (_first, _waiting) = waiting(&mut worker);
    assert_eq!(worker.period(), 0);
    worker.host.recover(SET_TICK);
    let _third = worker.joins("/items?ids=3");
    assert_eq!(worker.period(), 20);
}

#[test]
fn a_clock_that_stands_still_keeps_nobody_from_leaving_with_what_returns() {
    let mut worker = Worker::alone(&items(""));
    worker.host.fail(CLOCK, Status::InternalFailure);
    let (first, waiting) = waiting(&mut worker);
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    worker.serve(&call);
    assert!(waiting.iter().all(|request| worker.answer_to(request).is_some()));
}
