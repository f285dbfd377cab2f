//! How the root is woken: by a message to the worker's own queue, and by the tick where that fails; and when it rests.

use crate::worker::{Coalescing, GET, OK, Worker, pass, within};
use std::slice;
use switchyard_coalesce::Flow;
use switchyard_host::Status;

const ENQUEUE: &str = "proxy_enqueue_shared_queue";

#[test]
fn one_message_wakes_the_root_however_much_there_is_to_do() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let _followers: Vec<_> = (0..20).map(|_| worker.follow(GET)).collect();
    worker.host.forget_calls();
    worker.answer(&mut leader, OK, false);
    assert_eq!(worker.host.calls(ENQUEUE), 0, "there is nothing to do yet");
    worker.body(&mut leader, b"soup", true);
    worker.end(leader);
    assert_eq!(worker.host.calls(ENQUEUE), 1);
    worker.deliver();
    assert_eq!((worker.done.len(), worker.has_messages()), (20, false));
}

#[test]
fn more_than_one_callback_may_do_takes_another_one() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let followers: Vec<_> = (0..300).map(|_| worker.follow(GET)).collect();
    worker.respond(&mut leader, OK, b"soup");
    worker.deliver();
    assert!(worker.done.len() < 300, "not all at once");
    let mut callbacks = 1;
    while worker.deliver() {
        callbacks += 1;
    }
    assert!(followers.iter().all(|follower| worker.body_for(follower).is_some()));
    assert!(callbacks <= 4, "{callbacks}");
}

#[test]
fn who_answers_very_many_lets_others_have_their_turn() {
    let mut worker = Worker::alone(&within(r#""max_followers": 2000"#));
    let mut leader = worker.lead(GET);
    let followers: Vec<_> = (0..1500).map(|_| worker.follow(GET)).collect();
    worker.respond(&mut leader, OK, b"soup");
    let mut callbacks = 0;
    while worker.deliver() {
        callbacks += 1;
    }
    assert!(callbacks <= 8 && worker.done.len() < 1500, "the event loop goes on");
    pass(slice::from_mut(&mut worker), 20);
    assert!(followers.iter().all(|follower| worker.body_for(follower).is_some()));
}

#[test]
fn where_the_message_cannot_be_sent_the_tick_wakes_it() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    worker.host.fail(ENQUEUE, Status::InternalFailure);
    worker.respond(&mut leader, OK, b"soup");
    pass(slice::from_mut(&mut worker), 10);
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn where_there_is_no_queue_the_tick_wakes_it_and_the_metric_says_so() {
    let mut worker = Worker::alone(&within(""));
    worker.host.fail("proxy_register_shared_queue", Status::InternalFailure);
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    worker.respond(&mut leader, OK, b"soup");
    assert!(!worker.deliver());
    pass(slice::from_mut(&mut worker), 10);
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b"soup"[..]));
    assert_eq!(worker.host.counter("switchyard.coalesce_without_queue_total"), 1);
}

#[test]
fn a_message_that_was_lost_does_not_keep_the_root_asleep() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let follower = worker.follow(GET);
    worker.respond(&mut leader, OK, b"soup");
    assert!(worker.has_messages(), "and nobody delivers it");
    worker.set_time(worker.now + 10);
    worker.tick();
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn the_tick_is_quick_while_somebody_waits_and_stops_when_nothing_is_left() {
    let mut worker = Worker::alone(&within(""));
    assert_eq!(worker.period(), 0);
    let mut leader = worker.lead(GET);
    assert_eq!(worker.period(), 500, "counters are told");
    let follower = worker.follow(GET);
    assert_eq!(worker.period(), 10);
    pass(slice::from_mut(&mut worker), 2_000);
    assert_eq!(worker.period(), 10);
    worker.respond(&mut leader, OK, b"soup");
    worker.end(leader);
    worker.deliver();
    worker.end(follower);
    pass(slice::from_mut(&mut worker), 20);
    assert_eq!(worker.period(), 500);
    pass(slice::from_mut(&mut worker), 1_500);
    assert_eq!(worker.period(), 0);
    worker.host.forget_calls();
    pass(slice::from_mut(&mut worker), 5_000);
    assert_eq!(worker.host.all_calls(), 0);
}

#[test]
fn across_workers_too_the_tick_stops() {
    let [mut one, mut two] = Worker::several("{}");
    let mut leader = one.lead(GET);
    let follower = two.follow(GET);
    let mut workers = [one, two];
    pass(&mut workers, 50);
    workers[0].respond(&mut leader, OK, b"soup");
    workers[0].end(leader);
    pass(&mut workers, 10);
    assert_eq!(workers[1].body_for(&follower).as_deref(), Some(&b"soup"[..]));
    workers[1].end(follower);
    pass(&mut workers, 3_000);
    assert_eq!(workers.each_ref().map(Worker::period), [0, 0]);
}

#[test]
fn a_tick_that_could_not_be_asked_for_is_asked_for_again() {
    let mut worker = Worker::alone(&within(""));
    worker.host.fail("proxy_set_tick_period_milliseconds", Status::InternalFailure);
    let _leader = worker.lead(GET);
    let _first = worker.follow(GET);
    assert_eq!(worker.period(), 0);
    worker.host.recover("proxy_set_tick_period_milliseconds");
    let _second = worker.follow(GET);
    assert_eq!(worker.period(), 10);
}

#[test]
fn who_has_waited_long_enough_goes_on() {
    let mut worker = Worker::alone(&within(r#""max_wait": "100ms""#));
    let mut leader = worker.lead(GET);
    let [elected, follower] = [worker.follow(GET), worker.follow(GET)];
    pass(slice::from_mut(&mut worker), 90);
    assert!(worker.waits(&elected) && worker.waits(&follower));
    pass(slice::from_mut(&mut worker), 10);
    assert!(worker.went_on(&elected) && worker.went_on(&follower));
    assert_eq!(worker.count("coalesce_exits_total", ("reason", "led")), 1, "one leads first");
    worker.respond(&mut leader, OK, b"soup");
    pass(slice::from_mut(&mut worker), 100);
    assert!(worker.went_on(&follower), "and is not answered besides");
    assert_eq!(worker.count("coalesce_exits_total", ("reason", "max_wait")), 1);
}

#[test]
fn a_request_that_arrives_when_the_head_cannot_be_read_goes_on() {
    let mut worker = Worker::alone(&within(""));
    let _leader = worker.lead(GET);
    worker.host.fail("proxy_get_header_map_pairs", Status::InternalFailure);
    let request = worker.send(GET);
    assert_eq!(request.flow, Flow::Continue);
    worker.end(request);
}
