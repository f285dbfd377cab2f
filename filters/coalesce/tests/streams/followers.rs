//! Those who wait get the leader's answer: from a callback of the root, once, and all of it.

use crate::worker::{Coalescing, FAILED, GET, HEAD, OK, PRIVATE, Request, Worker, page, pass, with, within};
use std::slice;
use switchyard_coalesce::Flow;
use switchyard_frame::fake::Fate;

/// A leader and so many who wait for it.
fn burst(worker: &mut Worker, followers: usize) -> (Request, Vec<Request>) {
    let leader = worker.lead(GET);
    (leader, (0..followers).map(|_| worker.follow(GET)).collect())
}

#[test]
fn all_get_a_copy_and_only_from_a_callback_of_the_root() {
    let mut worker = Worker::alone(&within(""));
    let (mut leader, followers) = burst(&mut worker, 5);
    worker.answer(&mut leader, OK, false);
    worker.body(&mut leader, b"soup ", false);
    worker.body(&mut leader, b"of the day", true);
    worker.end(leader);
    assert!(worker.done.is_empty(), "{:?}", worker.done);
    assert!(worker.deliver());
    let contexts: Vec<_> = followers.iter().map(|follower| follower.context).collect();
    assert_eq!(worker.touched(), contexts, "the oldest first");
    for follower in followers {
        let Some(fate @ Fate::Answered { status, .. }) = worker.fate(&follower) else { panic!("it waits") };
        assert_eq!(status, 200);
        assert_eq!(fate.body(), Some(&b"soup of the day"[..]));
        assert_eq!(fate.header("content-type"), ["text/plain"]);
        assert_eq!(fate.header("etag"), ["7"]);
        assert_eq!(fate.header("cache-status"), ["switchyard; fwd=miss; collapsed"]);
        worker.end(follower);
    }
    pass(slice::from_mut(&mut worker), 1_000);
    assert_eq!(worker.done.len(), 5, "each once");
}

#[test]
fn the_leaders_request_and_answer_stay_as_they_are() {
    let mut worker = Worker::alone(&within(""));
    let (mut leader, _followers) = burst(&mut worker, 2);
    worker.host.forget_calls();
    worker.respond(&mut leader, OK, b"soup");
    for call in ["proxy_replace_header_map_value", "proxy_add_header_map_value", "proxy_set_buffer_bytes"] {
        assert_eq!(worker.host.calls(call), 0, "{call}");
    }
    assert_eq!(worker.host.current_response_body(), b"soup");
}

#[test]
fn a_reply_without_a_body_gets_its_length_and_type_as_it_passes() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(HEAD);
    let mut follower = worker.follow(HEAD);
    let answer = with(OK, &[("content-length", "1234")]);
    worker.answer(&mut leader, &answer, true);
    worker.deliver();
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b""[..]));
    assert_eq!(worker.fate(&follower).expect("an answer").header("content-length"), Vec::<&str>::new());
    // What Envoy leaves of a local reply without a body.
    worker.answer(&mut follower, &[(":status", "200"), ("etag", "7")], true);
    assert_eq!(worker.host.response_header("content-length"), ["1234"]);
    assert_eq!(worker.host.response_header("content-type"), ["text/plain"]);
    worker.end(follower);
}

#[test]
fn an_empty_answer_to_get_keeps_its_type() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let mut follower = worker.follow(GET);
    worker.answer(&mut leader, OK, false);
    worker.body(&mut leader, b"", true);
    worker.deliver();
    assert_eq!(worker.body_for(&follower).as_deref(), Some(&b""[..]));
    worker.answer(&mut follower, &[(":status", "200")], true);
    assert_eq!(worker.host.response_header("content-type"), ["text/plain"]);
    assert!(worker.host.response_header("content-length").is_empty(), "the answer said none");
}

#[test]
fn a_reply_with_a_body_passes_as_it_is() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let mut follower = worker.follow(GET);
    worker.respond(&mut leader, OK, b"soup");
    worker.deliver();
    worker.host.forget_calls();
    worker.respond(&mut follower, OK, b"soup");
    assert_eq!(worker.host.calls("proxy_replace_header_map_value"), 0);
}

#[test]
fn a_client_that_has_left_is_not_answered() {
    let mut worker = Worker::alone(&within(""));
    let (mut leader, mut followers) = burst(&mut worker, 3);
    let gone = followers.remove(1);
    let context = gone.context;
    worker.end(gone);
    worker.respond(&mut leader, OK, b"soup");
    // Another one leaves between the answer and the callback of the root.
    let late = followers.remove(1);
    let late_context = late.context;
    worker.end(late);
    worker.deliver();
    assert!(!worker.touched().contains(&context) && !worker.touched().contains(&late_context));
    assert_eq!(worker.body_for(&followers[0]).as_deref(), Some(&b"soup"[..]));
    assert_eq!(worker.count("coalesce_exits_total", ("reason", "gone")), 2);
}

#[test]
fn the_host_is_not_even_asked_about_a_stream_that_has_ended() {
    let mut worker = Worker::alone(&within(""));
    let (mut leader, followers) = burst(&mut worker, 3);
    worker.respond(&mut leader, PRIVATE, b"yours");
    // All are about to go on.
    followers.into_iter().for_each(|follower| worker.end(follower));
    worker.host.forget_calls();
    worker.deliver();
    assert_eq!(worker.host.calls("proxy_set_effective_context"), 0, "nor is there a way back to the root");
    assert!(worker.done.is_empty());
}

#[test]
fn a_stream_that_the_host_does_not_know_any_more_stops_nobody() {
    let mut worker = Worker::alone(&within(""));
    let (mut leader, followers) = burst(&mut worker, 3);
    worker.host.end_context(followers[0].context);
    worker.respond(&mut leader, OK, b"soup");
    worker.deliver();
    assert_eq!(worker.touched(), [followers[1].context, followers[2].context]);
}

#[test]
fn a_follower_whose_vary_differs_goes_on_by_itself() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(&with(GET, &[("user-agent", "de")]));
    let same = worker.follow(&with(GET, &[("user-agent", "de")]));
    let other = worker.follow(&with(GET, &[("user-agent", "fr")]));
    worker.respond(&mut leader, &with(OK, &[("vary", "user-agent")]), b"Suppe");
    worker.deliver();
    assert_eq!(worker.body_for(&same).as_deref(), Some(&b"Suppe"[..]));
    assert!(worker.went_on(&other));
    assert_eq!(worker.count("coalesce_exits_total", ("reason", "vary")), 1);
}

#[test]
fn an_answer_for_one_lets_the_others_go_a_few_at_a_time() {
    let mut worker = Worker::alone(&within(r#""release_concurrency": 2"#));
    let (mut leader, followers) = burst(&mut worker, 5);
    worker.respond(&mut leader, PRIVATE, b"yours");
    worker.deliver();
    assert_eq!(worker.touched(), [followers[0].context, followers[1].context]);
    for (ended, mut follower) in followers.into_iter().enumerate() {
        assert!(worker.went_on(&follower));
        worker.respond(&mut follower, PRIVATE, b"yours");
        worker.end(follower);
        worker.deliver();
        assert_eq!(worker.done.len(), (ended + 3).min(5), "two at a time");
    }
    assert_eq!(worker.send(GET).flow, Flow::Continue, "the key passes for a while");
    assert_eq!(worker.count("coalesce_exits_total", ("reason", "released")), 5);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "hit_for_pass")), 1);
}

#[test]
fn when_the_leader_leaves_the_oldest_follower_leads() {
    let mut worker = Worker::alone(&within(""));
    let (leader, mut followers) = burst(&mut worker, 3);
    worker.end(leader);
    assert!(worker.done.is_empty());
    worker.deliver();
    assert_eq!(worker.touched(), [followers[0].context]);
    let mut second = followers.remove(0);
    assert!(worker.went_on(&second));
    worker.respond(&mut second, OK, b"soup");
    worker.deliver();
    assert!(followers.iter().all(|follower| worker.body_for(follower).is_some()));
    assert_eq!(worker.count("coalesce_successions_total", ("reason", "gone")), 1);
}

#[test]
fn a_failure_is_the_leaders_alone_and_the_next_one_leads() {
    let mut worker = Worker::alone(&within(""));
    let (mut leader, mut followers) = burst(&mut worker, 2);
    worker.respond(&mut leader, FAILED, b"");
    worker.deliver();
    let mut second = followers.remove(0);
    assert!(worker.went_on(&second) && worker.waits(&followers[0]));
    worker.end(leader);
    worker.respond(&mut second, OK, b"soup");
    worker.deliver();
    assert_eq!(worker.body_for(&followers[0]).as_deref(), Some(&b"soup"[..]));
}

#[test]
fn a_failure_that_is_shared_goes_to_all() {
    let mut worker = Worker::alone(&within(r#""on_error": "share", "share_errors": [503]"#));
    let (mut leader, followers) = burst(&mut worker, 2);
    worker.respond(&mut leader, FAILED, b"closed");
    worker.deliver();
    assert!(followers.iter().all(|follower| worker.body_for(follower).as_deref() == Some(&b"closed"[..])));
}

#[test]
fn an_answer_with_trailers_is_for_one() {
    let mut worker = Worker::alone(&within(""));
    let (mut leader, followers) = burst(&mut worker, 1);
    worker.answer(&mut leader, OK, false);
    worker.body(&mut leader, b"soup", false);
    worker.trailers(&mut leader);
    worker.deliver();
    assert!(worker.went_on(&followers[0]));
    assert_eq!(worker.count("coalesce_not_shared_total", ("reason", "trailers")), 1);
}

#[test]
fn requests_of_another_page_do_not_wait() {
    let mut worker = Worker::alone(&within(""));
    let (mut leader, followers) = burst(&mut worker, 1);
    let mut other = worker.lead(&page("/wine"));
    worker.respond(&mut other, OK, b"red");
    worker.deliver();
    assert!(worker.waits(&followers[0]));
    worker.respond(&mut leader, OK, b"soup");
    worker.deliver();
    assert_eq!(worker.body_for(&followers[0]).as_deref(), Some(&b"soup"[..]));
}
