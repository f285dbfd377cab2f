//! Endpoints of a watched cluster that the document does not have: nobody judges them, and that is said.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use worker::{A, Worker, take_log};

const STRANGER: &str = "10.9.9.9:80";
const COUNTED: &str = "switchyard.upstream=.=web;.;reason=.=not_in_document;.;unjudged_total";

#[test]
fn attempts_at_an_endpoint_that_the_document_lacks_are_counted_and_said_once() {
    take_log();
    let mut worker = Worker::alone("{}");
    worker.host.set_property("xds.cluster_name", b"web");
    (0..3).for_each(|_| worker.attempt(STRANGER, "500"));
    worker.rest(1_000);
    assert_eq!(worker.host.counter(COUNTED), 3);
    worker.attempt(STRANGER, "500");
    worker.rest(1_000);
    assert_eq!(worker.host.counter(COUNTED), 4);
    let said = take_log().into_iter().filter(|line| line.contains(STRANGER)).count();
    assert_eq!(said, 1);
}

#[test]
fn it_costs_two_host_calls_the_first_time_and_then_one() {
    let worker = Worker::alone("{}");
    worker.host.set_property("xds.cluster_name", b"web");
    worker.attempt(A, "200");
    let price = |address: &str| {
        worker.host.forget_calls();
        drop(worker.begin(address));
        worker.host.all_calls()
    };
    assert_eq!((price(STRANGER), price(STRANGER), price(A)), (2, 1, 1));
}

#[test]
fn an_endpoint_of_a_cluster_that_nobody_watches_is_no_stranger() {
    let mut worker = Worker::alone("{}");
    worker.host.set_property("xds.cluster_name", b"elsewhere");
    worker.attempt(STRANGER, "500");
    assert!(worker.host.tick_period().is_zero(), "nothing to tell");
    worker.rest(1_000);
    assert_eq!(worker.host.counter(COUNTED), 0);
}
