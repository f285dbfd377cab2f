//! What the router does with outlier's word: who gets no requests, and who gets some to try it with.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use core::time::Duration;
use std::collections::BTreeMap;
use switchyard_core::Timestamp;
use switchyard_core::contract::{CANDIDATES_HEADER, CLIENT_LIMIT_PROPERTY, STREAM_PROPERTY};
use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Ledger, Record};
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Status;
use switchyard_host::fake::{FakeHost, SharedStore};
use switchyard_router::{Root, Stream};

const A: &str = "10.0.0.1:80";
const START: u64 = 1_700_000_000_000;
const RANDOM: &str = r#"{"policy": "random", "candidates": 3}"#;
const RING: &str = r#"{"policy": "ring_hash", "hash_on": [{"header": "x-user"}], "candidates": 2}"#;
const MAGLEV: &str = r#"{"policy": "maglev", "hash_on": [{"header": "x-user"}], "candidates": 2}"#;

/// An upstream `web` of four endpoints; `first` is added to the first of them.
fn document(balance: &str, outlier: &str, first: &str) -> String {
    format!(
        r#"{{
            "default_cluster": "web", "routes": [{{"match": {{}}, "upstream": "web"}}], "upstreams": [{{
                "name": "web", "balance": {balance}, "outlier": {outlier},
                "endpoints": [{{"address": "{A}"{first}}}, {{"address": "10.0.0.2:80"}},
                              {{"address": "10.0.0.3:80"}}, {{"address": "10.0.0.4:80"}}]
            }}]
        }}"#
    )
}

/// The endpoints of a list in which they may come again.
fn distinct(list: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in list.split(',') {
        if !names.iter().any(|one| one == name) {
            names.push(name.to_owned());
        }
    }
    names
}

struct Worker {
    root: Root,
    host: FakeHost,
    now: u64,
}

impl Worker {
    fn of(store: &SharedStore, document: &str) -> Self {
        let host = FakeHost::with_shared(store);
        host.set_configuration(document.as_bytes());
        host.set_now(Timestamp::from_millis(START));
        let mut root = Root::new(1);
        assert!(root.configure(&host), "the document must be accepted");
        Self { root, host, now: START }
    }

    fn alone(balance: &str, outlier: &str) -> Self {
        Self::of(&SharedStore::default(), &document(balance, outlier, ""))
    }

    fn tick(&mut self) {
        self.now += 20;
        self.host.set_now(Timestamp::from_millis(self.now));
        self.root.tick(&self.host);
    }

    /// A request of `user`, and the candidates that it got.
    fn send(&self, user: &str) -> (Stream, Vec<String>) {
        self.host.receive(&[(":method", "GET"), (":path", "/"), ("x-user", user)]);
        let mut stream = self.root.stream(10).expect("a configuration");
        stream.on_request_headers(&self.host, &Head::default(), true);
        (stream, distinct(&self.host.request_header(CANDIDATES_HEADER).concat()))
    }

    /// How many of `requests`, all under way at once, go to A, be it as a second choice.
    fn at_a(&self, requests: usize) -> usize {
        let sent: Vec<_> = (0..requests).map(|user| self.send(&format!("user-{user}"))).collect();
        sent.iter().filter(|(_, candidates)| candidates.iter().any(|one| one == A)).count()
    }

    /// Writes what outlier would about A, and announces it.
    fn say(&self, health: Health, shadow: bool) {
        let since = Timestamp::from_millis(self.now);
        let record = Record { health, shadow, since, ..Record::new(EndpointKey::of(A)) };
        let said = Table::ledger("web").change_ledger(&self.host, |ledger| (true, ledger.put(record)));
        assert!(said.is_some() && announce(&self.host).is_ok());
    }

    fn trials(&self) -> u8 {
        let ledger = Ledger::decode(&Table::ledger("web").read(&self.host));
        ledger.get(EndpointKey::of(A)).map_or(0, |record| record.trials)
    }
}

#[test]
fn an_ejected_endpoint_leaves_within_one_tick_and_a_readmitted_one_returns_so() {
    let mut worker = Worker::alone(RANDOM, "{}");
    assert!(worker.host.tick_period() <= Duration::from_millis(20));
    assert!(worker.at_a(50) > 0);
    worker.say(Health::Ejected, false);
    worker.tick();
    assert_eq!(worker.at_a(200), 0);
    worker.say(Health::Healthy, false);
    worker.tick();
    assert!(worker.at_a(50) > 0);
}

#[test]
fn a_worker_at_rest_never_ticks_and_its_first_request_knows_what_was_said_meanwhile() {
    let mut worker = Worker::alone(RANDOM, "{}");
    assert_eq!(worker.host.tick_period(), Duration::ZERO, "no request has come");
    worker.send("x");
    assert_eq!(worker.host.tick_period(), Duration::from_millis(20));
    let mut ticks = 0;
    while !worker.host.tick_period().is_zero() && ticks < 1_000 {
        worker.tick();
        ticks += 1;
    }
    assert_eq!(ticks, 51, "for a second after the tick that the request was seen by");
    worker.say(Health::Ejected, false);
    assert_eq!(worker.at_a(200), 0, "without a tick in between");
    assert_eq!(worker.host.tick_period(), Duration::from_millis(20));
}

#[test]
fn a_worker_that_starts_follows_at_once() {
    let store = SharedStore::default();
    let document = document(RANDOM, "{}", "");
    Worker::of(&store, &document).say(Health::Ejected, false);
    assert_eq!(Worker::of(&store, &document).at_a(200), 0);
}

#[test]
fn the_operators_own_word_stands_above_outliers() {
    let store = SharedStore::default();
    let mut worker = Worker::of(&store, &document(RANDOM, "{}", r#", "health": "ejected""#));
    for health in [Health::Healthy, Health::HalfOpen, Health::Ejected, Health::Healthy] {
        worker.say(health, false);
        worker.tick();
        assert_eq!(worker.at_a(200), 0, "{health:?}");
    }
}

#[test]
fn shadow_is_not_followed() {
    let mut worker = Worker::alone(RANDOM, "{}");
    worker.say(Health::Ejected, true);
    worker.tick();
    assert!(worker.at_a(50) > 0, "a record of shadow mode");

    let mut worker = Worker::alone(RANDOM, r#"{"mode": "shadow"}"#);
    worker.say(Health::Ejected, false);
    worker.tick();
    assert!(worker.at_a(50) > 0, "an upstream in shadow mode");
    worker.host.forget_calls();
    worker.tick();
    assert_eq!(worker.host.calls("proxy_get_shared_data"), 0, "nobody asks");
}

#[test]
fn exactly_so_many_requests_try_at_a_time_over_all_workers_as_are_allowed() {
    let store = SharedStore::default();
    let document = document(RANDOM, r#"{"readmission": {"concurrency": 3}}"#, "");
    let mut workers = [Worker::of(&store, &document), Worker::of(&store, &document)];
    workers[0].say(Health::HalfOpen, false);
    workers.iter_mut().for_each(Worker::tick);
    let mut trying = Vec::new();
    for request in 0..20 {
        let worker = request % 2;
        let (stream, candidates) = workers[worker].send("x");
        if candidates[0] == A {
            trying.push((worker, stream));
        } else {
            assert!(!candidates.iter().any(|one| one == A), "nobody else gets it, not even for a retry");
        }
    }
    assert_eq!((trying.len(), workers[0].trials()), (3, 3));
    assert!(trying.iter().any(|(worker, _)| *worker == 0) && trying.iter().any(|(worker, _)| *worker == 1));

    // One ends, and one more may, in whichever worker.
    let (worker, mut stream) = trying.remove(0);
    stream.on_done(&workers[worker].host);
    stream.on_done(&workers[worker].host);
    assert_eq!(workers[0].trials(), 2, "given back, and once");
    workers.iter_mut().for_each(Worker::tick);
    let again: Vec<_> = (0..10).map(|request| workers[request % 2].send("x")).collect();
    assert_eq!(again.iter().filter(|(_, candidates)| candidates[0] == A).count(), 1);
    assert_eq!(workers[0].trials(), 3);
}

#[test]
fn all_trials_are_given_back_at_the_end() {
    let mut worker = Worker::alone(RANDOM, r#"{"readmission": {"concurrency": 5}}"#);
    worker.say(Health::HalfOpen, false);
    worker.tick();
    let mut streams: Vec<_> = (0..10).map(|_| worker.send("x").0).collect();
    assert_eq!(worker.trials(), 5);
    streams.iter_mut().for_each(|stream| stream.on_done(&worker.host));
    assert_eq!(worker.trials(), 0);
}

#[test]
fn the_tried_endpoint_stands_first_and_the_others_follow_for_retries() {
    for balance in [
        RANDOM,
        r#"{"policy": "least_request", "candidates": 3}"#,
        r#"{"policy": "peak_ewma", "candidates": 3}"#,
    ] {
        let mut worker = Worker::alone(balance, "{}");
        worker.say(Health::HalfOpen, false);
        worker.tick();
        let (mut stream, candidates) = worker.send("x");
        assert_eq!((candidates[0].as_str(), candidates.len()), (A, 3), "{balance}");
        assert!(candidates[1..].iter().all(|one| one != A) && candidates[1] != candidates[2], "{balance}");
        let (_, candidates) = worker.send("x");
        assert!(candidates.iter().all(|one| one != A), "{balance}: one at a time");
        stream.on_done(&worker.host);
    }
}

#[test]
fn hash_policies_try_an_endpoint_with_its_own_keys_only_and_no_other_key_moves() {
    for balance in [RING, MAGLEV] {
        let mut worker = Worker::alone(balance, r#"{"readmission": {"concurrency": 100}}"#);
        let users: Vec<String> = (0..80).map(|user| format!("user-{user}")).collect();
        let firsts = |worker: &Worker| -> BTreeMap<String, String> {
            let first = |user: &String| {
                let (mut stream, candidates) = worker.send(user);
                stream.on_done(&worker.host);
                (user.clone(), candidates[0].clone())
            };
            users.iter().map(first).collect()
        };
        let before = firsts(&worker);
        assert!(before.values().any(|first| first == A), "{balance}");
        worker.say(Health::HalfOpen, false);
        worker.tick();
        assert_eq!(firsts(&worker), before, "{balance}: its own keys try it, and all others stay");
    }
}

#[test]
fn a_key_of_the_tried_endpoint_that_may_not_try_goes_where_it_went_while_that_was_out() {
    let mut worker = Worker::alone(RING, "{}");
    let user = (0..80).map(|user| format!("user-{user}")).find(|user| worker.send(user).1[0] == A);
    let user = user.expect("a key of A's");
    let other = worker.send(&user).1[1].clone();
    worker.say(Health::Ejected, false);
    worker.tick();
    assert_eq!(worker.send(&user).1[0], other);
    worker.say(Health::HalfOpen, false);
    worker.tick();
    let (mut tries, candidates) = worker.send(&user);
    assert_eq!(candidates, [A, other.as_str()]);
    assert_eq!(worker.send(&user).1[0], other, "one at a time");
    tries.on_done(&worker.host);
}

#[test]
fn a_tick_without_news_costs_two_host_calls() {
    let mut worker = Worker::alone(RING, "{}");
    worker.send("x");
    worker.tick();
    worker.host.forget_calls();
    worker.tick();
    assert_eq!(worker.host.all_calls(), 2, "the time, news");
}

#[test]
fn who_was_refused_a_trial_does_not_ask_again_before_the_next_tick() {
    let mut worker = Worker::alone(RANDOM, "{}");
    worker.say(Health::HalfOpen, false);
    worker.tick();
    let tries = worker.send("x");
    worker.send("x");
    worker.host.forget_calls();
    (0..20).for_each(|_| drop(worker.send("x")));
    assert_eq!(worker.host.calls("proxy_get_shared_data"), 0);
    drop(tries);
}

#[test]
fn a_host_whose_calls_fail_stops_nothing() {
    for call in [
        "proxy_get_shared_data",
        "proxy_set_shared_data",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_header_map_pairs",
        "proxy_replace_header_map_value",
        "proxy_get_property",
        "proxy_define_metric",
        "proxy_increment_metric",
        "proxy_http_call",
    ] {
        let mut worker = Worker::alone(RANDOM, r#"{"heartbeat": {"path": "/", "watch": "all"}}"#);
        worker.say(Health::HalfOpen, false);
        worker.tick();
        worker.host.fail(call, Status::InternalFailure);
        let (mut stream, candidates) = worker.send("x");
        let steered = !matches!(call, "proxy_get_header_map_pairs" | "proxy_replace_header_map_value");
        assert_eq!(!candidates[0].is_empty(), steered, "{call}");
        worker.tick();
        stream.on_done(&worker.host);
        worker.tick();
    }
}

#[test]
fn in_steady_state_ejection_costs_a_request_nothing_and_a_tick_two_host_calls() {
    let steady = |outlier: &str| {
        let mut worker = Worker::alone(RING, outlier);
        let (mut stream, candidates) = worker.send("x");
        worker.host.set_property("upstream.address", candidates[0].as_bytes());
        stream.on_done(&worker.host);
        worker.tick();
        worker.host.forget_calls();
        let (mut stream, _) = worker.send("x");
        stream.on_response_headers(&worker.host, false);
        stream.on_done(&worker.host);
        let request = worker.host.all_calls();
        worker.host.forget_calls();
        worker.tick();
        (request, worker.host.all_calls())
    };
    assert_eq!(steady("{}"), (2, 2));
}

#[test]
fn an_ejected_endpoint_costs_requests_nothing() {
    let mut worker = Worker::alone(RING, "{}");
    worker.say(Health::Ejected, false);
    worker.tick();
    let (mut stream, candidates) = worker.send("x");
    worker.host.set_property("upstream.address", candidates[0].as_bytes());
    stream.on_done(&worker.host);
    worker.host.forget_calls();
    let (mut stream, _) = worker.send("x");
    stream.on_done(&worker.host);
    assert_eq!(worker.host.all_calls(), 2);
}

#[test]
fn where_nobody_judges_it_says_once_that_no_endpoint_is_ejected() {
    let mut worker = Worker::alone(RANDOM, "{}");
    let gauge = |worker: &Worker| {
        worker.host.counter("switchyard.filter=.=router;.;upstream=.=web;.;ejection_disconnected")
    };
    for _ in 0..50 {
        worker.tick();
    }
    assert_eq!(gauge(&worker), 0, "no request was sent there");
    for _ in 0..50 {
        worker.send("x");
        worker.tick();
    }
    assert_eq!(gauge(&worker), 1);
    assert!(Table::ledger("web").create(&worker.host).is_ok());
    for _ in 0..20 {
        worker.send("x");
        worker.tick();
    }
    assert_eq!(gauge(&worker), 0);
    worker.host.forget_calls();
    for _ in 0..50 {
        worker.tick();
    }
    assert_eq!(worker.host.calls("proxy_record_metric"), 0, "it is not looked for again");
}

/// What outlier is told of a request with these headers beyond the usual ones.
fn told(outlier: &str, headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let route = r#"{"match": {}, "upstream": "web", "retry": {"deadline_header": "x-left-ms"}}"#;
    let document = document(RANDOM, outlier, "").replace(r#"{"match": {}, "upstream": "web"}"#, route);
    let worker = Worker::of(&SharedStore::default(), &document);
    worker.host.receive(&[&[(":method", "GET"), (":path", "/")], headers].concat());
    let mut stream = worker.root.stream(10).expect("a configuration");
    stream.on_request_headers(&worker.host, &Head::default(), true);
    let text =
        |(_, name, value): (u32, String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
    worker.host.take_marks().into_iter().map(text).collect()
}

#[test]
fn outlier_is_told_whose_time_limit_it_is_and_who_asks_for_a_stream() {
    let limit = |millis: &str| vec![(CLIENT_LIMIT_PROPERTY.to_owned(), millis.to_owned())];
    for outlier in ["{}", r#"{"mode": "shadow"}"#] {
        assert_eq!(told(outlier, &[("x-user", "a")]), [], "nothing of most requests");
        assert_eq!(told(outlier, &[("grpc-timeout", "200m")]), limit("200"));
        assert_eq!(told(outlier, &[("x-left-ms", "30"), ("grpc-timeout", "1S")]), limit("30"));
        let stream = vec![(STREAM_PROPERTY.to_owned(), "1".to_owned())];
        assert_eq!(told(outlier, &[("accept", "text/event-stream")]), stream);
    }
}

/// batch.wasm writes what is left of a request's time for who is behind it, and says itself what of that is the client's.
#[test]
fn what_batch_has_said_of_a_clients_limit_stands() {
    let worker = Worker::of(&SharedStore::default(), &document(RANDOM, "{}", ""));
    worker.host.set_property(CLIENT_LIMIT_PROPERTY, b"none");
    let head = [(":method", "GET"), (":path", "/"), ("x-envoy-upstream-rq-timeout-ms", "900")];
    worker.host.receive(&head);
    worker.root.stream(10).expect("a configuration").on_request_headers(&worker.host, &Head::default(), true);
    assert!(worker.host.take_marks().is_empty());
    // Without that header batch has said nothing, and is not asked.
    let asked = worker.host.calls("proxy_get_property");
    worker.host.receive(&[head[0], head[1], ("grpc-timeout", "200m")]);
    worker.root.stream(11).expect("a configuration").on_request_headers(&worker.host, &Head::default(), true);
    assert_eq!(worker.host.calls("proxy_get_property"), asked);
}

#[test]
fn where_nobody_judges_nobody_is_told() {
    let document = document(RANDOM, "{}", "").replace(r#""outlier": {},"#, "");
    let worker = Worker::of(&SharedStore::default(), &document);
    worker.host.receive(&[(":method", "GET"), (":path", "/"), ("grpc-timeout", "200m")]);
    worker.root.stream(10).expect("a configuration").on_request_headers(&worker.host, &Head::default(), true);
    assert!(worker.host.take_marks().is_empty());
}
