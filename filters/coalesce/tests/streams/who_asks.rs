//! Users whose requests differ in nothing but in what Envoy knows of them.

use crate::worker::{Coalescing, GET, Head, Request, Worker, within};
use switchyard_coalesce::Flow;
use switchyard_host::Status;

const JWT: &str = "envoy.filters.http.jwt_authn";
const PROPERTY: &str = "proxy_get_property";

/// A request of the user with this token, or without one.
fn of(worker: &mut Worker, user: Option<&str>) -> Request {
    match user {
        Some(user) => worker.host.set_metadata(&[(JWT, &[("sub", user)])]),
        None => worker.host.set_metadata(&[]),
    }
    worker.send(GET)
}

#[test]
fn users_whose_token_was_taken_off_share_with_themselves_alone() {
    let mut worker = Worker::alone(&within(""));
    let users = [Some("alice"), Some("bob"), None];
    let leaders = users.map(|user| of(&mut worker, user));
    assert!(leaders.iter().all(|leader| leader.flow == Flow::Continue));
    for user in users {
        assert_eq!(of(&mut worker, user).flow, Flow::Pause, "{user:?} again");
    }
}

#[test]
fn clients_that_show_another_certificate_are_others() {
    let mut worker = Worker::alone(&within(""));
    for digest in [Some("5fde"), Some("dfcf"), None] {
        worker.host.set_certificate(digest);
        let _leader = worker.lead(GET);
        let _follower = worker.follow(GET);
    }
}

#[test]
fn a_request_of_which_the_host_does_not_say_who_asks_goes_by_itself() {
    let mut worker = Worker::alone(&within(""));
    let _leader = worker.lead(GET);
    worker.host.fail(PROPERTY, Status::InternalFailure);
    let _itself = worker.lead(GET);
    worker.host.recover(PROPERTY);
    let _follower = worker.follow(GET);
    assert_eq!(worker.count("coalesce_leaders_total", ("", "")), 1);
}

#[test]
fn so_does_one_of_which_there_is_more_to_say_than_can_be_compared() {
    let mut worker = Worker::alone(&within(""));
    let long = "x".repeat(64 << 10);
    let flows = [(); 2].map(|()| of(&mut worker, Some(&long)).flow);
    assert_eq!(flows, [Flow::Continue; 2]);
    assert_eq!(worker.count("coalesce_passed_total", ("reason", "identity")), 2);
}

#[test]
fn of_whom_there_is_much_to_say_shares_with_nobody_else() {
    let mut worker = Worker::alone(&within(""));
    let many_groups = |last: &str| "admins,".repeat(2000) + last;
    let flows = ["a", "a", "b"].map(|last| of(&mut worker, Some(&many_groups(last))).flow);
    assert_eq!(flows, [Flow::Continue, Flow::Pause, Flow::Continue]);
}

#[test]
fn where_answers_are_the_same_for_everybody_nobody_is_asked_who_asks() {
    let mut worker =
        Worker::alone(&within(r#""i_know_that_clients_share_answers_across_credentials": true"#));
    worker.host.forget_calls();
    let leader = of(&mut worker, Some("alice"));
    assert_eq!(leader.flow, Flow::Continue);
    assert_eq!(of(&mut worker, Some("bob")).flow, Flow::Pause);
    assert_eq!(worker.host.calls(PROPERTY), 0);
}

#[test]
fn of_a_request_that_goes_by_itself_anyway_nobody_asks() {
    let mut worker = Worker::alone(&within(""));
    let secret: Head<'_> = &[GET, &[("authorization", "me")]].concat();
    worker.host.forget_calls();
    let _itself = worker.lead(secret);
    assert_eq!(worker.host.calls(PROPERTY), 0);
}
