//! What teaches `peak_ewma`: the time from the end of a request to the head of its answer.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use core::time::Duration;
use switchyard_core::contract::CANDIDATES_HEADER;
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Clock as _;
use switchyard_host::fake::FakeHost;
use switchyard_router::{Root, Stream};

const A: &str = "10.0.0.1:80";
const B: &str = "10.0.0.2:80";

struct Worker {
    root: Root,
    host: FakeHost,
}

impl Worker {
    fn new(balance: &str) -> Self {
        let document = format!(
            r#"{{"default_cluster": "web", "routes": [{{"match": {{}}, "upstream": "web"}}], "upstreams": [{{
                "name": "web", "endpoints": [{{"address": "{A}"}}, {{"address": "{B}"}}], "balance": {balance}}}]}}"#
        );
        let (mut root, host) = (Root::new(1), FakeHost::default());
        host.set_configuration(document.as_bytes());
        assert!(root.configure(&host), "the document must be accepted");
        host.set_property("upstream.request_attempt_count", &1_u64.to_le_bytes());
        Self { root, host }
    }

    fn peak_ewma() -> Self {
        Self::new(r#"{"policy": "peak_ewma"}"#)
    }

    fn pass(&self, millis: u64) {
        self.host.set_now(self.host.now().expect("time").plus(Duration::from_millis(millis)));
    }

    /// A request whose head, and no more unless it has `ended`, has come; and where it goes.
    fn begin(&self, ended: bool) -> (Stream, String) {
        self.host.receive(&[(":method", "POST"), (":path", "/")]);
        let mut stream = self.root.stream(10).expect("a configuration");
        stream.on_request_headers(&self.host, &Head::default(), ended);
        let first = self.host.request_header(CANDIDATES_HEADER).concat().split(',').next().map(str::to_owned);
        let first = first.unwrap_or_default();
        self.host.set_property("upstream.address", first.as_bytes());
        (stream, first)
    }

    /// The head of its answer comes.
    fn answer(&self, stream: &mut Stream, status: &str, more: &[(&str, &str)]) {
        let headers: Vec<_> = [(":status", status)].iter().chain(more).copied().collect();
        self.host.answer(&headers);
        stream.on_response_headers(&self.host, false);
    }

    /// Both endpoints answer in 10 ms.
    fn both_are_known(&self) {
        let mut known = Vec::new();
        while !known.contains(&A.to_owned()) || !known.contains(&B.to_owned()) {
            let (mut stream, first) = self.begin(true);
            self.pass(10);
            self.answer(&mut stream, "200", &[]);
            stream.on_done(&self.host);
            known.push(first);
        }
    }

    /// How many of 200 requests would go to A; none is sent on.
    fn to_a(&self) -> usize {
        (0..200).filter(|_| self.begin(true).1 == A).count()
    }

    /// Where the next request to A is, so that it can be answered in whichever way.
    fn begin_at_a(&self, ended: bool) -> Stream {
        loop {
            let (stream, first) = self.begin(ended);
            if first == A {
                return stream;
            }
        }
    }
}

#[test]
fn an_endpoint_that_was_slow_to_begin_is_left_alone() {
    let worker = Worker::peak_ewma();
    worker.both_are_known();
    assert!((60..=140).contains(&worker.to_a()));
    let mut slow = worker.begin_at_a(true);
    worker.pass(1_000);
    worker.answer(&mut slow, "200", &[]);
    assert!(worker.to_a() < 10, "fifty times as slow");
}

#[test]
fn neither_a_long_answer_nor_a_slow_upload_nor_an_open_request_is_the_endpoints_slowness() {
    let worker = Worker::peak_ewma();
    worker.both_are_known();
    // A download of six seconds, still under way.
    let mut download = worker.begin_at_a(true);
    worker.pass(10);
    worker.answer(&mut download, "200", &[]);
    worker.pass(600);
    // An upload of six seconds that is answered at once.
    let mut upload = worker.begin_at_a(false);
    worker.pass(600);
    upload.on_request_body(&worker.host, 10, false);
    worker.pass(600);
    upload.on_request_body(&worker.host, 20, true);
    worker.pass(10);
    worker.answer(&mut upload, "200", &[]);
    // A websocket, whose request never ends.
    let mut websocket = worker.begin_at_a(false);
    worker.pass(600);
    worker.answer(&mut websocket, "101", &[("upgrade", "websocket")]);
    worker.both_are_known();
    let to_a = worker.to_a();
    assert!((60..=140).contains(&to_a), "{to_a} of 200");
    drop((download, upload, websocket));
}

#[test]
fn a_retry_says_nothing_and_a_failure_makes_nobody_fast() {
    let worker = Worker::peak_ewma();
    worker.both_are_known();
    let tries = |attempts: u64, status: &str, more: &[(&str, &str)], millis: u64| {
        worker.host.set_property("upstream.request_attempt_count", &attempts.to_le_bytes());
        let mut stream = worker.begin_at_a(true);
        worker.pass(millis);
        worker.answer(&mut stream, status, more);
        worker.host.set_property("upstream.request_attempt_count", &1_u64.to_le_bytes());
    };
    tries(2, "200", &[], 2_000);
    tries(1, "200", &[("x-envoy-attempt-count", "3")], 2_000);
    let to_a = worker.to_a();
    assert!((40..=160).contains(&to_a), "what the attempts before took: {to_a} of 200");
    (0..20).for_each(|_| tries(1, "503", &[], 0));
    let to_a = worker.to_a();
    assert!(to_a <= 160, "it fails at once, which is not fast: {to_a} of 200");
    tries(1, "504", &[], 2_000);
    assert!(worker.to_a() < 10, "it took that long at least");
}

#[test]
fn one_that_lets_its_clients_wait_until_they_leave_is_slow() {
    let worker = Worker::peak_ewma();
    worker.both_are_known();
    let mut left = worker.begin_at_a(true);
    worker.pass(2_000);
    left.on_done(&worker.host);
    assert!(worker.to_a() < 10);
}

#[test]
fn only_a_policy_that_learns_pays_and_it_pays_four_host_calls() {
    let price = |balance: &str| {
        let worker = Worker::new(balance);
        for _ in 0..10 {
            let (mut stream, _) = worker.begin(true);
            worker.answer(&mut stream, "200", &[]);
            stream.on_done(&worker.host);
        }
        worker.host.forget_calls();
        let (mut stream, _) = worker.begin(true);
        worker.answer(&mut stream, "200", &[]);
        stream.on_done(&worker.host);
        worker.host.all_calls()
    };
    assert_eq!(price(r#"{"policy": "least_request"}"#), 2, "header map, candidates");
    assert_eq!(price(r#"{"policy": "peak_ewma"}"#), 7, "and the time; attempts, answer, address, the time");
    let ring = r#"{"policy": "ring_hash", "hash_on": [{"header": "x-user"}], "no_hash": "peak_ewma"}"#;
    assert_eq!(price(ring), 7, "where it stands in for a hash it learns, too");
}
