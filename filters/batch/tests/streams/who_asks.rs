//! Users whose requests differ in nothing but in what Envoy knows of them.

use crate::worker::{Batching, Request, Worker, items};
use switchyard_batch::Flow;
use switchyard_host::Status;

const JWT: &str = "envoy.filters.http.jwt_authn";
const PROPERTY: &str = "proxy_get_property";

/// A look-up by the user with this token, or without one.
fn of(worker: &mut Worker, user: Option<&str>, id: u32) -> Request {
    match user {
        Some(user) => worker.host.set_metadata(&[(JWT, &[("sub", user)])]),
        None => worker.host.set_metadata(&[]),
    }
    worker.begin(&crate::worker::get(&format!("/items?ids={id}")), true)
}

#[test]
fn users_whose_token_was_taken_off_share_calls_with_themselves_alone() {
    let mut worker = Worker::alone(&items(""));
    let users = [Some("alice"), Some("bob"), None];
    let mut first: Vec<_> = users.iter().map(|user| of(&mut worker, *user, 1)).collect();
    assert!(first.iter().all(|request| request.flow == Flow::Continue));
    for user in users {
        for id in [2, 3] {
            assert_eq!(of(&mut worker, user, id).flow, Flow::Pause, "{user:?} again");
        }
    }
    worker.returns(first.remove(0));
    worker.deliver();
    assert_eq!(worker.call().request.headers[3].1, "/items?ids=2,3", "alice's alone");
}

#[test]
fn clients_that_show_another_certificate_are_others() {
    let mut worker = Worker::alone(&items(""));
    for digest in [Some("5fde"), Some("dfcf"), None] {
        worker.host.set_certificate(digest);
        let _first = worker.goes("/items?ids=1");
        let _waits = worker.joins("/items?ids=2");
    }
}

#[test]
fn a_request_of_which_the_host_does_not_say_who_asks_goes_by_itself() {
    let mut worker = Worker::alone(&items(""));
    let _first = worker.goes("/items?ids=1");
    worker.host.fail(PROPERTY, Status::InternalFailure);
    let _itself = worker.goes("/items?ids=2");
    worker.host.recover(PROPERTY);
    let _waits = worker.joins("/items?ids=3");
}

#[test]
fn where_batches_may_mix_principals_nobody_is_asked_who_asks() {
    let mut worker = Worker::alone(&items(r#""i_know_that_batches_mix_principals": true"#));
    worker.host.forget_calls();
    assert_eq!(of(&mut worker, Some("alice"), 1).flow, Flow::Continue);
    assert_eq!(of(&mut worker, Some("bob"), 2).flow, Flow::Pause);
    assert_eq!(worker.host.calls(PROPERTY), 0);
}
