//! Endpoints that the operator has taken out by hand, and traffic that is to fail when nobody is left.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use switchyard_core::contract::CANDIDATES_HEADER;
use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Ledger, Record};
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Clock as _;
use switchyard_host::Flow;
use switchyard_host::fake::{FakeHost, Reply};
use switchyard_router::Root;

/// Endpoints a, b, c, … of which these are out by hand; `rest` is added to the balance.
fn worker(policy: &str, endpoints: usize, by_hand: &[usize], rest: &str) -> (Root, FakeHost) {
    let endpoint = |index: usize| {
        let health = if by_hand.contains(&index) { r#", "health": "ejected""# } else { "" };
        format!(r#"{{"address": "{}"{health}}}"#, address(index))
    };
    let endpoints = (0..endpoints).map(endpoint).collect::<Vec<_>>().join(",");
    let document = format!(
        r#"{{"default_cluster": "web", "routes": [{{"match": {{}}, "upstream": "web"}}], "upstreams": [{{
            "name": "web", "endpoints": [{endpoints}], "outlier": {{}},
            "balance": {{"policy": {policy}{rest}}}}}]}}"#
    );
    let (mut root, host) = (Root::new(1), FakeHost::default());
    host.set_configuration(document.as_bytes());
    assert!(root.configure(&host), "the document must be accepted");
    (root, host)
}

fn address(index: usize) -> String {
    format!("10.0.0.{}:80", index + 1)
}

/// What is named for a request, and whether it goes on.
fn send(root: &Root, host: &FakeHost, user: usize) -> (Vec<String>, Flow) {
    host.receive(&[(":method", "GET"), (":path", "/"), ("x-user", &format!("user-{user}"))]);
    let mut stream = root.stream(10).expect("a configuration");
    let flow = stream.on_request_headers(host, &Head::default(), true);
    let list = host.request_header(CANDIDATES_HEADER).concat();
    (list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(), flow)
}

/// outlier ejects these.
fn eject(root: &mut Root, host: &FakeHost, endpoints: &[usize], health: Health) {
    for index in endpoints {
        let record = Record {
            health,
            since: host.now().expect("time"),
            ..Record::new(EndpointKey::of(&address(*index)))
        };
        let said = Table::ledger("web").change_ledger(host, |ledger: &mut Ledger| (true, ledger.put(record)));
        assert!(said.is_some() && announce(host).is_ok());
    }
    root.tick(host);
}

const POLICIES: [&str; 4] =
    [r#""random""#, r#""peak_ewma""#, r#""least_request""#, r#""maglev", "hash_on": [{"header": "x-user"}]"#];

#[test]
fn who_was_taken_out_by_hand_is_never_named_though_all_others_are_ejected() {
    for policy in POLICIES {
        let (mut root, host) = worker(policy, 4, &[0], "");
        let named = |root: &Root, host: &FakeHost| {
            (0..100).flat_map(|user| send(root, host, user).0).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(named(&root, &host), (1..4).map(address).collect(), "{policy}");
        eject(&mut root, &host, &[1, 2, 3], Health::Ejected);
        assert_eq!(named(&root, &host), (1..4).map(address).collect(), "{policy}: panic");
    }
}

#[test]
fn while_somebody_is_out_the_list_does_not_end_before_envoys_retries_do() {
    let (root, host) = worker(r#""random", "candidates": 2"#, 3, &[], "");
    assert_eq!(send(&root, &host, 0).0.len(), 2, "all are in");
    let (root, host) = worker(r#""random", "candidates": 2"#, 3, &[2], "");
    let (named, _) = send(&root, &host, 0);
    assert_eq!(named.len(), 16);
    assert!(named[0] != named[1] && named[2..].iter().all(|name| *name == named[1]), "{named:?}");
    let (root, host) = worker(r#""random", "candidates": 2"#, 2, &[1], "");
    assert_eq!(send(&root, &host, 0).0, vec![address(0); 16]);
}

#[test]
fn where_nobody_is_left_traffic_fails_if_it_is_to() {
    for policy in POLICIES {
        let (root, host) = worker(policy, 2, &[0, 1], r#", "fail_traffic_on_panic": true"#);
        let (named, flow) = send(&root, &host, 0);
        assert_eq!((named.len(), flow), (0, Flow::Pause), "{policy}");
        let replies = host.take_replies();
        let [Reply::Answered { status: 503, body, .. }] = &replies[..] else { panic!("{replies:?}") };
        assert_eq!(&**body, b"no healthy upstream");
        let (root, host) = worker(policy, 2, &[0, 1], "");
        let (named, flow) = send(&root, &host, 0);
        assert_eq!(
            (named.len(), flow, host.take_replies().len()),
            (0, Flow::Continue, 0),
            "{policy}: Envoy decides"
        );
    }
}

#[test]
fn what_fails_is_counted() {
    let (mut root, host) = worker(POLICIES[0], 2, &[0, 1], r#", "fail_traffic_on_panic": true"#);
    (0..3).for_each(|user| drop(send(&root, &host, user)));
    host.set_now(host.now().expect("time").plus(core::time::Duration::from_secs(1)));
    root.tick(&host);
    assert_eq!(
        host.counter("switchyard.upstream=.=web;.;reason=.=fail_traffic_on_panic;.;fallbacks_total"),
        3
    );
}

#[test]
fn below_the_threshold_traffic_fails_but_for_trials_and_with_none_only_when_nobody_is_left() {
    let fails = r#", "fail_traffic_on_panic": true"#;
    let (mut root, host) = worker(r#""random""#, 4, &[], fails);
    eject(&mut root, &host, &[0, 1], Health::Ejected);
    assert_eq!(send(&root, &host, 0).1, Flow::Continue);
    eject(&mut root, &host, &[2], Health::Ejected);
    assert_eq!(send(&root, &host, 0).1, Flow::Pause, "25 % are left");
    eject(&mut root, &host, &[2], Health::HalfOpen);
    let (named, flow) = send(&root, &host, 0);
    assert_eq!((&*named[0], flow), (&*address(2), Flow::Continue), "or nobody would ever come back sooner");
    assert_eq!(send(&root, &host, 0).1, Flow::Pause, "one at a time");

    let (mut root, host) = worker(r#""random", "healthy_panic_threshold": 0"#, 4, &[], fails);
    eject(&mut root, &host, &[0, 1, 2], Health::Ejected);
    assert_eq!(send(&root, &host, 0).0[0], address(3));
    eject(&mut root, &host, &[3], Health::Ejected);
    assert_eq!(send(&root, &host, 0).1, Flow::Pause);
}
