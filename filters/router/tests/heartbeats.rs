//! Heartbeats as the router sends them: by one worker, in their time, and such that outlier knows them.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use core::time::Duration;
use std::collections::BTreeMap;
use switchyard_core::Timestamp;
use switchyard_core::contract::{CANDIDATES_HEADER, HEARTBEAT_HEADER};
use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Record};
use switchyard_frame::shared::heartbeat_lease::{self, LEASE};
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Status;
use switchyard_host::fake::{Dispatched, FakeHost, SharedStore};
use switchyard_router::Root;

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
    host: FakeHost,
    now: u64,
}

impl Worker {
    /// A worker that has served nothing yet. Workers start at different moments, which is where their numbers come from.
    fn of(store: &SharedStore, start: u64, heartbeat: &str) -> Self {
        let host = FakeHost::with_shared(store);
        host.set_configuration(document(heartbeat).as_bytes());
        host.set_now(Timestamp::from_nanos(START * 1_000_000 + start));
        let mut root = Root::new(1);
        assert!(root.configure(&host), "the document must be accepted");
        Self { root, host, now: START }
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
        let end = self.now + millis;
        let mut sent = Vec::new();
        while self.now < end {
            self.now += 20;
            self.host.set_now(Timestamp::from_millis(self.now));
            self.root.tick(&self.host);
            sent.extend(self.host.take_dispatched().into_iter().map(|one| (self.now - START, one)));
        }
        sent
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
fn many_endpoints_get_them_over_several_ticks() {
    let addresses: Vec<String> =
        (0..100).map(|last| format!(r#"{{"address": "10.0.1.{last}:80"}}"#)).collect();
    let three = r#"{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}, {"address": "10.0.0.3:80"}"#;
    let host = FakeHost::default();
    host.set_configuration(document(ALL).replace(three, &addresses.join(",")).as_bytes());
    host.set_now(Timestamp::from_millis(START));
    let mut root = Root::new(1);
    assert!(root.configure(&host));
    serve(&root, &host);
    let mut worker = Worker { root, host, now: START };
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
            ticks += worker.host.take_dispatched().len();
        }
        assert_eq!(ticks, 10 * watched);
    }
}

#[test]
fn the_replaced_root_stops() {
    let mut old = Worker::alone(ALL);
    assert!(!old.pass(20).is_empty());
    let mut new = Root::new(2);
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
    let mut new = Root::new(2);
    old.host.set_now(Timestamp::from_nanos(START * 1_000_000 + 20_000_777));
    assert!(new.configure(&old.host));
    serve(&new, &old.host);
    let mut sent = 0;
    for _ in 0..3_000 {
        // a minute
        old.pass(20);
        new.tick(&old.host);
        sent += old.host.take_dispatched().len();
    }
    assert!(sent > 0, "nobody sends heartbeats while the old root lives");
}
