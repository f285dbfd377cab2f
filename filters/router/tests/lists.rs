//! Lists of endpoints in the router's workers: one asks, all follow, and what is known of an endpoint survives.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker::{TestVm, Worker};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::memory::Memory;
use switchyard_frame::{Stream as _, Vm};
use switchyard_host::Status;
use switchyard_host::fake::{FakeHost, SharedStore};

fn document(balance: &str) -> String {
    format!(
        r#"{{
            "upstreams": [{{
                "name": "web", "cluster": "web-cluster", "outlier": {{}}, "balance": {balance},
                "endpoints": {{"http": {{"cluster": "registry", "path": "/web", "interval": "5s"}}}}
            }}],
            "routes": [{{"match": {{}}, "upstream": "web"}}]
        }}"#
    )
}

/// A list as the registry answers it.
fn list(addresses: &[&str]) -> Vec<u8> {
    let entries: Vec<_> = addresses.iter().map(|address| format!(r#"{{"address": "{address}"}}"#)).collect();
    format!("[{}]", entries.join(",")).into_bytes()
}

const ROUND_ROBIN: &str = r#"{"policy": "round_robin"}"#;

#[test]
fn nobody_asks_before_a_request_was_served_and_then_one_does() {
    let [mut one, mut two] = Worker::several(&document(ROUND_ROBIN));
    assert!(one.pass(10_000).is_empty() && two.pass(10_000).is_empty(), "either may be the main thread");
    assert_eq!((one.serve(), two.serve()), (String::new(), String::new()), "as Envoy's fallback sends them");
    let (first, second) = (one.pass(1_000), two.pass(1_000));
    assert_eq!((first.len(), second.len()), (1, 0));
    assert_eq!(first[0].request.cluster, "registry");
    let path = first[0].request.headers.iter().find(|(name, _)| name == ":path");
    assert_eq!(path.map(|(_, path)| path.as_str()), Some("/web"));
}

#[test]
fn all_follow_what_one_has_read_and_outlier_hears_of_it() {
    let [mut one, mut two] = Worker::several(&document(ROUND_ROBIN));
    one.serve();
    two.serve();
    let call = one.pass(20).remove(0);
    one.answer(&call, "200", &list(&["10.0.0.1:80", "10.0.0.2:80"]));
    assert_eq!(one.named(10), ["10.0.0.1:80", "10.0.0.2:80"], "at once");
    two.pass(20);
    assert_eq!(two.named(10), ["10.0.0.1:80", "10.0.0.2:80"], "with the next tick");
    let watched = two.watched();
    assert_eq!((watched.len(), watched[0].endpoints.len()), (1, 2));

    let call = one.pass(6_000).remove(0);
    one.answer(&call, "200", &list(&["10.0.0.2:80", "10.0.0.3:80"]));
    two.pass(6_020);
    for worker in [&one, &two] {
        assert_eq!(worker.named(10), ["10.0.0.2:80", "10.0.0.3:80"]);
        let watched = worker.watched();
        assert_eq!(
            watched[0].endpoints.iter().map(|one| &*one.address).collect::<Vec<_>>(),
            ["10.0.0.2:80", "10.0.0.3:80"]
        );
    }
}

#[test]
fn whatever_fails_the_last_list_stays() {
    let [mut one] = Worker::several(&document(ROUND_ROBIN));
    one.serve();
    let call = one.pass(20).remove(0);
    one.answer(&call, "200", &list(&["10.0.0.1:80"]));
    for (status, body) in [
        ("", &b""[..]),
        ("500", b""),
        ("200", b"<html>"),
        ("200", b"[]"),
        ("200", b"[{\"addr"),
        ("403", b"[]"),
    ] {
        let calls = one.pass(70_000);
        let call = calls.first().expect("it asks again");
        one.answer(call, status, body);
        assert_eq!(one.named(3), ["10.0.0.1:80"], "{status} {}", String::from_utf8_lossy(body));
    }
    // A call that cannot be made.
    one.host.fail("proxy_http_call", Status::BadArgument);
    assert!(one.pass(70_000).is_empty());
    assert_eq!(one.named(3), ["10.0.0.1:80"]);
}

#[test]
fn another_asks_when_the_one_that_did_is_gone_and_the_list_stays() {
    let [mut one, mut two] = Worker::several(&document(ROUND_ROBIN));
    one.serve();
    two.serve();
    let call = one.pass(20).remove(0);
    one.answer(&call, "200", &list(&["10.0.0.1:80"]));
    drop(one);
    two.pass(20);
    assert_eq!(two.named(3), ["10.0.0.1:80"]);
    assert!(!two.pass(10_000).is_empty(), "the lease is over after three seconds");
}

#[test]
fn what_one_worker_notices_the_one_that_asks_hears_at_once() {
    let [mut one, mut two] = Worker::several(&document(ROUND_ROBIN));
    one.serve();
    two.serve();
    let call = one.pass(20).remove(0);
    one.answer(&call, "200", &list(&["10.0.0.1:80"]));
    for worker in [&mut one, &mut two] {
        worker.pass(500);
    }
    let sample = |worker: &mut Worker, members: u64| {
        worker.host.set_property("upstream.num_endpoints", &members.to_le_bytes());
        worker.serve();
        worker.pass(300);
    };
    sample(&mut two, 1);
    sample(&mut two, 1);
    let queue = one.host.queue().expect("a queue");
    assert_eq!(one.host.queued(queue), 0);
    sample(&mut two, 2);
    one.host.set_now(Timestamp::from_millis(one.now + 400));
    assert!(one.host.take_called().is_empty());
    one.root.on_queue_ready(&one.host, queue);
    assert_eq!(one.host.take_called().len(), 1, "long before the interval is over");
}

#[test]
fn a_request_that_is_no_sample_costs_no_host_call_more() {
    let [mut one] = Worker::several(&document(ROUND_ROBIN));
    one.serve();
    let call = one.pass(20).remove(0);
    one.answer(&call, "200", &list(&["10.0.0.1:80"]));
    one.host.set_property("upstream.address", b"10.0.0.1:80");
    one.pass(300);
    one.named(3);
    let before = one.host.all_calls();
    one.serve();
    let live = one.host.all_calls() - before;
    let fixed = document(r#"{"policy": "round_robin"}"#).replace(
        r#"{"http": {"cluster": "registry", "path": "/web", "interval": "5s"}}"#,
        r#"[{"address": "10.0.0.1:80"}]"#,
    );
    let other = Worker::in_vm(&Vm::default(), 1, FakeHost::default(), 0, &fixed);
    other.host.set_property("upstream.address", b"10.0.0.1:80");
    other.named(3);
    let before = other.host.all_calls();
    other.serve();
    assert_eq!(live, other.host.all_calls() - before);
}

#[test]
fn requests_in_flight_count_at_their_endpoint_through_a_change() {
    let store = SharedStore::default();
    let mut worker = Worker::of(&store, 0, &document(r#"{"policy": "least_request", "choice_count": 10}"#));
    worker.serve();
    let call = worker.pass(20).remove(0);
    worker.answer(&call, "200", &list(&["10.0.0.1:80", "10.0.0.2:80"]));
    let held: Vec<_> = (0..4).map(|_| worker.begin().1).collect();
    let call = worker.pass(6_000).remove(0);
    worker.answer(&call, "200", &list(&["10.0.0.1:80", "10.0.0.3:80"]));
    assert_eq!(worker.named(20), ["10.0.0.3:80"], "two are under way at the first");
    for mut stream in held {
        stream.on_done(&worker.host);
    }
    assert_eq!(worker.named(20), ["10.0.0.1:80", "10.0.0.3:80"]);
}

/// Two listeners of one worker are two roots of one VM; each has what it asks for, and one asks for what both want.
#[test]
fn listeners_with_different_documents_both_have_their_lists() {
    let (store, vm) = (SharedStore::default(), Vm::default());
    let web = document(r#"{"policy": "round_robin"}"#);
    let api = web.replace("/web", "/api").replace(r#""name": "web""#, r#""name": "api""#);
    let api = api.replace(r#""upstream": "web""#, r#""upstream": "api""#);
    let of =
        |context, document: &str| Worker::in_vm(&vm, context, FakeHost::with_shared(&store), 0, document);
    let (mut one, mut two) = (of(1, &web), of(2, &api));
    for (worker, address) in [(&mut one, "10.0.0.1:80"), (&mut two, "10.0.0.2:80")] {
        worker.serve();
        let call = worker.pass(20).remove(0);
        worker.answer(&call, "200", &list(&[address]));
        assert_eq!(worker.named(3), [address]);
    }
    // A third wants what the first does, and asks in its place; when it ends, the first one does again.
    let mut three = of(3, &web);
    three.serve();
    assert_eq!(three.named(3), ["10.0.0.1:80"]);
    assert!(one.pass(6_000).is_empty());
    assert_eq!(three.pass(6_000).len(), 1);
    three.root.on_done(&three.host);
    one.serve();
    assert_eq!(one.pass(6_000).len(), 1, "with its next request");
}

/// A filter that streams alone hold asks for nothing, and keeps nobody from asking.
#[test]
fn what_a_root_asked_for_under_a_document_before_another_root_asks_for() {
    let (store, vm) = (SharedStore::default(), Vm::default());
    let web = document(ROUND_ROBIN);
    let of =
        |context, document: &str| Worker::in_vm(&vm, context, FakeHost::with_shared(&store), 0, document);
    let (mut one, mut two) = (of(1, &web), of(2, &web));
    let (_, mut held) = two.begin();
    assert!(one.pass(1_000).is_empty() && two.pass(1_000).len() == 1, "the last one has the role");
    two.host.set_configuration(br#"{"upstreams": [], "routes": []}"#);
    assert!(two.root.configure(&two.host));
    assert!(two.pass(10_000).is_empty());
    one.serve();
    assert!(!one.pass(10_000).is_empty());
    held.on_done(&two.host);
}

#[test]
fn an_answer_that_there_is_no_room_for_is_not_taken_in() {
    let vm: TestVm = Vm::with_memory(Memory::bounded(10, 10));
    let web = document(r#"{"policy": "round_robin"}"#);
    let mut worker = Worker::in_vm(&vm, 1, FakeHost::default(), 0, &web);
    worker.serve();
    let call = worker.pass(20).remove(0);
    worker.answer(&call, "200", &list(&["10.0.0.1:80"]));
    assert_eq!(worker.host.calls("proxy_get_buffer_bytes"), 1, "the configuration alone");
    assert_eq!(worker.named(1), [""]);
}

#[test]
fn the_ticks_of_a_worker_at_rest_are_those_of_asking() {
    let [mut one, mut two] = Worker::several(&document(ROUND_ROBIN));
    one.serve();
    two.serve();
    let call = one.pass(20).remove(0);
    one.answer(&call, "200", &list(&["10.0.0.1:80"]));
    one.pass(3_000);
    two.pass(3_000);
    for worker in [&one, &two] {
        assert!(worker.host.tick_period() >= Duration::from_millis(500), "{:?}", worker.host.tick_period());
    }
}
