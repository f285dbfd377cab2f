//! Heartbeats as the router sends them: by one worker, in their time, and such that outlier knows them.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use core::time::Duration;
use std::collections::BTreeMap;
use switchyard_core::Timestamp;
use switchyard_core::contract::{CANDIDATES_HEADER, HEARTBEAT_HEADER};
use switchyard_core::health::Health;
use switchyard_core::outlier::{DESTINATION_HEADER, EndpointKey, Ledger, Record};
use switchyard_frame::chain::Single;
use switchyard_frame::shared::heartbeat_lease::{self, LEASE};
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_frame::{Filter, Head, Stream as _, Vm};
use switchyard_host::Status;
use switchyard_host::fake::{Called, Dispatched, FakeHost, SharedStore};
use switchyard_router::{Root, Router};

const START: u64 = 1_700_000_000_000;
const ALL: &str = r#"{"path": "/healthz", "interval": "1s", "timeout": "300ms", "watch": "all"}"#;

fn document(heartbeat: &str) -> String {
    format!(
        r#"{{
            "upstreams": [{{
                "name": "web", "cluster": "web-cluster",
                "endpoints": [{{"address": "10.0.0.1:80"}}, {{"address": "10.0.0.2:80"}}, {{"address": "10.0.0.3:80"}}],
                "balance": {{"policy": "random"}},
                "outlier": {{"heartbeat": {heartbeat}}}
            }}],
            "routes": [{{"match": {{}}, "upstream": "web"}}]
        }}"#
    )
}

struct Worker {
    root: Root,
    vm: Vm<<Single<Router> as Filter>::Vm>,
    host: FakeHost,
    now: u64,
}

impl Worker {
    /// A worker that has served nothing yet. Workers start at different moments, which is where their numbers come from.
    fn of(store: &SharedStore, start: u64, heartbeat: &str) -> Self {
        let host = FakeHost::with_shared(store);
        host.set_configuration(document(heartbeat).as_bytes());
        host.set_now(Timestamp::from_nanos(START * 1_000_000 + start));
        let vm = Vm::default();
        let mut root = Root::in_vm(1, vm.clone());
        assert!(root.configure(&host), "the document must be accepted");
        Self { root, vm, host, now: START }
    }

    /// A worker that has served a request.
    fn serving(store: &SharedStore, start: u64, heartbeat: &str) -> Self {
        let worker = Self::of(store, start, heartbeat);
        serve(&worker.root, &worker.host);
        worker
    }

    fn alone(heartbeat: &str) -> Self {
        Self::serving(&SharedStore::default(), 0, heartbeat)
    }

    /// Lets time pass, with its ticks; what was sent meanwhile, with the time it was sent at.
    fn pass(&mut self, millis: u64) -> Vec<(u64, Dispatched)> {
        self.calls(millis).into_iter().map(|(at, call)| (at, call.request)).collect()
    }

    /// The same, as calls.
    fn calls(&mut self, millis: u64) -> Vec<(u64, Called)> {
        let end = self.now + millis;
        let mut sent = Vec::new();
        while self.now < end {
            self.now += 20;
            self.host.set_now(Timestamp::from_millis(self.now));
            self.root.tick(&self.host);
            sent.extend(self.host.take_called().into_iter().map(|one| (self.now - START, one)));
        }
        sent
    }

    /// Answers a call with this status, gRPC status and body; without a status it fails.
    fn answer(&mut self, call: &Called, status: &str, grpc: &str, body: &[u8]) {
        let headers = [(":status", status)];
        let headers = if status.is_empty() { &[][..] } else { &headers };
        self.host.answer_call(headers, body, &[("grpc-status", grpc)]);
        self.root.on_call_response(&self.host, call.number, headers.len(), body.len());
    }

    /// What the table says of the first endpoint: its health, and its good and bad heartbeats.
    fn record(&self) -> (Health, [u8; 2]) {
        let ledger = Ledger::decode(&Table::ledger("web").read(&self.host));
        let record = ledger.get(EndpointKey::of("10.0.0.1:80"));
        record.map_or((Health::Healthy, [0; 2]), |one| (one.health, one.heartbeats))
    }

    /// Writes what outlier would about an endpoint, and announces it.
    fn say(&self, address: &str, health: Health) {
        let record = Record { health, ..Record::new(EndpointKey::of(address)) };
        let said = Table::ledger("web").change_ledger(&self.host, |ledger| (true, ledger.put(record)));
        assert!(said.is_some() && announce(&self.host).is_ok());
    }
}

/// A request is served.
fn serve(root: &Root, host: &FakeHost) {
    host.receive(&[(":method", "GET"), (":path", "/")]);
    let mut stream = root.stream(10).expect("a configuration");
    stream.on_request_headers(host, &Head::default(), true);
    stream.on_done(host);
}

fn header<'a>(sent: &'a Dispatched, name: &str) -> &'a str {
    let mut values = sent.headers.iter().filter(|(key, _)| key == name);
    let value = values.next().map(|(_, value)| value.as_str());
    assert!(values.next().is_none(), "one {name}");
    value.expect(name)
}

fn targets(sent: &[(u64, Dispatched)]) -> Vec<&str> {
    let mut targets: Vec<_> = sent.iter().map(|(_, one)| header(one, CANDIDATES_HEADER)).collect();
    targets.sort_unstable();
    targets
}

#[test]
fn nobody_sends_any_before_a_request_was_served() {
    let mut worker = Worker::of(&SharedStore::default(), 0, ALL);
    assert!(worker.pass(5_000).is_empty(), "it may be the main thread, whose calls crash Envoy");
    serve(&worker.root, &worker.host);
    assert_eq!(targets(&worker.pass(20)), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
}

#[test]
fn a_heartbeat_is_what_outlier_expects() {
    let mut worker = Worker::alone(ALL);
    for (_, sent) in worker.pass(20) {
        assert_eq!((sent.cluster.as_str(), sent.timeout), ("web-cluster", Duration::from_millis(300)));
        assert_eq!((header(&sent, ":method"), header(&sent, ":path")), ("GET", "/healthz"));
        assert_eq!(header(&sent, ":authority"), "web-cluster");
        assert_eq!(header(&sent, "user-agent"), "switchyard-heartbeat");
        assert!(heartbeat_lease::is_mark(&worker.host, header(&sent, HEARTBEAT_HEADER).as_bytes()));
    }
    let mut worker = Worker::alone(r#"{"path": "/", "host": "health.example", "watch": "all"}"#);
    assert_eq!(header(&worker.pass(20)[0].1, ":authority"), "health.example");
}

#[test]
fn exactly_one_of_two_workers_sends_them() {
    let store = SharedStore::default();
    let mut workers = [Worker::serving(&store, 1, ALL), Worker::serving(&store, 2, ALL)];
    let mut sent = [0, 0];
    for _ in 0..500 {
        for (count, worker) in sent.iter_mut().zip(&mut workers) {
            *count += worker.pass(20).len();
        }
    }
    // Three endpoints, every second, for ten seconds.
    assert_eq!(sent, [30, 0]);
}

#[test]
fn another_worker_takes_over_once_the_lease_is_over_and_its_mark_counts() {
    let store = SharedStore::default();
    let (mut one, mut two) = (Worker::serving(&store, 1, ALL), Worker::serving(&store, 2, ALL));
    let mark = header(&one.pass(20)[0].1, HEARTBEAT_HEADER).to_owned();
    // The first worker dies; it had the lease until LEASE after its first tick.
    let lease = u64::try_from(LEASE.as_millis()).expect("short");
    let sent = two.pass(20 + lease + 1_000);
    let (first, took_over) = sent.first().expect("somebody sends");
    assert!((20 + lease..=20 + lease + 1_000).contains(first), "{first}");
    let other = header(took_over, HEARTBEAT_HEADER);
    assert_ne!(other, mark);
    assert!(
        heartbeat_lease::is_mark(&two.host, other.as_bytes())
            && !heartbeat_lease::is_mark(&two.host, mark.as_bytes())
    );
    // It was only held up: it finds that it has lost the role.
    one.now = two.now;
    for _ in 0..500 {
        assert!(one.pass(20).is_empty(), "not while the other renews");
        two.pass(20);
    }
}

#[test]
fn the_interval_is_kept_for_every_endpoint() {
    let mut worker = Worker::alone(ALL);
    let mut times: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (at, sent) in worker.pass(5_000) {
        times.entry(header(&sent, CANDIDATES_HEADER).to_owned()).or_default().push(at);
    }
    assert_eq!(times.len(), 3);
    for times in times.values() {
        assert_eq!(times, &[20, 1_020, 2_020, 3_020, 4_020]);
    }
}

#[test]
fn a_clock_that_is_set_back_puts_no_heartbeat_off() {
    let mut worker = Worker::alone(ALL);
    worker.now += 3_600_000;
    assert_eq!(worker.pass(20).len(), 3);
    worker.now -= 3_600_000;
    assert_eq!(worker.pass(1_040).len(), 3);
}

#[test]
fn only_ejected_ones_get_them_unless_all_are_watched() {
    let mut worker = Worker::alone(r#"{"path": "/", "interval": "1s"}"#);
    assert!(worker.pass(3_000).is_empty());
    worker.say("10.0.0.2:80", Health::Ejected);
    assert_eq!(targets(&worker.pass(1_000)), ["10.0.0.2:80"]);
    worker.say("10.0.0.2:80", Health::HalfOpen);
    assert_eq!(targets(&worker.pass(1_000)), ["10.0.0.2:80"]);
    worker.say("10.0.0.2:80", Health::Healthy);
    assert!(worker.pass(3_000).is_empty());
}

#[test]
fn who_was_taken_out_by_hand_gets_none_whatever_outlier_says() {
    let host = FakeHost::default();
    let by_hand = r#"{"address": "10.0.0.2:80", "health": "ejected"}"#;
    host.set_configuration(document(ALL).replace(r#"{"address": "10.0.0.2:80"}"#, by_hand).as_bytes());
    host.set_now(Timestamp::from_millis(START));
    let vm = Vm::default();
    let mut root = Root::in_vm(1, vm.clone());
    assert!(root.configure(&host));
    serve(&root, &host);
    let mut worker = Worker { root, vm, host, now: START };
    assert_eq!(targets(&worker.pass(1_000)), ["10.0.0.1:80", "10.0.0.3:80"]);
    for health in [Health::Ejected, Health::HalfOpen] {
        worker.say("10.0.0.2:80", health);
        assert_eq!(targets(&worker.pass(1_000)), ["10.0.0.1:80", "10.0.0.3:80"], "{health:?}");
    }
}

#[test]
fn many_endpoints_get_them_over_several_ticks() {
    let addresses: Vec<String> =
        (0..100).map(|last| format!(r#"{{"address": "10.0.1.{last}:80"}}"#)).collect();
    let three = r#"{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}, {"address": "10.0.0.3:80"}"#;
    let host = FakeHost::default();
    host.set_configuration(document(ALL).replace(three, &addresses.join(",")).as_bytes());
    host.set_now(Timestamp::from_millis(START));
    let vm = Vm::default();
    let mut root = Root::in_vm(1, vm.clone());
    assert!(root.configure(&host));
    serve(&root, &host);
    let mut worker = Worker { root, vm, host, now: START };
    let mut all = Vec::new();
    for _ in 0..4 {
        let sent = worker.pass(20);
        assert!(sent.len() <= 32, "{}", sent.len());
        all.extend(sent);
    }
    let mut seen = targets(&all);
    seen.dedup();
    assert_eq!((seen.len(), all.len()), (100, 100), "each once");
}

#[test]
fn at_rest_it_wakes_for_what_is_due_and_to_keep_the_role() {
    for (heartbeat, watched) in [(ALL, 3), (r#"{"path": "/", "interval": "1s"}"#, 0)] {
        let mut worker = Worker::alone(heartbeat);
        assert_eq!(worker.pass(20).len(), watched);
        worker.pass(1_000);
        let mut ticks = 0;
        for _ in 0..10 {
            let period = worker.host.tick_period();
            assert!(period >= Duration::from_millis(500) && period <= Duration::from_secs(1), "{period:?}");
            worker.now += u64::try_from(period.as_millis()).expect("short");
            worker.host.set_now(Timestamp::from_millis(worker.now));
            worker.root.tick(&worker.host);
            ticks += worker.host.take_called().len();
        }
        assert_eq!(ticks, 10 * watched);
    }
}

#[test]
fn the_replaced_root_stops() {
    let mut old = Worker::alone(ALL);
    assert!(!old.pass(20).is_empty());
    let mut new = Root::in_vm(2, old.vm.clone());
    assert!(new.configure(&old.host));
    assert!(old.pass(5_000).is_empty());
}

#[test]
fn a_cluster_that_cannot_be_called_stops_nothing_and_is_tried_again_in_its_time() {
    let mut worker = Worker::alone(ALL);
    worker.host.fail("proxy_http_call", Status::BadArgument);
    assert!(worker.pass(3_000).is_empty());
    assert_eq!(worker.host.calls("proxy_http_call"), 9);
}

#[test]
fn without_shared_data_nobody_sends_any() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        let mut worker = Worker::alone(ALL);
        worker.host.fail(call, Status::InternalFailure);
        assert!(worker.pass(3_000).is_empty(), "{call}");
    }
}

#[test]
fn heartbeats_cost_other_workers_one_host_call_per_second() {
    let store = SharedStore::default();
    let (mut one, mut two) = (Worker::serving(&store, 1, ALL), Worker::serving(&store, 2, ALL));
    // Somebody judges their attempts, so nobody is looked for.
    Table::ledger("web").create(&two.host).unwrap();
    // Until the request that each has served is told.
    one.pass(1_020);
    two.pass(1_020);
    two.host.forget_calls();
    two.pass(1_000);
    assert_eq!(two.host.all_calls(), 2 * 50 + 1);
}

#[test]
fn the_new_root_takes_over_within_a_lease() {
    // The old root lives on while its listener drains, and ticks.
    let mut old = Worker::alone(ALL);
    assert!(!old.pass(20).is_empty());
    let mut new = Root::in_vm(2, old.vm.clone());
    old.host.set_now(Timestamp::from_nanos(START * 1_000_000 + 20_000_777));
    assert!(new.configure(&old.host));
    serve(&new, &old.host);
    let mut sent = 0;
    for _ in 0..3_000 {
        // a minute
        old.pass(20);
        new.tick(&old.host);
        sent += old.host.take_called().len();
    }
    assert!(sent > 0, "nobody sends heartbeats while the old root lives");
}

const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
const GRPC: &str = r#"{"grpc_health_check": {"service_name": "shop"}, "interval": "1s", "watch": "all", "headers": {"x-a": "b"}}"#;

#[test]
fn a_grpc_health_check_is_what_grpc_servers_expect() {
    let mut worker = Worker::alone(GRPC);
    let calls = worker.calls(20);
    assert_eq!(calls.len(), 3);
    for (_, call) in calls {
        assert_eq!(call.body.as_deref(), Some(&b"\0\0\0\0\x06\x0a\x04shop"[..]));
        let (sent, expected) =
            (&call.request, [(":method", "POST"), (":path", "/grpc.health.v1.Health/Check")]);
        assert!(expected.iter().all(|(name, value)| header(sent, name) == *value));
        assert_eq!((header(sent, "content-type"), header(sent, "te")), ("application/grpc", "trailers"));
        assert_eq!(header(sent, "x-a"), "b");
        assert!(heartbeat_lease::is_mark(&worker.host, header(sent, HEARTBEAT_HEADER).as_bytes()));
    }
}

#[test]
fn what_a_grpc_server_says_of_itself_counts() {
    let not_serving: &[u8] = &[0, 0, 0, 0, 2, 8, 2];
    let bad = [
        ("200", "0", not_serving),
        ("200", "12", SERVING),
        ("503", "0", SERVING),
        ("", "", &[]),
        ("200", "0", &[]),
    ];
    for (status, grpc, body) in bad {
        let mut worker = Worker::alone(GRPC);
        for beat in 1..=3 {
            let calls = worker.calls(1_000);
            assert_eq!(calls.len(), 3);
            for (_, call) in calls {
                if header(&call.request, CANDIDATES_HEADER) == "10.0.0.1:80" {
                    worker.answer(&call, status, grpc, body);
                } else {
                    worker.answer(&call, "200", "0", SERVING);
                }
            }
            let expected = if beat < 3 { (Health::Healthy, [0, beat]) } else { (Health::Ejected, [0, 0]) };
            assert_eq!(worker.record(), expected, "{status} {grpc} {body:?}");
        }
        for _ in 0..2 {
            for (_, call) in worker.calls(1_000) {
                worker.answer(&call, "200", "0", SERVING);
            }
        }
        assert_eq!(worker.record().0, Health::HalfOpen, "good ones bring it back to be tried");
    }
}

#[test]
fn a_call_is_answered_once_and_those_of_others_are_nobodys() {
    let mut worker = Worker::alone(GRPC);
    let calls = worker.calls(20);
    let (_, call) = calls
        .iter()
        .find(|(_, call)| header(&call.request, CANDIDATES_HEADER) == "10.0.0.1:80")
        .expect("A's");
    for _ in 0..5 {
        worker.answer(call, "503", "", &[]);
    }
    assert_eq!(worker.record(), (Health::Healthy, [0, 1]));
    let stranger = Called { number: 1_000, ..call.clone() };
    worker.answer(&stranger, "503", "", &[]);
    assert_eq!(worker.record(), (Health::Healthy, [0, 1]));
    // Those that outlier judges are not judged here, too.
    let mut worker = Worker::alone(ALL);
    for (_, call) in worker.calls(3_000) {
        worker.answer(&call, "503", "", &[]);
    }
    assert_eq!(worker.record(), (Health::Healthy, [0, 0]));
}

#[test]
fn heartbeats_with_a_port_of_their_own_go_there_and_say_nothing_of_where_requests_go() {
    let heartbeat = r#"{"path": "/up", "port": 9000, "cluster": "health", "interval": "1s", "watch": "all", "expected_statuses": [204]}"#;
    let mut worker = Worker::alone(heartbeat);
    let mut addresses = Vec::new();
    for beat in 1..=2 {
        for (_, call) in worker.calls(1_000) {
            assert_eq!(
                (call.request.cluster.as_str(), header(&call.request, ":authority")),
                ("health", "health")
            );
            let steered = call
                .request
                .headers
                .iter()
                .any(|(name, _)| name == CANDIDATES_HEADER || name == HEARTBEAT_HEADER);
            assert!(!steered);
            let address = header(&call.request, DESTINATION_HEADER).to_owned();
            worker.answer(&call, if address.starts_with("10.0.0.1") { "200" } else { "204" }, "", &[]);
            addresses.push(address);
        }
        assert_eq!(worker.record(), (Health::Healthy, [0, beat]));
    }
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses, ["10.0.0.1:9000", "10.0.0.2:9000", "10.0.0.3:9000"]);
}

#[test]
fn the_routers_own_verdicts_are_counted_as_outliers_are() {
    let mut worker = Worker::alone(GRPC);
    for _ in 0..3 {
        for (_, call) in worker.calls(1_000) {
            let is_a = header(&call.request, CANDIDATES_HEADER) == "10.0.0.1:80";
            worker.answer(&call, if is_a { "503" } else { "200" }, "0", SERVING);
        }
    }
    worker.pass(300);
    let counted = |labels: &str| worker.host.counter(&format!("switchyard.upstream=.=web;.;{labels}"));
    assert_eq!(
        (counted("result=.=failed;.;heartbeats_total"), counted("result=.=succeeded;.;heartbeats_total")),
        (3, 6)
    );
    assert_eq!(counted("reason=.=heartbeat;.;ejections_total"), 1);
}
