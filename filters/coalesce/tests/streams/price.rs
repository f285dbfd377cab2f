//! What a request costs that nobody follows, in host calls.

use crate::worker::{Coalescing, GET, Head, OK, Worker, page, within};
use switchyard_coalesce::Flow;

/// The host calls of one request: on its way in, and from its answer to its end.
fn price_of(worker: &mut Worker, head: Head<'_>, answer: Head<'_>) -> (u64, u64) {
    worker.host.forget_calls();
    let mut request = worker.lead(head);
    let way_in = worker.host.all_calls();
    worker.answer(&mut request, answer, false);
    worker.body(&mut request, b"soup ", false);
    worker.body(&mut request, b"of the day", true);
    worker.end(request);
    (way_in, worker.host.all_calls() - way_in)
}

/// The same after others, as nearly all are: the first one of a worker takes a queue, begins the ticks, and names its
/// metrics.
fn price(section: &str, head: Head<'_>, answer: Head<'_>) -> (u64, u64) {
    let mut worker = Worker::alone(section);
    price_of(&mut worker, &page("/first"), answer);
    price_of(&mut worker, head, answer);
    let other: Vec<_> = head.iter().map(|(name, value)| (*name, value.replace("/menu", "/other"))).collect();
    let other: Vec<_> = other.iter().map(|(name, value)| (*name, value.as_str())).collect();
    price_of(&mut worker, &other, answer)
}

#[test]
fn within_a_worker_a_request_costs_four_host_calls_and_its_answer_none() {
    assert_eq!(price(&within(""), GET, OK), (4, 0), "head, metadata, certificate, time");
}

#[test]
fn across_workers_it_costs_three_more() {
    assert_eq!(price("{}", GET, OK), (6, 1));
}

#[test]
fn a_request_of_a_page_asked_for_before_costs_the_same() {
    let mut worker = Worker::alone("{}");
    price_of(&mut worker, GET, OK);
    assert_eq!(price_of(&mut worker, GET, OK), (6, 1));
}

#[test]
fn an_answer_that_is_held_costs_what_reading_it_costs() {
    // Its head, its two pieces, and the time at its head and at its end.
    assert_eq!(price(&within(r#""hold": "1s""#), GET, OK), (4, 5));
}

#[test]
fn a_request_that_passes_costs_its_head_alone() {
    let secret: Head<'_> = &[GET, &[("authorization", "me")]].concat();
    assert_eq!(price("{}", secret, OK), (1, 0));
    let put: Head<'_> = &[&[(":method", "PUT")], &GET[1..]].concat();
    assert_eq!(price("{}", put, OK), (1, 0));
}

#[test]
fn where_it_does_not_matter_who_asks_nobody_is_asked() {
    let section = within(r#""i_know_that_clients_share_answers_across_credentials": true"#);
    assert_eq!(price(&section, GET, OK), (2, 0));
}

#[test]
fn in_shadow_it_costs_no_more_than_within_a_worker() {
    assert_eq!(price(r#"{"mode": "shadow"}"#, GET, OK), (4, 0));
}

#[test]
fn without_a_route_that_coalesces_a_request_costs_nothing() {
    let mut worker = Worker::unconfigured(&Default::default());
    worker.host.set_configuration(b"");
    assert!(worker.root.configure(&worker.host));
    assert_eq!(price_of(&mut worker, GET, OK), (0, 0));
}

#[test]
fn a_follower_costs_four_calls_to_hold_and_two_to_answer() {
    let mut worker = Worker::alone(&within(""));
    let mut leader = worker.lead(GET);
    let first = worker.follow(GET);
    worker.host.forget_calls();
    let second = worker.send(GET);
    assert_eq!((second.flow, worker.host.all_calls()), (Flow::Pause, 4));
    worker.answer(&mut leader, OK, false);
    worker.body(&mut leader, b"soup", true);
    worker.host.forget_calls();
    worker.deliver();
    let replies =
        worker.host.calls("proxy_set_effective_context") + worker.host.calls("proxy_send_local_response");
    assert_eq!(replies, 2 * 2 + 1, "and once the root's own name");
    assert!(!worker.waits(&first) && !worker.waits(&second));
}
