//! What nobody should have written: messages for an earlier epoch, garbage in queues, garbage on the board.

use crate::worker::{Coalescing, GET, OK, Request, Worker, pass, settle};
use switchyard_host::fake::{FakeHost, SharedStore};
use switchyard_host::{Queues as _, SharedData as _};

/// The flights of the board, with the buckets that they are in.
fn board(host: &FakeHost) -> Vec<(String, Vec<u8>)> {
    let buckets = host.store().keys("switchyard.coalesce.board.");
    assert_eq!(buckets.len(), BUCKETS);
    let read = |bucket: String| Some((bucket.clone(), host.shared_data(&bucket).ok()??.value));
    buckets.into_iter().filter_map(read).filter(|(_, value)| !value.is_empty()).collect()
}

const BUCKETS: usize = switchyard_core::coalesce::BUCKETS as usize;

/// Two workers; in the first one somebody leads, in the second one somebody waits.
fn flight() -> ([Worker; 2], Request, Request) {
    let mut workers = Worker::several("{}");
    let leader = workers[0].lead(GET);
    let follower = workers[1].follow(GET);
    (workers, leader, follower)
}

/// The messages that wait for a worker.
fn messages(worker: &Worker) -> Vec<Vec<u8>> {
    let queue = worker.host.queue().expect("a queue");
    let messages: Vec<_> = std::iter::from_fn(|| worker.host.dequeue(queue).expect("a message")).collect();
    messages.iter().for_each(|message| worker.host.enqueue(queue, message).expect("room"));
    messages
}

#[test]
fn garbage_in_the_queue_changes_nothing() {
    let (mut workers, mut leader, follower) = flight();
    settle(&mut workers);
    workers[0].respond(&mut leader, OK, b"soup");
    let answer = messages(&workers[1]).pop().expect("the answer");
    let queue = workers[1].host.queue().expect("a queue");
    while workers[1].host.dequeue(queue).expect("a message").is_some() {}
    let whole = answer.len();
    let mut garbage: Vec<Vec<u8>> = (0..whole).map(|length| answer[..length].to_vec()).collect();
    garbage.extend([vec![0], vec![0xff; 64], vec![1; 4096], b"GET / HTTP/1.1\r\n\r\n".to_vec()]);
    for message in &garbage {
        workers[1].host.enqueue(queue, message).expect("room");
    }
    settle(&mut workers);
    assert!(workers[1].waits(&follower), "a part of an answer is none");
    workers[1].host.enqueue(queue, &answer).expect("room");
    settle(&mut workers);
    assert_eq!(workers[1].body_for(&follower).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn an_answer_that_comes_twice_is_given_once() {
    let (mut workers, mut leader, follower) = flight();
    settle(&mut workers);
    workers[0].respond(&mut leader, OK, b"soup");
    let queue = workers[1].host.queue().expect("a queue");
    for message in messages(&workers[1]) {
        workers[1].host.enqueue(queue, &message).expect("room");
    }
    pass(&mut workers, 100);
    assert_eq!(workers[1].touched(), [follower.context]);
}

#[test]
fn a_message_for_an_earlier_life_of_the_worker_is_dropped() {
    let (mut workers, mut leader, follower) = flight();
    settle(&mut workers);
    workers[0].respond(&mut leader, OK, b"soup");
    let answers = messages(&workers[1]);
    // The VM of the second worker dies with its streams, and begins anew: with another number, and so another queue.
    let old = workers[1].host.queue();
    workers[1] = {
        let mut reloaded = Worker::of(&store_of(&workers[0]), "{}");
        reloaded.set_time(workers[0].now);
        reloaded
    };
    drop(follower);
    let mut leads = workers[1].lead(GET);
    let follows = workers[1].follow(GET);
    let queue = workers[1].host.queue();
    assert_ne!(queue, old);
    for message in &answers {
        workers[1].host.enqueue(queue.expect("a queue"), message).expect("room");
    }
    settle(&mut workers);
    assert!(workers[1].waits(&follows) && workers[1].done.is_empty());
    workers[1].respond(&mut leads, OK, b"fresh soup");
    settle(&mut workers);
    assert_eq!(workers[1].body_for(&follows).as_deref(), Some(&b"fresh soup"[..]));
}

#[test]
fn even_about_the_flight_that_the_new_life_follows() {
    let (mut workers, mut leader, follower) = flight();
    settle(&mut workers);
    let mut reloaded = Worker::of(&store_of(&workers[0]), "{}");
    reloaded.set_time(workers[0].now);
    let again = reloaded.follow(GET);
    settle(&mut workers);
    workers[0].respond(&mut leader, OK, b"soup");
    let for_the_old = messages(&workers[1]).pop().expect("an answer");
    let for_the_new = messages(&reloaded).pop().expect("an answer");
    let queue = reloaded.host.queue().expect("a queue");
    while reloaded.host.dequeue(queue).expect("a message").is_some() {}
    reloaded.host.enqueue(queue, &for_the_old).expect("room");
    reloaded.deliver();
    assert!(reloaded.waits(&again));
    reloaded.host.enqueue(queue, &for_the_new).expect("room");
    reloaded.deliver();
    assert_eq!(reloaded.body_for(&again).as_deref(), Some(&b"soup"[..]));
    drop(follower);
}

/// The shared data and queues that a worker has.
fn store_of(worker: &Worker) -> SharedStore {
    worker.host.store()
}

#[test]
fn garbage_on_the_board_counts_as_an_empty_board() {
    let (workers, _leader, _follower) = flight();
    let (bucket, entry) = board(&workers[0].host).pop().expect("the flight");
    for garbage in [&[0][..], &[1], &[1, 255], &[255; 300], &entry[..entry.len() - 1]] {
        let mut workers: [Worker; 2] = Worker::several("{}");
        workers[0].host.set_shared_data(&bucket, garbage).expect("room");
        let mut leader = workers[0].lead(GET);
        let follower = workers[1].follow(GET);
        settle(&mut workers);
        workers[0].respond(&mut leader, OK, b"soup");
        settle(&mut workers);
        assert_eq!(workers[1].body_for(&follower).as_deref(), Some(&b"soup"[..]), "{garbage:?}");
    }
}

#[test]
fn a_board_that_is_overwritten_in_mid_flight_lets_both_lead() {
    let (mut workers, mut leader, follower) = flight();
    settle(&mut workers);
    let (bucket, _) = board(&workers[0].host).pop().expect("the flight");
    workers[0].host.set_shared_data(&bucket, &[7; 40]).expect("room");
    let mut third = Worker::of(&store_of(&workers[0]), "{}");
    let mut leads = third.lead(GET);
    workers[0].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
    assert_eq!(workers[1].body_for(&follower).as_deref(), Some(&b"soup"[..]));
    third.respond(&mut leads, OK, b"soup");
    third.end(leads);
    workers[0].end(leader);
    assert!(board(&third.host).iter().all(|(_, value)| value == &[7; 40]) || board(&third.host).is_empty());
}

#[test]
fn a_flight_leaves_nothing_on_the_board() {
    let (mut workers, mut leader, follower) = flight();
    settle(&mut workers);
    assert_eq!(board(&workers[0].host).len(), 1);
    workers[0].respond(&mut leader, OK, b"soup");
    workers[0].end(leader);
    settle(&mut workers);
    workers[1].end(follower);
    assert!(board(&workers[0].host).is_empty());
}

#[test]
fn an_entry_of_a_vm_that_is_dead_ends_with_its_lease() {
    let store = SharedStore::default();
    let mut dead = Worker::of(&store, r#"{"max_leader_age": "2s"}"#);
    let leader = dead.lead(GET);
    let mut alive = Worker::of(&store, r#"{"max_leader_age": "2s"}"#);
    alive.set_time(dead.now + 2_000);
    let next = alive.send(GET);
    assert_eq!(next.flow, switchyard_coalesce::Flow::Continue, "the lease is over");
    drop((dead, leader));
}

#[test]
fn a_queue_that_is_not_this_workers_is_left_alone() {
    let (mut workers, _leader, follower) = flight();
    let other = workers[0].host.queue().expect("a queue");
    let before = workers[1].host.queued(other);
    assert!(before > 0);
    workers[1].of_root(|root, host| root.on_queue_ready(host, other));
    assert_eq!(workers[1].host.queued(other), before);
    assert!(workers[1].waits(&follower));
}
