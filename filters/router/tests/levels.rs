//! Levels of priority and zones as the router sees them: what the ledger and the node's locality make of the candidates.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use switchyard_core::contract::CANDIDATES_HEADER;
use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Ledger, Record};
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Clock as _;
use switchyard_host::fake::FakeHost;
use switchyard_router::Root;

/// Endpoints with these fields beside their address; `rest` is added to the balance.
fn worker(endpoints: &[&str], rest: &str) -> (Root, FakeHost) {
    let endpoint =
        |(index, fields): (usize, &&str)| format!(r#"{{"address": "{}", {fields}}}"#, address(index));
    let endpoints = endpoints.iter().enumerate().map(endpoint).collect::<Vec<_>>().join(",");
    let document = format!(
        r#"{{"default_cluster": "web", "routes": [{{"match": {{}}, "upstream": "web"}}], "upstreams": [{{
            "name": "web", "endpoints": [{endpoints}], "outlier": {{}},
            "balance": {{"policy": "round_robin", "candidates": 8{rest}}}}}]}}"#
    );
    let (mut root, host) = (Root::new(1), FakeHost::default());
    host.set_configuration(document.as_bytes());
    assert!(root.configure(&host), "the document must be accepted");
    (root, host)
}

fn address(index: usize) -> String {
    format!("10.0.0.{}:80", index + 1)
}

/// The endpoints that are named for a request.
fn send(root: &Root, host: &FakeHost) -> Vec<usize> {
    host.receive(&[(":method", "GET"), (":path", "/")]);
    let mut stream = root.stream(10).expect("a configuration");
    stream.on_request_headers(host, &Head::default(), true);
    let list = host.request_header(CANDIDATES_HEADER).concat();
    list.split(',').filter_map(|name| (0..20).find(|index| address(*index) == name)).collect()
}

fn eject(root: &mut Root, host: &FakeHost, endpoint: usize) {
    let now = host.now().expect("time");
    let record =
        Record { health: Health::Ejected, since: now, ..Record::new(EndpointKey::of(&address(endpoint))) };
    let said = Table::ledger("web").change_ledger(host, |ledger: &mut Ledger| (true, ledger.put(record)));
    assert!(said.is_some() && announce(host).is_ok());
    root.tick(host);
}

fn firsts(root: &Root, host: &FakeHost) -> [usize; 2] {
    let mut counts = [0; 2];
    (0..1000).for_each(|_| counts[usize::from(send(root, host)[0] >= 4)] += 1);
    counts
}

#[test]
fn traffic_moves_to_the_next_level_as_endpoints_of_the_first_are_ejected() {
    let (first, second) = (r#""priority": 0"#, r#""priority": 1"#);
    let (mut root, host) = worker(&[first, first, first, first, second, second, second, second], "");
    assert_eq!(send(&root, &host).len(), 8, "for retries all of them");
    assert_eq!(firsts(&root, &host), [1000, 0]);
    for (endpoint, expected) in [(0, 100), (1, 70), (2, 35), (3, 0)] {
        eject(&mut root, &host, endpoint);
        let [here, _] = firsts(&root, &host);
        assert!((here as i64 - 10 * expected).abs() <= 60, "{here} of 1000, {expected} % expected");
    }
    root.tick(&host);
    assert_eq!(host.counter("switchyard.upstream=.=web;.;panics_total"), 0, "four of eight serve all of it");
}

#[test]
fn the_zone_of_the_node_is_preferred_and_read_once() {
    let zones = [r#""zone": "a""#, r#""zone": "b""#].repeat(3);
    let (root, host) = worker(&zones, r#", "zone_aware": {}"#);
    host.set_property("xds.node.locality.zone", b"b");
    for _ in 0..20 {
        let named = send(&root, &host);
        assert!(named[..3].iter().all(|index| index % 2 == 1), "{named:?}");
        assert!(named[3..].iter().all(|index| index % 2 == 0) && named.len() == 6, "{named:?}");
        // Of a proxy that has moved nobody has heard.
        host.set_property("xds.node.locality.zone", b"a");
    }
    let (root, host) = worker(&zones, "");
    host.set_property("xds.node.locality.zone", b"b");
    let firsts: Vec<usize> = (0..6).map(|_| send(&root, &host)[0] % 2).collect();
    assert_eq!(firsts.iter().sum::<usize>(), 3, "nobody asked for it");
}
