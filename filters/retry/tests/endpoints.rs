//! Where attempts go: by what router.wasm named, what outlier.wasm says, and whose upstream it is.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Record};
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_retry::Flow;
use worker::seen::sent;
use worker::{A, B, C, CANDIDATES, D, GET, Head, OK, UNAVAILABLE, Worker, document_with, filter, process};

fn watched(outlier: &str) -> Worker {
    Worker::of(&process(), &document_with(&format!(r#""outlier": {outlier}"#), &filter("")))
}

/// What outlier says about an endpoint of `web`.
fn set(worker: &Worker, address: &str, change: impl Fn(&mut Record)) {
    let changed = Table::ledger("web").change_ledger(&worker.host, |ledger| {
        let mut record = Record::new(EndpointKey::of(address));
        change(&mut record);
        ledger.put(record);
        (true, ())
    });
    assert!(changed.is_some());
    announce(&worker.host).expect("an announcement");
}

fn eject(worker: &Worker, address: &str) {
    set(worker, address, |record| record.health = Health::Ejected);
}

/// Where the second attempt of a request goes.
fn second(worker: &mut Worker, head: Head<'_>) -> (String, String) {
    let mut request = worker.send(head);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    let call = worker.next_call();
    worker.end(request);
    (call.request.cluster.clone(), sent(&call, CANDIDATES).concat())
}

fn address_of(worker: &mut Worker, head: Head<'_>) -> String {
    second(worker, head).1
}

#[test]
fn the_next_candidate_of_the_router_is_the_next_endpoint() {
    let mut worker = Worker::filter("");
    for (list, expected) in [("10.0.0.1:80,10.0.0.3:80", C), ("10.0.0.1:80", B), ("", B), ("10.9.9.9:80", B)]
    {
        let head = [GET[0], GET[1], GET[2], (CANDIDATES, list)];
        assert_eq!(address_of(&mut worker, &head), expected, "{list:?}");
    }
}

#[test]
fn an_ejected_endpoint_is_left_out_as_soon_as_that_is_announced() {
    let mut worker = watched("{}");
    assert_eq!(address_of(&mut worker, &GET), B);
    eject(&worker, B);
    assert_eq!(address_of(&mut worker, &GET), C);
    set(&worker, B, |_| {});
    assert_eq!(address_of(&mut worker, &GET), B, "and back");
}

#[test]
fn an_endpoint_that_is_tried_out_is_left_to_the_requests_that_try_it() {
    let mut worker = watched("{}");
    set(&worker, B, |record| record.health = Health::HalfOpen);
    assert_eq!(address_of(&mut worker, &GET), C);
}

#[test]
fn what_was_ejected_before_is_left_out_from_the_start() {
    let store = process();
    let document = document_with(r#""outlier": {}"#, &filter(""));
    eject(&Worker::of(&store, &document), B);
    assert_eq!(address_of(&mut Worker::of(&store, &document), &GET), C);
}

#[test]
fn an_ejection_in_shadow_mode_is_none() {
    let mut worker = watched("{}");
    set(&worker, B, |record| {
        record.health = Health::Ejected;
        record.shadow = true;
    });
    assert_eq!(address_of(&mut worker, &GET), B);
    let mut worker = watched(r#"{"mode": "shadow"}"#);
    eject(&worker, B);
    assert_eq!(address_of(&mut worker, &GET), B);
}

#[test]
fn where_all_are_out_health_is_ignored() {
    let mut worker = watched("{}");
    [A, B, C].into_iter().for_each(|address| eject(&worker, address));
    assert_eq!(address_of(&mut worker, &GET), B);
}

/// `web`, of which these are out by hand.
fn by_hand(addresses: &[&str], more: &str) -> Worker {
    let mut document = document_with(&format!(r#""outlier": {{}}{more}"#), &filter(""));
    for address in addresses {
        let healthy = format!(r#"{{"address": "{address}"}}"#);
        document = document.replace(&healthy, &format!(r#"{{"address": "{address}", "health": "ejected"}}"#));
    }
    Worker::of(&process(), &document)
}

#[test]
fn one_that_was_taken_out_by_hand_is_tried_by_nobody_though_all_are_out() {
    let mut worker = by_hand(&[B], "");
    assert_eq!(address_of(&mut worker, &GET), C);
    [A, C].into_iter().for_each(|address| eject(&worker, address));
    assert_eq!(address_of(&mut worker, &GET), C, "health is ignored, the operator's word is not");
    let mut worker = by_hand(&[B, C], "");
    assert_eq!(address_of(&mut worker, &GET), A, "the same again");
}

#[test]
fn where_nobody_may_be_tried_the_failure_stands() {
    let fails = r#", "balance": {"policy": "random", "fail_traffic_on_panic": true}"#;
    for mut worker in [by_hand(&[A, B, C], ""), by_hand(&[A, B], fails)] {
        eject(&worker, C);
        let mut request = worker.send(&GET);
        worker.fail(&mut request);
        worker.pass(200);
        assert!(worker.host.take_called().is_empty());
        worker.end(request);
    }
}

#[test]
fn the_tables_are_read_only_when_there_is_news() {
    let mut worker = watched("{}");
    eject(&worker, C);
    let mut request = worker.send(&GET);
    worker.fail(&mut request);
    let _call = worker.next_call();
    worker.pass(45);
    worker.host.forget_calls();
    worker.pass(5);
    assert_eq!(worker.host.calls("proxy_get_shared_data"), 1, "is there news?");
    let mut unwatched = Worker::filter("");
    let mut request = unwatched.send(&GET);
    unwatched.fail(&mut request);
    unwatched.pass(45);
    unwatched.host.forget_calls();
    unwatched.pass(5);
    assert_eq!(unwatched.host.calls("proxy_get_shared_data"), 0, "nobody would say any");
}

/// Half of the requests go to `web`, half to `spare`.
fn split(more: &str) -> Worker {
    let both = r#""split": [{"upstream": "web", "weight": 1}, {"upstream": "spare", "weight": 1}]"#;
    let document = document_with("", &filter("")).replace(r#""upstream": "web""#, both);
    Worker::of(&process(), &document.replacen('{', &format!("{{{more}"), 1))
}

#[test]
fn a_request_of_a_split_goes_again_to_the_upstream_that_the_router_chose() {
    let cluster = "x-switchyard-cluster";
    let mut worker = split("");
    for (name, list, expected) in [
        ("web", A, ("web", B)),
        ("spare", D, ("spare", D)),
        ("spare", "", ("spare", D)),
        // A list that the router has, and this filter not yet.
        ("spare", "10.9.9.9:80", ("spare", D)),
        ("elsewhere", "", ("web", A)),
    ] {
        let head = [GET[0], GET[1], GET[2], (cluster, name), (CANDIDATES, list)];
        let (went, address) = second(&mut worker, &head);
        assert_eq!(went, expected.0, "{name} {list}");
        if !list.is_empty() {
            assert_eq!(address, expected.1);
        }
    }
    let head = [GET[0], GET[1], GET[2], (CANDIDATES, D)];
    assert_eq!(second(&mut worker, &head).0, "spare", "it alone has the endpoint");
}

#[test]
fn a_split_that_says_nothing_of_retries_goes_by_what_the_chosen_upstream_says() {
    let both = r#""split": [{"upstream": "web", "weight": 1}, {"upstream": "spare", "weight": 1}]"#;
    let document = document_with("", "{}").replace(r#""upstream": "web""#, both);
    let mut document: serde_json::Value = serde_json::from_str(&document).expect("a document");
    for route in document["routes"].as_array_mut().expect("routes") {
        route.as_object_mut().expect("a route").remove("retry");
    }
    let retry: serde_json::Value = serde_json::from_str(&filter("")).expect("a section");
    for upstream in document["upstreams"].as_array_mut().expect("upstreams") {
        if upstream["name"] == "spare" {
            upstream["retry"] = retry.clone();
        }
    }
    let mut worker = Worker::of(&process(), &document.to_string());
    let to = |name| [GET[0], GET[1], GET[2], ("x-switchyard-cluster", name)];
    assert_eq!(second(&mut worker, &to("spare")).0, "spare");
    let mut request = worker.send(&to("web"));
    assert_eq!(worker.fail(&mut request), Flow::Continue, "this one says nothing of retries");
}

#[test]
fn a_request_without_a_cluster_header_is_the_default_clusters() {
    let mut worker = split(r#""default_cluster": "spare","#);
    assert_eq!(second(&mut worker, &GET[..3]).0, "spare");
}

#[test]
fn substitutes_go_to_the_endpoints_of_the_other_upstream_in_turn() {
    let more = r#"{"address": "10.0.0.4:80"}, {"address": "10.0.0.5:80"}, {"address": "10.0.0.6:80", "health": "ejected"}"#;
    let document = document_with("", &filter(r#""num_retries": 0, "fallback": {"upstream": "spare"}"#))
        .replace(r#"{"address": "10.0.0.4:80"}"#, more);
    let mut worker = Worker::of(&process(), &document);
    let went: Vec<String> = (0..4).map(|_| address_of(&mut worker, &GET)).collect();
    let mut seen = went.clone();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["10.0.0.4:80", "10.0.0.5:80"], "{went:?}");
}

#[test]
fn routes_are_told_apart_by_their_conditions() {
    let document = document_with("", &filter("")).replace(
        r#""routes": ["#,
        r#""routes": [{"name": "raw", "match": {"methods": ["GET"], "path_prefix": "/raw"}, "upstream": "web"},"#,
    );
    let mut worker = Worker::of(&process(), &document);
    let mut head = GET;
    head[1] = (":path", "/raw/1");
    let mut request = worker.send(&head);
    assert_eq!(worker.fail(&mut request), Flow::Continue, "it has no retries");
    assert_eq!(address_of(&mut worker, &GET), B);
}

#[test]
fn tunnels_are_not_tried_again() {
    let upgrade = [&GET[..], &[("upgrade", "websocket")]].concat();
    let connect = [(":method", "CONNECT"), (":authority", "shop")];
    for head in [&upgrade[..], &connect[..]] {
        let mut worker = Worker::filter(r#""non_idempotent": true"#);
        let mut request = worker.send(head);
        assert_eq!(worker.answer(&mut request, UNAVAILABLE, true), Flow::Continue);
        worker.pass(100);
        assert!(worker.is_quiet());
    }
    let mut worker = Worker::filter("");
    let mut request = worker.send(&GET);
    assert_eq!(worker.answer(&mut request, OK, true), Flow::Continue);
}

#[test]
fn where_envoy_tries_again_nobody_asks_who_is_ejected() {
    let mut worker = Worker::of(&process(), &document_with(r#""outlier": {}"#, "{}"));
    eject(&worker, B);
    worker.succeed();
    worker.pass(50);
    worker.host.forget_calls();
    worker.pass(50);
    assert_eq!(worker.host.calls("proxy_get_shared_data"), 0);
}
