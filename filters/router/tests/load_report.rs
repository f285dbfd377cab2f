//! What teaches `load_reported`: reports of the endpoint that answered, in heads and trailers; and who pays for it.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use core::time::Duration;
use switchyard_core::contract::{ATTEMPT_COUNT_HEADER, CANDIDATES_HEADER, FALLBACK_HEADER};
use switchyard_core::orca::{BINARY_REPORT_HEADER, REPORT_HEADER};
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Clock as _;
use switchyard_host::fake::FakeHost;
use switchyard_router::{Root, Stream};

const A: &str = "10.0.0.1:80";
const B: &str = "10.0.0.2:80";
/// A weight of 500, of 100, and one that is no report.
const IDLE: &str = "TEXT cpu_utilization=0.2,rps_fractional=100";
const BUSY: &str = "TEXT cpu_utilization=1,rps_fractional=100";
const AT_ONCE: &str = r#"{"policy": "load_reported", "load_report": {"blackout_period": "0s"}}"#;

struct Worker {
    root: Root,
    host: FakeHost,
}

impl Worker {
    fn new(balance: &str) -> Self {
        let (root, host) = (Root::new(1), FakeHost::default());
        let mut worker = Self { root, host };
        worker.configure(balance);
        worker.host.set_property("response.code_details", b"via_upstream");
        worker
    }

    fn configure(&mut self, balance: &str) {
        let document = format!(
            r#"{{"default_cluster": "web", "routes": [{{"match": {{}}, "upstream": "web"}}], "upstreams": [{{
                "name": "web", "endpoints": [{{"address": "{A}"}}, {{"address": "{B}"}}], "balance": {balance}}}]}}"#
        );
        self.host.set_configuration(document.as_bytes());
        assert!(self.root.configure(&self.host), "the document must be accepted");
    }

    fn pass(&self, millis: u64) {
        self.host.set_now(self.host.now().expect("time").plus(Duration::from_millis(millis)));
    }

    /// A request, and where it goes.
    fn begin(&self) -> (Stream, String) {
        self.host.receive(&[(":method", "GET"), (":path", "/")]);
        let mut stream = self.root.stream(10).expect("a configuration");
        stream.on_request_headers(&self.host, &Head::default(), true);
        let first = self.host.request_header(CANDIDATES_HEADER).concat().split(',').next().map(str::to_owned);
        let first = first.unwrap_or_default();
        self.host.set_property("upstream.address", first.as_bytes());
        (stream, first)
    }

    /// A request that is answered with these headers and trailers, as if by the endpoint at this address.
    fn answered(&self, address: &str, headers: &[(&str, &str)], trailers: &[(&str, &str)]) {
        let (mut stream, _) = self.begin();
        self.host.set_property("upstream.address", address.as_bytes());
        self.host.answer(&[&[(":status", "200")], headers].concat());
        self.host.end_with(trailers);
        stream.on_response_headers(&self.host, trailers.is_empty());
        if !trailers.is_empty() {
            stream.on_response_trailers(&self.host);
        }
        stream.on_done(&self.host);
    }

    /// The time until what was reported is taken over.
    fn settle(&mut self) {
        self.pass(1_000);
        self.root.tick(&self.host);
    }

    /// So many of 120 requests would go to A, but for a turn that the change of weights has shifted; none is sent on.
    fn gives_a(&self, expected: usize, when: &str) {
        let to_a = (0..120).filter(|_| self.begin().1 == A).count();
        assert!(to_a.abs_diff(expected) <= 2, "{to_a}, not {expected}: {when}");
    }

    /// Both have reported, A an idle and B a busy endpoint.
    fn both_have_reported(&mut self) {
        self.answered(A, &[(REPORT_HEADER, IDLE)], &[]);
        self.answered(B, &[(REPORT_HEADER, BUSY)], &[]);
        self.settle();
    }
}

#[test]
fn requests_follow_what_is_reported_in_heads_or_in_trailers() {
    let mut worker = Worker::new(AT_ONCE);
    worker.gives_a(60, "of 120");
    worker.both_have_reported();
    worker.gives_a(100, "five parts of six");
    worker.answered(A, &[], &[(REPORT_HEADER, BUSY)]);
    worker.answered(B, &[], &[("grpc-status", "0"), (REPORT_HEADER, IDLE)]);
    worker.settle();
    worker.gives_a(20, "of 120");
    // Without reports the tick finds that they have expired.
    worker.pass(180_000);
    worker.root.tick(&worker.host);
    worker.gives_a(60, "of 120");
}

#[test]
fn what_is_no_report_or_not_of_the_endpoint_changes_nothing() {
    let mut worker = Worker::new(AT_ONCE);
    worker.both_have_reported();
    for garbage in [
        "",
        "TEXT cpu_utilization=NaN,rps_fractional=1",
        "TEXT rps_fractional=9",
        "JSON {",
        "BIN ?",
        "\u{fffd}",
    ] {
        worker.answered(A, &[(REPORT_HEADER, garbage)], &[]);
        worker.answered(A, &[(BINARY_REPORT_HEADER, garbage), (REPORT_HEADER, BUSY)], &[]);
    }
    worker.answered("10.0.0.9:80", &[(REPORT_HEADER, BUSY)], &[]);
    // Another attempt's answer, an older one, and one that a filter made.
    worker.answered(A, &[(REPORT_HEADER, BUSY), (ATTEMPT_COUNT_HEADER, "2")], &[]);
    worker.answered(A, &[(ATTEMPT_COUNT_HEADER, "2")], &[(REPORT_HEADER, BUSY)]);
    worker.answered(A, &[(REPORT_HEADER, BUSY), (FALLBACK_HEADER, "stale")], &[]);
    worker.host.set_property("response.code_details", b"switchyard");
    worker.answered(A, &[(REPORT_HEADER, BUSY)], &[]);
    worker.settle();
    worker.gives_a(100, "of 120");
}

#[test]
fn reports_are_taken_off_unless_clients_are_to_see_them() {
    let worker = Worker::new(AT_ONCE);
    for value in [BUSY, "garbage"] {
        worker.answered(A, &[(REPORT_HEADER, value), (BINARY_REPORT_HEADER, value), ("x-other", "1")], &[]);
        let left = [REPORT_HEADER, BINARY_REPORT_HEADER].map(|name| worker.host.response_header(name));
        assert_eq!(left, [Vec::<String>::new(), Vec::new()], "{value}");
        assert_eq!(worker.host.response_header("x-other"), ["1"]);
        worker.answered(A, &[], &[(REPORT_HEADER, value), ("grpc-status", "0")]);
        assert_eq!(worker.host.response_trailer(REPORT_HEADER), Vec::<String>::new());
        assert_eq!(worker.host.response_trailer("grpc-status"), ["0"]);
    }
    let shown = r#"{"policy": "load_reported", "load_report": {"strip": false}}"#;
    let worker = Worker::new(shown);
    worker.answered(A, &[(REPORT_HEADER, BUSY)], &[]);
    assert_eq!(worker.host.response_header(REPORT_HEADER), [BUSY]);
    worker.answered(A, &[], &[(REPORT_HEADER, BUSY)]);
    assert_eq!(worker.host.response_trailer(REPORT_HEADER), [BUSY]);
}

#[test]
fn what_was_reported_counts_under_the_next_configuration() {
    let mut worker = Worker::new(AT_ONCE);
    worker.both_have_reported();
    worker.configure(&AT_ONCE.replace("\"0s\"", "\"1ms\""));
    worker.gives_a(100, "from its first request on");
}

#[test]
fn the_metrics_that_the_operator_names_say_how_busy_an_endpoint_is() {
    let queue = r#"{"policy": "load_reported", "load_report": {"blackout_period": "0s",
        "metric_names_for_computing_utilization": ["named_metrics.queue"]}}"#;
    let mut worker = Worker::new(queue);
    worker.answered(
        A,
        &[(REPORT_HEADER, "TEXT rps_fractional=1,cpu_utilization=0.1,named_metrics.queue=0.2")],
        &[],
    );
    worker.answered(
        B,
        &[(
            REPORT_HEADER,
            r#"JSON {"rps_fractional":1,"cpu_utilization":0.1,"named_metrics":{"queue":0.1}}"#,
        )],
        &[],
    );
    worker.settle();
    worker.gives_a(40, "of 120");
}

#[test]
fn only_a_policy_that_looks_at_reports_pays() {
    let price = |balance: &str, headers: &[(&str, &str)], trailers: &[(&str, &str)]| {
        let worker = Worker::new(balance);
        let head = [("x-envoy-upstream-service-time", "1")];
        [A, B].iter().for_each(|address| worker.answered(address, &head, &[]));
        for _ in 0..10 {
            let (mut stream, first) = worker.begin();
            worker.host.set_property("upstream.address", first.as_bytes());
            stream.on_response_headers(&worker.host, true);
            stream.on_done(&worker.host);
        }
        worker.host.forget_calls();
        worker.answered(A, headers, trailers);
        worker.host.all_calls()
    };
    let (report, none) = ([(REPORT_HEADER, BUSY)], [("grpc-status", "0")]);
    for balance in [r#"{"policy": "least_request"}"#, r#"{"policy": "smooth_weighted_round_robin"}"#] {
        assert_eq!(price(balance, &report, &none), 2, "header map, candidates");
    }
    assert_eq!(price(AT_ONCE, &[], &[]), 3, "and the answer's head");
    assert_eq!(price(AT_ONCE, &report, &[]), 7, "details, address, the time, and off it comes");
    assert_eq!(price(AT_ONCE, &[], &none), 4, "the head, the trailers");
    assert_eq!(price(AT_ONCE, &report, &none), 7, "one report is enough");
    let ring = r#"{"policy": "ring_hash", "hash_on": [{"header": "x-user"}], "no_hash": "load_reported"}"#;
    assert_eq!(price(ring, &report, &[]), 7, "where it stands in for a hash it learns, too");
}
