//! Workers that end while others wait for them.

use crate::worker::{Batching, Request, Worker, calls, get, items, pass, post, rpc, settle};
use serde_json::json;
use switchyard_batch::Flow;
use switchyard_host::fake::SharedStore;

const PROXY: &str = r#""scope": "proxy""#;

/// Two workers, of which the first, which gathers, is no more while the second one's request waits.
fn abandoned(section: &str, send: impl Fn(&mut Worker, u32) -> Request) -> (Worker, Request) {
    let [mut gatherer, mut worker]: [Worker; 2] = Worker::several(section);
    let _first = send(&mut gatherer, 0);
    let waits = send(&mut worker, 1);
    assert_eq!(waits.flow, Flow::Pause);
    drop(gatherer);
    (worker, waits)
}

#[test]
fn where_the_other_worker_is_no_more_who_may_be_made_twice_goes_alone() {
    let (worker, waits) =
        abandoned(&items(PROXY), |worker, id| worker.send(&get(&format!("/items?ids={id}"))));
    let mut workers = [worker];
    pass(&mut workers, 990);
    assert!(workers[0].waits(&waits));
    pass(&mut workers, 120);
    assert!(workers[0].went_on(&waits));
    // When the claim is over, this worker gathers.
    pass(&mut workers, 2_000);
    let own = workers[0].goes("/items?ids=2");
    let next = workers[0].joins("/items?ids=3");
    workers[0].returns(own);
    settle(&mut workers);
    assert!(workers[0].went_on(&next));
    workers[0].end(next);
}

#[test]
fn and_who_may_not_gets_an_error() {
    let (worker, waits) = abandoned(&calls(PROXY), |worker, id| worker.post(&post(), &rpc("set", id)));
    let mut workers = [worker];
    pass(&mut workers, 1_110);
    let (status, body) = workers[0].answer_to(&waits).expect("an answer");
    assert_eq!((status, &body["id"]), (502, &json!(1)));
}

#[test]
fn of_another_workers_death_the_living_two_take_no_harm() {
    let store = SharedStore::default();
    let mut workers: Vec<Worker> = (0..3).map(|_| Worker::of(&store, &items(PROXY))).collect();
    let dead = {
        let mut gatherer = workers.remove(0);
        gatherer.goes("/items?ids=0")
    };
    let waiting: Vec<_> = workers.iter_mut().map(|worker| worker.joins("/items?ids=1")).collect();
    pass(&mut workers, 1_200);
    for (worker, request) in workers.iter_mut().zip(waiting) {
        assert!(worker.went_on(&request));
        worker.returns(request);
    }
    pass(&mut workers, 2_000);
    let first = workers[0].goes("/items?ids=1");
    let [here, there] = [0, 1].map(|at| workers[at].joins("/items?ids=2"));
    settle(&mut workers);
    workers[0].returns(first);
    settle(&mut workers);
    let call = workers[0].call();
    workers[0].serve(&call);
    settle(&mut workers);
    assert!(workers[0].answer_to(&here).is_some() && workers[1].answer_to(&there).is_some());
    drop(dead);
}

#[test]
fn a_new_life_of_a_worker_does_not_hear_messages_for_the_old_one() {
    let store = SharedStore::default();
    let [mut one, mut two] = [(); 2].map(|()| Worker::of(&store, &items(PROXY)));
    let first = one.goes("/items?ids=0");
    let there = two.joins("/items?ids=1");
    // The old epoch's queue has a message; the new one has a queue of its own, and its streams have the old ones' numbers.
    let mut again = Worker::of(&store, &items(PROXY));
    let own = again.send(&get("/items?ids=5"));
    let queue = again.host.queue();
    assert_ne!(queue, one.host.queue());
    let mut workers = [again, two];
    settle(&mut workers);
    assert!(workers[1].waits(&there));
    drop((first, own, one));
    pass(&mut workers, 1_200);
    assert!(workers[1].went_on(&there));
}

#[test]
fn a_root_that_ends_leaves_its_keys_to_others() {
    let mut workers: [Worker; 2] = Worker::several(&calls(PROXY));
    let first = workers[0].post(&post(), &rpc("set", 0));
    workers[0].returns(first);
    let mut old = workers[0].reload(&calls(PROXY));
    old.on_done(&workers[0].host);
    drop(old);
    // Nobody hears the old one's queue: to wait for it would end in an error.
    let own = workers[1].post(&post(), &rpc("set", 1));
    assert_eq!(own.flow, Flow::Continue);
    workers[1].returns(own);
}

#[test]
fn what_others_have_claimed_meanwhile_they_keep() {
    let mut workers: [Worker; 2] = Worker::several(&items(PROXY));
    let first = workers[0].goes("/items?ids=0");
    workers[0].returns(first);
    pass(&mut workers, 2_100);
    let own = workers[1].goes("/items?ids=1");
    let mut old = workers[0].reload(&items(PROXY));
    old.on_done(&workers[0].host);
    let there = workers[0].joins("/items?ids=2");
    settle(&mut workers);
    workers[1].returns(own);
    settle(&mut workers);
    assert!(workers[0].went_on(&there));
}
