//! What a request costs, in host calls, once its worker has had others like it: the first one takes a queue, begins the ticks,
//! and names its metrics.

use crate::worker::{Batching, OK, Request, Worker, calls, get, items, post, rpc, with};
use switchyard_batch::Flow;

/// The host calls of what happens next.
fn price<R>(worker: &mut Worker, act: impl FnOnce(&mut Worker) -> R) -> (R, u64) {
    worker.host.forget_calls();
    let result = act(worker);
    (result, worker.host.all_calls())
}

/// The host calls of a request that goes alone: on its way in, and from its answer to its end.
fn alone(section: &str, send: impl Fn(&mut Worker) -> Request) -> (u64, u64) {
    let mut worker = Worker::alone(section);
    let once = |worker: &mut Worker| {
        let (mut request, way_in) = price(worker, &send);
        let ((), way_out) = price(worker, |worker| {
            worker.answer(&mut request, OK, false);
            worker.body(&mut request, b"[", false);
            worker.body(&mut request, b"]", true);
            worker.end(request);
        });
        (way_in, way_out)
    };
    once(&mut worker);
    once(&mut worker)
}

fn a_get(worker: &mut Worker) -> Request {
    worker.goes("/items?ids=1")
}

fn a_post(worker: &mut Worker) -> Request {
    worker.post(&post(), &rpc("get", 1))
}

#[test]
fn where_no_route_batches_a_request_costs_nothing() {
    let mut worker = Worker::unconfigured(&Default::default());
    worker.host.set_configuration(b"");
    assert!(worker.root.configure(&worker.host));
    let (request, way_in) = price(&mut worker, |worker| worker.goes("/items?ids=1"));
    let ((), way_out) = price(&mut worker, |worker| worker.returns(request));
    assert_eq!((way_in, way_out), (0, 0));
}

#[test]
fn a_request_of_another_route_costs_its_head() {
    assert_eq!(alone(&items(""), |worker| worker.goes("/plain")), (1, 0));
}

#[test]
fn so_does_one_that_must_go_by_itself() {
    let range = |worker: &mut Worker| worker.send(&with(&get("/items?ids=1"), &[("range", "bytes=0-1")]));
    assert_eq!(alone(&items(""), range), (1, 0));
}

#[test]
fn a_get_that_goes_alone_costs_its_head_who_asks_the_time_and_its_size() {
    // And on its way back its head and the time.
    assert_eq!(alone(&items(""), a_get), (5, 2));
}

#[test]
fn a_post_costs_its_body_besides() {
    assert_eq!(alone(&calls(""), a_post), (6, 2));
    let mixing = r#""i_know_that_batches_mix_principals": true"#;
    assert_eq!(alone(&calls(mixing), a_post), (4, 2), "where it does not matter who asks nobody is asked");
}

#[test]
fn once_answers_are_known_most_of_those_that_come_one_by_one_cost_nothing() {
    let mut worker = Worker::alone(&items(""));
    for _ in 0..70 {
        let request = worker.goes("/items?ids=1");
        worker.returns(request);
    }
    let way_back = |worker: &mut Worker| {
        let request = worker.goes("/items?ids=1");
        price(worker, |worker| worker.returns(request)).1
    };
    let costs: Vec<_> = (0..16).map(|_| way_back(&mut worker)).collect();
    assert_eq!((costs.iter().sum::<u64>(), costs.iter().filter(|cost| **cost == 0).count()), (4, 14));
}

#[test]
fn but_not_those_of_requests_that_shared_the_upstream_with_others() {
    let mut worker = Worker::alone(&items(""));
    for _ in 0..70 {
        let request = worker.goes("/items?ids=1");
        worker.returns(request);
    }
    let other = worker.goes("/items?ids=1&other=1");
    for _ in 0..10 {
        let request = worker.goes("/items?ids=1");
        assert_eq!(price(&mut worker, |worker| worker.returns(request)).1, 2);
    }
    worker.end(other);
}

#[test]
fn in_shadow_it_costs_the_same() {
    assert_eq!(alone(&items(r#""mode": "shadow""#), a_get), (5, 2));
    assert_eq!(alone(&calls(r#""mode": "shadow""#), a_post), (6, 2));
}

#[test]
fn to_tell_of_the_batch_costs_a_header() {
    assert_eq!(alone(&items(r#""tell": true"#), a_get), (5, 3));
}

#[test]
fn within_a_process_a_worker_that_gathers_costs_no_more() {
    assert_eq!(alone(&items(r#""scope": "proxy""#), a_get), (5, 2));
}

/// The host calls of a batch of so many: what each request costs to hold, the call, and its answer with all the shares.
fn batch(size: u64) -> (u64, u64, u64) {
    let mut worker = Worker::alone(&items(""));
    // Twice, for the first time names the metrics.
    let mut costs = (0, 0, 0);
    for _ in 0..2 {
        let first = worker.goes("/items?ids=0");
        let (requests, held) = price(&mut worker, |worker| {
            (1..=size).map(|id| worker.joins(&format!("/items?ids={id}"))).collect::<Vec<_>>()
        });
        worker.returns(first);
        let (_, called) = price(&mut worker, Worker::deliver);
        let call = worker.call();
        let ((), answered) = price(&mut worker, |worker| worker.serve(&call));
        let ((), ended) = price(&mut worker, |worker| {
            for mut request in requests {
                worker.respond(&mut request, OK, b"[]");
                worker.end(request);
            }
        });
        assert_eq!(ended, 0, "a share passes for nothing");
        costs = (held, called, answered);
    }
    costs
}

#[test]
fn a_request_in_a_batch_costs_four_calls_to_hold_and_two_to_answer() {
    let (few, many) = (batch(4), batch(20));
    assert_eq!((many.0 - few.0, many.2 - few.2), (16 * 4, 16 * 2));
}

#[test]
fn a_batch_costs_few_calls_of_its_own_and_one_more_of_each_request_for_its_wait() {
    let (few, many) = (batch(4), batch(20));
    assert_eq!(many.1 - few.1, 16, "how long each waited");
    // A message, the time twice, the batch's size, and the call.
    assert_eq!(few.1 - 4, 5);
    // Its head, its body, the time, and the root's name.
    assert_eq!(few.2 - 4 * 2, 4);
}

#[test]
fn who_waited_and_goes_on_alone_costs_its_name_its_time_and_its_going() {
    let mut worker = Worker::alone(&items(""));
    for turn in 0..2 {
        let first = worker.goes("/items?ids=0");
        let waits = worker.joins("/items?ids=1");
        worker.returns(first);
        let (_, cost) = price(&mut worker, Worker::deliver);
        assert!(worker.went_on(&waits));
        worker.returns(waits);
        // The message, the time three times, two histograms, the stream's name, its timeout and whose that is, its going on, the root's name.
        assert!(turn == 0 || cost == 11, "{cost}");
    }
}

#[test]
fn a_request_for_another_worker_costs_no_more_here_than_to_hold_it() {
    let mut workers: [Worker; 2] = Worker::several(&items(r#""scope": "proxy""#));
    let first = workers[0].goes("/items?ids=0");
    let _named = workers[1].joins("/items?ids=1");
    let (request, cost) = price(&mut workers[1], |worker| worker.joins("/items?ids=2"));
    // Its head, the time, who gathers, and the message.
    assert_eq!((request.flow, cost), (Flow::Pause, 6));
    workers[0].end(first);
}
