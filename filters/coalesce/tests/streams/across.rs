//! Followers of a leader in another worker: how they join, what they get, and what becomes of them when that worker
//! is gone.

use crate::worker::{Coalescing, FAILED, GET, HEAD, OK, PRIVATE, Request, Worker, pass, settle, with};
use switchyard_host::Status;

/// Two workers; in the first one somebody leads, in the second one so many wait.
fn flight(section: &str, followers: usize) -> ([Worker; 2], Request, Vec<Request>) {
    let mut workers = Worker::several(section);
    let leader = workers[0].lead(GET);
    let followers = (0..followers).map(|_| workers[1].follow(GET)).collect();
    settle(&mut workers);
    (workers, leader, followers)
}

#[test]
fn an_answer_reaches_all_who_wait_elsewhere() {
    let (mut workers, mut leader, followers) = flight("{}", 3);
    workers[0].answer(&mut leader, OK, false);
    workers[0].body(&mut leader, b"soup ", false);
    workers[0].body(&mut leader, b"of the day", true);
    workers[0].end(leader);
    settle(&mut workers);
    assert!(workers[0].done.is_empty());
    for follower in &followers {
        let fate = workers[1].fate(follower).expect("an answer");
        assert_eq!(fate.body(), Some(&b"soup of the day"[..]));
        assert_eq!(fate.header("cache-status"), ["switchyard; fwd=miss; collapsed"]);
    }
    assert_eq!(workers[0].count("coalesce_leaders_total", ("", "")), 1);
    assert_eq!(workers[1].count("coalesce_followers_total", ("result", "remote")), 3);
    assert_eq!(workers[1].count("coalesce_exits_total", ("reason", "collapsed")), 3);
}

#[test]
fn an_answer_without_a_body_has_its_length_there_too() {
    let mut workers: [Worker; 2] = Worker::several("{}");
    let mut leader = workers[0].lead(HEAD);
    let mut follower = workers[1].follow(HEAD);
    settle(&mut workers);
    workers[0].answer(&mut leader, &with(OK, &[("content-length", "99")]), true);
    settle(&mut workers);
    assert_eq!(workers[1].body_for(&follower).as_deref(), Some(&b""[..]));
    workers[1].answer(&mut follower, &[(":status", "200")], true);
    assert_eq!(workers[1].host.response_header("content-length"), ["99"]);
}

#[test]
fn who_asks_just_after_the_answer_was_complete_gets_it_all_the_same() {
    let mut workers: [Worker; 2] = Worker::several("{}");
    let mut leader = workers[0].lead(GET);
    let local = workers[0].follow(GET);
    let remote = workers[1].follow(GET);
    // The message is under way while the answer is completed.
    workers[0].respond(&mut leader, OK, b"soup");
    workers[0].end(leader);
    settle(&mut workers);
    assert_eq!(workers[0].body_for(&local).as_deref(), Some(&b"soup"[..]));
    assert_eq!(workers[1].body_for(&remote).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn who_asks_after_a_flight_that_nobody_followed_leads() {
    let mut workers: [Worker; 2] = Worker::several("{}");
    let mut leader = workers[0].lead(GET);
    let follower = workers[1].follow(GET);
    workers[0].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
    assert!(workers[1].went_on(&follower), "its answer was not copied");
}

#[test]
fn an_answer_for_one_lets_those_elsewhere_go_a_few_at_a_time() {
    let (mut workers, mut leader, followers) = flight(r#"{"release_concurrency": 4}"#, 6);
    let _here: Vec<_> = (0..6).map(|_| workers[0].follow(GET)).collect();
    workers[0].respond(&mut leader, PRIVATE, b"yours");
    settle(&mut workers);
    assert_eq!(workers.each_ref().map(|worker| worker.done.len()), [2, 2], "four in both");
    for follower in followers {
        assert!(workers[1].went_on(&follower));
        workers[1].end(follower);
        settle(&mut workers);
    }
    assert_eq!(workers[1].done.len(), 6);
    assert_eq!(workers[1].count("coalesce_exits_total", ("reason", "released")), 6);
    let asks = workers[1].send(GET);
    assert_eq!(
        workers[1].count("coalesce_passed_total", ("reason", "hit_for_pass")),
        1,
        "the key passes there, too"
    );
    workers[1].end(asks);
}

#[test]
fn when_the_leader_leaves_the_oldest_leads_wherever_it_is() {
    let (mut workers, leader, mut there) = flight("{}", 2);
    pass(&mut workers, 20);
    let here = workers[0].follow(GET);
    workers[0].end(leader);
    settle(&mut workers);
    let mut oldest = there.remove(0);
    assert!(workers[1].went_on(&oldest) && workers[1].waits(&there[0]) && workers[0].waits(&here));
    workers[1].respond(&mut oldest, OK, b"soup");
    pass(&mut workers, 10);
    assert_eq!(workers[1].body_for(&there[0]).as_deref(), Some(&b"soup"[..]));
    pass(&mut workers, 1_500);
    assert!(!workers[0].waits(&here));
}

#[test]
fn after_a_hand_over_those_who_stay_wait_for_the_new_leader() {
    let (mut workers, leader, mut there) = flight("{}", 1);
    pass(&mut workers, 20);
    let here = workers[0].follow(GET);
    workers[0].end(leader);
    // They ask a few times a second where their flight has gone.
    pass(&mut workers, 300);
    let mut new = there.remove(0);
    assert!(workers[1].went_on(&new));
    assert!(workers[0].waits(&here));
    workers[1].respond(&mut new, OK, b"soup");
    pass(&mut workers, 10);
    assert_eq!(workers[0].body_for(&here).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn a_failure_is_handed_over_and_elections_are_counted_across_workers() {
    let (mut workers, mut leader, mut there) = flight(r#"{"max_elections": 1}"#, 4);
    workers[0].respond(&mut leader, FAILED, b"");
    settle(&mut workers);
    let mut second = there.remove(0);
    assert!(workers[1].went_on(&second));
    workers[1].respond(&mut second, FAILED, b"");
    settle(&mut workers);
    assert!(there.iter().all(|follower| workers[1].went_on(follower)), "one election, then all go");
}

#[test]
fn followers_of_a_worker_that_is_lost_lead_after_a_while() {
    let (mut workers, _leader, mut there) = flight("{}", 2);
    let lost = SILENT;
    let [_, alive] = &mut workers;
    for _ in 0..lost / 10 {
        alive.set_time(alive.now + 10);
        alive.tick();
        alive.deliver();
    }
    let mut oldest = there.remove(0);
    assert!(alive.went_on(&oldest) && alive.waits(&there[0]));
    alive.respond(&mut oldest, OK, b"soup");
    alive.deliver();
    assert_eq!(alive.body_for(&there[0]).as_deref(), Some(&b"soup"[..]));
    assert_eq!(alive.count("coalesce_successions_total", ("reason", "worker_lost")), 1);
}

/// Longer than a worker may be silent, in milliseconds, and shorter than a follower waits.
const SILENT: u64 = 2_000;

#[test]
fn a_leader_that_takes_long_is_not_taken_for_lost() {
    let (mut workers, mut leader, there) = flight("{}", 1);
    pass(&mut workers, 4_000);
    assert!(workers[1].waits(&there[0]), "its worker says that it flies");
    workers[0].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
    assert_eq!(workers[1].body_for(&there[0]).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn where_no_message_can_be_sent_each_worker_asks_for_itself() {
    let mut workers: [Worker; 2] = Worker::several("{}");
    let mut leader = workers[0].lead(GET);
    workers[1].host.fail("proxy_enqueue_shared_queue", Status::InternalFailure);
    let follower = workers[1].follow(GET);
    pass(&mut workers, 50);
    assert!(workers[1].went_on(&follower));
    workers[0].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
}

#[test]
fn three_workers_share_one_answer() {
    let mut workers: [Worker; 3] = Worker::several("{}");
    let mut leader = workers[1].lead(GET);
    let followers: Vec<_> = [0, 1, 2, 0, 1, 2].map(|at| (at, workers[at].follow(GET))).into();
    settle(&mut workers);
    workers[1].respond(&mut leader, OK, b"soup");
    settle(&mut workers);
    for (at, follower) in &followers {
        assert_eq!(workers[*at].body_for(follower).as_deref(), Some(&b"soup"[..]));
    }
}
