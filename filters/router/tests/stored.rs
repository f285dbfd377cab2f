//! Documents that live in a store, in the router's workers: one asks, all take what it took, and what is refused changes nothing.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker::Worker;
use switchyard_frame::Stream as _;
use switchyard_host::fake::SharedStore;

const CONFIGURATION: &str =
    r#"{"document": {"http": {"cluster": "config", "path": "/switchyard.json", "interval": "1s"}}}"#;

fn naming(address: &str) -> Vec<u8> {
    format!(
        r#"{{"upstreams": [{{"name": "web", "endpoints": [{{"address": "{address}"}}], "balance": {{"policy": "least_request"}}}}],
            "routes": [{{"match": {{}}, "upstream": "web"}}]}}"#
    )
    .into_bytes()
}

impl Worker {
    /// The next ask is answered so.
    fn answer_next(&mut self, status: &str, body: &[u8]) {
        let call = (0..500).find_map(|_| self.pass(20).pop()).expect("it is asked again and again");
        self.answer(&call, status, body);
    }

    fn counted(&self, metric: &str) -> u64 {
        self.vm.registry.flush(&self.host);
        self.host.counter(metric)
    }
}

#[test]
fn one_worker_asks_once_it_serves_and_all_take_what_it_took() {
    let [mut one, mut two, mut idle] = Worker::several(CONFIGURATION);
    assert!(one.pass(5_000).is_empty() && two.pass(5_000).is_empty(), "either may be the main thread");
    assert_eq!((one.serve(), two.serve()), (String::new(), String::new()), "as Envoy's own routes say");
    let (calls, others) = (one.pass(1_000), two.pass(1_000));
    assert_eq!((calls.len(), others.len()), (1, 0));
    assert_eq!(calls[0].request.cluster, "config");
    one.answer(&calls[0], "200", &naming("10.0.0.1:80"));
    assert_eq!(one.serve(), "10.0.0.1:80", "at once");
    two.pass(250);
    idle.pass(1_000);
    assert_eq!((two.serve(), idle.serve()), ("10.0.0.1:80".to_owned(), "10.0.0.1:80".to_owned()));

    one.answer_next("200", &naming("10.0.0.2:80"));
    two.pass(250);
    assert_eq!((one.serve(), two.serve()), ("10.0.0.2:80".to_owned(), "10.0.0.2:80".to_owned()));
    let accepted = "switchyard.filter=.=router;.;result=.=accepted;.;configurations_total";
    idle.pass(1_000);
    let counts = [&one, &two, &idle].map(|worker| worker.counted(accepted));
    assert_eq!(counts[2], 9, "of three workers, each of the configuration and of two documents");
    assert_eq!(one.counted("switchyard.filter=.=router;.;document_version"), 2);
}

#[test]
fn what_is_refused_or_fails_changes_nothing_and_is_counted() {
    let [mut one] = Worker::several(CONFIGURATION);
    one.serve();
    one.answer_next("200", &naming("10.0.0.1:80"));
    let error =
        |reason: &str| format!("switchyard.filter=.=router;.;reason=.={reason};.;document_errors_total");
    let bad: [(&str, &[u8], &str); 6] = [
        ("200", br#"{"upstreams": 5}"#, "invalid"),
        ("200", b"", "invalid"),
        ("200", CONFIGURATION.as_bytes(), "invalid"),
        ("200", b"<html>", "invalid"),
        ("500", b"", "status"),
        ("", b"", "unreachable"),
    ];
    for (status, body, reason) in bad {
        let before = one.counted(&error(reason));
        one.answer_next(status, body);
        assert!(one.counted(&error(reason)) > before, "{reason}");
        assert_eq!(one.serve(), "10.0.0.1:80", "{status} {body:?}");
    }
    one.answer_next("200", &naming("10.0.0.3:80"));
    assert_eq!(one.serve(), "10.0.0.3:80");
}

#[test]
fn the_last_one_survives_the_worker_that_asked_and_another_configuration() {
    let store = SharedStore::default();
    let (mut one, mut two) = (Worker::of(&store, 0, CONFIGURATION), Worker::of(&store, 1, CONFIGURATION));
    one.serve();
    two.serve();
    one.answer_next("200", &naming("10.0.0.1:80"));
    drop(one);
    // Nobody has asked the new ones, and they have it.
    let late = Worker::of(&store, 2, CONFIGURATION);
    assert_eq!(late.serve(), "10.0.0.1:80");
    two.answer_next("200", &naming("10.0.0.1:80"));
    assert_eq!(two.serve(), "10.0.0.1:80");
    let changes = two.counted("switchyard.filter=.=router;.;document_changes_total");
    assert_eq!(changes, 1, "the same text is no other document");
    two.answer_next("200", &naming("10.0.0.2:80"));
    assert_eq!(two.serve(), "10.0.0.2:80");
}

#[test]
fn a_request_ends_under_the_document_that_it_began_under() {
    let [mut one] = Worker::several(CONFIGURATION);
    one.serve();
    one.answer_next("200", &naming("10.0.0.1:80"));
    let (named, mut old) = one.begin();
    assert_eq!(named, "10.0.0.1:80");
    one.answer_next("200", &naming("10.0.0.2:80"));
    one.answer_next("200", &naming("10.0.0.3:80"));
    one.pass(1_000);
    let (named, mut new) = one.begin();
    assert_eq!(named, "10.0.0.3:80");
    old.on_response_headers(&one.host, true);
    old.on_done(&one.host);
    drop(old);
    new.on_done(&one.host);
    one.answer_next("200", &naming("10.0.0.3:80"));
    assert_eq!(one.serve(), "10.0.0.3:80");
}

/// A document whose upstream of this name has its endpoints from a registry, and outlier judges them.
fn listing(upstream: &str) -> Vec<u8> {
    format!(
        r#"{{"upstreams": [{{"name": "{upstream}", "outlier": {{}}, "endpoints": {{"http": {{"cluster": "registry", "path": "/{upstream}", "interval": "1s"}}}}}}],
            "routes": [{{"match": {{}}, "upstream": "{upstream}"}}]}}"#
    )
    .into_bytes()
}

#[test]
fn outlier_hears_of_the_document_in_force_though_lists_change_under_the_one_before() {
    let [mut one] = Worker::several(CONFIGURATION);
    let answer_all = |one: &mut Worker, document: &[u8], list: &str| {
        for _ in 0..200 {
            for call in one.pass(20) {
                let body = if call.request.cluster == "config" { document } else { list.as_bytes() };
                one.answer(&call, "200", body);
            }
            one.serve();
        }
    };
    let heard = |one: &Worker| one.watched().iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    one.serve();
    answer_all(&mut one, &listing("first"), r#"[{"address": "10.0.0.1:80"}]"#);
    assert_eq!(heard(&one), ["first"]);
    let (_, mut old) = one.begin();
    answer_all(&mut one, &listing("second"), r#"[{"address": "10.0.0.2:80"}]"#);
    assert_eq!(heard(&one), ["second"]);
    answer_all(&mut one, &listing("second"), r#"[{"address": "10.0.0.3:80"}, {"address": "10.0.0.4:80"}]"#);
    assert_eq!(heard(&one), ["second"]);
    old.on_done(&one.host);
}
