//! The router filter on a recording host: what it does to a request, and what that costs in host calls.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::contract::{CANDIDATES_HEADER, CLUSTER_HEADER, EXPLAIN_HEADER};
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Clock as _;
use switchyard_host::Status;
use switchyard_host::fake::FakeHost;
use switchyard_router::{Root, Stream};

const RING: &str = r#"{
    "default_cluster": "checkout",
    "upstreams": [{
        "name": "checkout",
        "endpoints": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}, {"address": "10.0.0.3:80"}],
        "balance": {"policy": "ring_hash", "hash_on": [{"header": "x-user"}], "candidates": 2}
    }],
    "routes": [{"name": "api", "match": {"path_prefix": "/api"}, "upstream": "checkout"}]
}"#;

const LEAST_REQUEST: &str = r#"{
    "upstreams": [{
        "name": "checkout",
        "endpoints": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}],
        "balance": {"policy": "least_request"}
    }],
    "routes": [{"match": {}, "upstream": "checkout"}]
}"#;

fn configured(document: &str) -> (Root, FakeHost) {
    let (mut root, host) = (Root::new(1), FakeHost::default());
    host.set_configuration(document.as_bytes());
    assert!(root.configure(&host), "the document must be accepted");
    (root, host)
}

/// Sends a request through a new stream, up to where Envoy's router would take it.
fn send(root: &Root, host: &FakeHost, headers: &[(&str, &str)]) -> Stream {
    host.receive(headers);
    let mut stream = root.stream(10).expect("a configuration");
    stream.on_request_headers(host, &Head::default(), true);
    stream
}

fn get<'a>(path: &'a str, user: &'a str) -> [(&'a str, &'a str); 3] {
    [(":method", "GET"), (":path", path), ("x-user", user)]
}

fn candidates(host: &FakeHost) -> Vec<String> {
    let values = host.request_header(CANDIDATES_HEADER);
    assert!(values.len() <= 1, "never more than one header: {values:?}");
    values.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect()
}

/// Time goes on, so that the next tick writes what was counted.
fn pass(host: &FakeHost) {
    let later = host.now().unwrap_or_default().plus(core::time::Duration::from_secs(1));
    host.set_now(later);
}

#[test]
fn a_key_gets_the_same_ordered_candidates_every_time() {
    let (root, host) = configured(RING);
    send(&root, &host, &get("/api", "alice"));
    let first = candidates(&host);
    assert_eq!(first.len(), 2);
    assert_ne!(first[0], first[1]);
    send(&root, &host, &get("/api/other?q=1", "alice"));
    assert_eq!(candidates(&host), first);
}

#[test]
fn a_client_cannot_steer() {
    let (root, host) = configured(RING);
    for path in ["/api", "/elsewhere"] {
        let mut headers = get(path, "alice").to_vec();
        headers.extend([
            (CANDIDATES_HEADER, "6.6.6.6:666"),
            (CANDIDATES_HEADER, "6.6.6.6:667"),
            (CLUSTER_HEADER, "admin"),
        ]);
        send(&root, &host, &headers);
        assert!(!candidates(&host).iter().any(|address| address.starts_with("6.6.6.6")), "{path}");
        assert_eq!(host.request_header(CLUSTER_HEADER), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn the_steady_state_costs_two_host_calls_and_three_with_a_cluster() {
    let (root, host) = configured(RING);
    let mut stream = send(&root, &host, &get("/api", "alice"));
    host.set_property("upstream.address", candidates(&host)[0].as_bytes());
    stream.on_done(&host);
    host.forget_calls();
    let mut stream = send(&root, &host, &get("/api", "alice"));
    stream.on_response_headers(&host, false);
    stream.on_done(&host);
    assert_eq!(host.all_calls(), 2, "header map, candidates");

    let (root, host) = configured(&RING.replace(r#""default_cluster": "checkout","#, ""));
    let mut stream = send(&root, &host, &get("/api", "alice"));
    host.set_property("upstream.address", candidates(&host)[0].as_bytes());
    stream.on_done(&host);
    host.forget_calls();
    let mut stream = send(&root, &host, &get("/api", "alice"));
    stream.on_response_headers(&host, false);
    stream.on_done(&host);
    assert_eq!(host.all_calls(), 3, "header map, cluster, candidates");
    assert_eq!(host.request_header(CLUSTER_HEADER), ["checkout"]);
}

#[test]
fn no_route_and_no_upstream_of_its_cluster_leave_the_request_alone_for_two_host_calls() {
    let (root, host) = configured(RING);
    send(&root, &host, &get("/elsewhere", "alice"));
    host.forget_calls();
    let mut stream = send(&root, &host, &get("/elsewhere", "alice"));
    stream.on_response_headers(&host, false);
    stream.on_done(&host);
    assert_eq!(host.all_calls(), 2, "header map, cluster");
    assert!(candidates(&host).is_empty());
}

#[test]
fn shadow_decides_and_counts_but_changes_nothing() {
    let (mut root, host) = configured(&RING.replacen('{', r#"{"mode": "shadow", "explain": true,"#, 1));
    let mut stream = send(&root, &host, &get("/api", "alice"));
    stream.on_response_headers(&host, false);
    assert!(candidates(&host).is_empty());
    let explanation = host.response_header(EXPLAIN_HEADER).concat();
    assert!(
        explanation.starts_with("route=api; upstream=checkout; policy=ring_hash; hash="),
        "{explanation}"
    );
    assert!(explanation.ends_with("; shadow"), "{explanation}");
    pass(&host);
    root.tick(&host);
    let decisions = "switchyard.route=.=api;.;upstream=.=checkout;.;policy=.=ring_hash;.;decisions_total";
    assert_eq!(host.counter(decisions), 1);
}

#[test]
fn without_a_key_the_named_policy_chooses_and_it_is_counted() {
    let (mut root, host) = configured(RING);
    send(&root, &host, &[(":method", "GET"), (":path", "/api")]);
    assert_eq!(candidates(&host).len(), 2);
    pass(&host);
    root.tick(&host);
    assert_eq!(host.counter("switchyard.upstream=.=checkout;.;reason=.=no_hash;.;fallbacks_total"), 1);
    let decisions = "switchyard.route=.=api;.;upstream=.=checkout;.;policy=.=random;.;decisions_total";
    assert_eq!(host.counter(decisions), 1);
}

const ELSEWHERE: &str = "switchyard.upstream=.=checkout;.;reason=.=not_in_cluster;.;fallbacks_total";

/// A request of alice's that went to `address` with so many attempts.
fn went(root: &Root, host: &FakeHost, address: &str, attempts: u64) {
    let mut stream = send(root, host, &get("/api", "alice"));
    host.set_property("upstream.address", address.as_bytes());
    host.set_property("upstream.request_attempt_count", &attempts.to_le_bytes());
    stream.on_done(host);
}

fn counted(root: &mut Root, host: &FakeHost, counter: &str) -> i64 {
    pass(host);
    root.tick(host);
    i64::try_from(host.counter(counter)).expect("small")
}

#[test]
fn a_first_attempt_that_went_to_the_second_candidate_says_that_the_cluster_lacks_the_first() {
    let (mut root, host) = configured(RING);
    send(&root, &host, &get("/api", "alice"));
    let named = candidates(&host);
    (0..3).for_each(|_| went(&root, &host, &named[1], 1));
    assert_eq!(counted(&mut root, &host, ELSEWHERE), 3);
    went(&root, &host, &named[1], 2);
    assert_eq!(counted(&mut root, &host, ELSEWHERE), 3, "a retry goes there");
    went(&root, &host, "10.9.9.9:80", 2);
    assert_eq!(counted(&mut root, &host, ELSEWHERE), 4, "nobody named that one");
    went(&root, &host, "10.9.9.9:80", 3);
    assert_eq!(counted(&mut root, &host, ELSEWHERE), 4, "behind the end of the list the cluster chooses");
    went(&root, &host, &named[0], 1);
    host.forget_calls();
    went(&root, &host, &named[0], 1);
    assert_eq!(host.calls("proxy_get_property"), 0, "verified: nobody looks any more");
}

#[test]
fn a_request_that_went_elsewhere_is_counted_until_the_cluster_has_the_endpoint() {
    let (mut root, host) = configured(RING);
    for _ in 0..3 {
        let mut stream = send(&root, &host, &get("/api", "alice"));
        host.set_property("upstream.address", b"10.9.9.9:80");
        stream.on_done(&host);
    }
    pass(&host);
    root.tick(&host);
    assert_eq!(host.counter(ELSEWHERE), 3);

    let mut stream = send(&root, &host, &get("/api", "alice"));
    host.set_property("upstream.address", candidates(&host)[0].as_bytes());
    stream.on_done(&host);
    host.forget_calls();
    let mut stream = send(&root, &host, &get("/api", "alice"));
    stream.on_done(&host);
    assert_eq!(host.calls("proxy_get_property"), 0, "verified: nobody looks any more");
    host.set_now(Timestamp::default().plus(Duration::from_secs(11)));
    pass(&host);
    root.tick(&host);
    let mut stream = send(&root, &host, &get("/api", "alice"));
    stream.on_done(&host);
    assert_eq!(host.calls("proxy_get_property"), 1, "verified again after a while");
}

#[test]
fn in_flight_is_taken_back_once_however_the_stream_ends() {
    let (root, host) = configured(LEAST_REQUEST);
    // Eight streams in flight share evenly; when all have ended, by on_done or by being dropped, the next
    // eight do so again. A count taken back twice or not at all would tilt the second round.
    for _ in 0..4 {
        let mut seen = std::collections::BTreeMap::<String, usize>::new();
        let streams: Vec<Stream> = (0..8)
            .map(|_| {
                let stream = send(&root, &host, &get("/", "x"));
                *seen.entry(candidates(&host)[0].clone()).or_default() += 1;
                stream
            })
            .collect();
        assert!(seen.values().all(|count| (2..=6).contains(count)), "{seen:?}");
        for (position, mut stream) in streams.into_iter().enumerate() {
            if position % 2 == 0 {
                stream.on_done(&host);
            }
        }
    }
}

#[test]
fn a_later_attempt_that_has_left_out_a_candidate_counts_too() {
    let (mut root, host) = configured(&RING.replace(r#""candidates": 2"#, r#""candidates": 3"#));
    send(&root, &host, &get("/api", "alice"));
    let named = candidates(&host);
    went(&root, &host, &named[2], 2);
    assert_eq!(counted(&mut root, &host, ELSEWHERE), 1, "of the first two one is missing");
    went(&root, &host, &named[2], 3);
    // The winner of a hedge may be any of those that were asked.
    went(&root, &host, &named[1], 3);
    assert_eq!(counted(&mut root, &host, ELSEWHERE), 1);
}

#[test]
fn what_is_in_flight_counts_on_under_the_next_configuration_and_is_given_back_there() {
    let (mut root, host) = configured(LEAST_REQUEST);
    // Whatever the policy before: it may not have looked at them.
    host.set_configuration(LEAST_REQUEST.replace("least_request", "round_robin").as_bytes());
    assert!(root.configure(&host));
    let mut open: Vec<(String, Stream)> = (0..8).map(|_| sent(&root, &host)).collect();
    open.retain(|(first, _)| first == "10.0.0.1:80");
    assert_eq!(open.len(), 4);
    // The new configuration is a root of its own beside the old one, in the same VM.
    let mut next = Root::new(2);
    host.set_configuration(LEAST_REQUEST.replace(r#""policy""#, r#""candidates": 1, "policy""#).as_bytes());
    assert!(next.configure(&host));
    let firsts = || (0..40).map(|_| sent(&next, &host).0).filter(|first| first == "10.0.0.1:80").count();
    // The busy one wins only if both draws fall on it: one in four.
    let busy = firsts();
    assert!((1..=19).contains(&busy), "{busy} of 40");
    // Three in four go to the other one; of ten times four by chance never fewer than half.
    let four = || (0..4).map(|_| sent(&next, &host)).collect::<Vec<_>>();
    let others = |all: &[(String, Stream)]| all.iter().filter(|(first, _)| first == "10.0.0.2:80").count();
    let others: usize = (0..10).map(|_| others(&four())).sum();
    assert!(others >= 20, "{others} of 40");
    drop(open);
    drop(root);
    let even = firsts();
    assert!((10..=30).contains(&even), "all are given back: {even} of 40");
}

/// A request that is under way, and where it went.
fn sent(root: &Root, host: &FakeHost) -> (String, Stream) {
    let stream = send(root, host, &get("/", "x"));
    (candidates(host)[0].clone(), stream)
}

#[test]
fn a_cookie_is_given_to_a_client_that_has_none_and_then_sticks() {
    let (root, host) = configured(
        &RING.replace(r#"{"header": "x-user"}"#, r#"{"cookie": {"name": "sid", "ttl": "1h", "path": "/"}}"#),
    );
    let mut stream = send(&root, &host, &[(":method", "GET"), (":path", "/api")]);
    let chosen = candidates(&host);
    stream.on_response_headers(&host, false);
    let cookie = host.response_header("set-cookie").concat();
    let (pair, attributes) = cookie.split_once(';').expect("attributes");
    assert!(attributes.contains("Max-Age=3600") && attributes.contains("Path=/"), "{cookie}");
    let pair = pair.replace('"', "");
    let mut stream = send(&root, &host, &[(":method", "GET"), (":path", "/api"), ("cookie", &pair)]);
    assert_eq!(candidates(&host), chosen);
    stream.on_response_headers(&host, false);
    assert!(host.response_header("set-cookie").is_empty(), "it has one already");
}

#[test]
fn the_source_address_is_hashed_without_its_port() {
    let (root, host) = configured(&RING.replace(r#"{"header": "x-user"}"#, r#"{"source_ip": true}"#));
    let from = |address: &str| {
        host.set_property("source.address", address.as_bytes());
        send(&root, &host, &get("/api", "x"));
        candidates(&host)
    };
    assert_eq!(from("192.0.2.7:40000"), from("192.0.2.7:40001"));
}

#[test]
fn a_host_that_answers_unexpectedly_stops_nothing() {
    let (root, host) = configured(RING);
    for call in ["proxy_get_header_map_pairs", "proxy_replace_header_map_value", "proxy_get_property"] {
        host.fail(call, Status::BadArgument);
        let mut stream = send(&root, &host, &get("/api", "alice"));
        stream.on_response_headers(&host, false);
        stream.on_done(&host);
    }
}

#[test]
fn a_refused_configuration_leaves_the_old_one_and_is_counted() {
    let (mut root, host) = configured(RING);
    host.set_configuration(br#"{"upstreams": [{"name": "x"}]}"#);
    assert!(!root.configure(&host));
    assert_eq!(host.counter("switchyard.filter=.=router;.;result=.=rejected;.;configurations_total"), 1);
    send(&root, &host, &get("/api", "alice"));
    assert_eq!(candidates(&host).len(), 2, "the old plan still decides");
}

#[test]
fn an_empty_configuration_does_nothing_at_all() {
    let (root, host) = configured("");
    assert_eq!(host.tick_period(), Duration::ZERO);
    send(&root, &host, &get("/api", "alice"));
    assert!(candidates(&host).is_empty());
}

/// What the router's own module has said of its request, as JSON.
fn said(host: &FakeHost) -> Vec<String> {
    let marks = host.take_marks();
    assert!(marks.iter().all(|(context, name, _)| *context == 0 && name == "switchyard_router"), "{marks:?}");
    marks.into_iter().map(|(_, _, value)| String::from_utf8(value).expect("text")).collect()
}

#[test]
fn where_a_request_goes_is_said_once_and_only_where_that_is_asked_for() {
    let (root, host) = configured(RING);
    send(&root, &host, &get("/api", "alice"));
    assert_eq!(said(&host), Vec::<String>::new());
    let asks = RING.replacen('{', r#"{"log_decisions": true, "#, 1);
    let (root, host) = configured(&asks);
    let mut stream = send(&root, &host, &get("/api", "alice"));
    let named = candidates(&host);
    let [text] = &said(&host)[..] else { panic!("once") };
    let expected = format!(r#""candidates":["{}","{}"]}}"#, named[0], named[1]);
    assert!(
        text.starts_with(r#"{"v":1,"route":"api","upstream":"checkout","policy":"ring_hash","hash":""#),
        "{text}"
    );
    assert!(text.ends_with(&expected), "{text}");
    stream.on_response_headers(&host, false);
    stream.on_done(&host);
    assert_eq!(said(&host), Vec::<String>::new(), "nothing was added");
    send(&root, &host, &get("/elsewhere", "alice"));
    assert_eq!(said(&host), Vec::<String>::new(), "nothing was decided");
}

#[test]
fn it_costs_one_host_call() {
    let price = |document: &str| {
        let (root, host) = configured(document);
        let mut stream = send(&root, &host, &get("/api", "alice"));
        host.set_property("upstream.address", candidates(&host)[0].as_bytes());
        stream.on_done(&host);
        host.forget_calls();
        let mut stream = send(&root, &host, &get("/api", "alice"));
        stream.on_response_headers(&host, false);
        stream.on_done(&host);
        host.all_calls()
    };
    assert_eq!((price(RING), price(&RING.replacen('{', r#"{"log_decisions": true, "#, 1))), (2, 3));
}

#[test]
fn who_is_out_of_rotation_is_said_to_be_passed_over() {
    let document = RING
        .replacen('{', r#"{"log_decisions": true, "#, 1)
        .replace(r#"{"address": "10.0.0.2:80"}"#, r#"{"address": "10.0.0.2:80", "health": "ejected"}"#);
    let (root, host) = configured(&document);
    send(&root, &host, &get("/api", "alice"));
    let [text] = &said(&host)[..] else { panic!("once") };
    assert!(text.contains(r#""passed_over":["10.0.0.2:80"],"passed_over_count":1"#), "{text}");
}
