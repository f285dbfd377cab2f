//! A worker whose attempts a test begins and ends as Envoy does, and what it leaves in shared data and the log.
//!
//! All workers of a test run in its one thread, which is one VM to the filter: they share clock and metrics. Their
//! root_ids differ, so that none is taken for an older configuration of another.

pub(crate) mod left;

use core::cell::RefCell;
use switchyard_core::Timestamp;
use switchyard_core::outlier::{Counts, EndpointKey, Ledger, Record, Tally, bucket_at};
use switchyard_frame::shared::tables::Table;
use switchyard_frame::{Head, Stream as _};
use switchyard_host::fake::{FakeHost, SharedStore};
use switchyard_outlier::{Root, Stream};

pub(crate) const A: &str = "10.0.0.1:80";
pub(crate) const B: &str = "10.0.0.2:80";
pub(crate) const C: &str = "10.0.0.3:80";

/// When tests begin, in milliseconds: the start of a bucket of every interval used here.
pub(crate) const START: u64 = 1_700_000_000_000;

/// Response flags of a client that disconnected over HTTP/1, and that reset its stream over HTTP/2.
pub(crate) const HTTP1_GONE: u64 = 0x4000;
pub(crate) const HTTP2_GONE: u64 = 0x1000_0000;

/// What a request from a client looks like.
pub(crate) const GET: [(&str, &str); 3] = [(":method", "GET"), (":path", "/"), (":authority", "web")];

/// A document with one upstream, `web`, of three endpoints and this outlier section.
pub(crate) fn document(outlier: &str) -> String {
    format!(
        r#"{{
            "upstreams": [{{
                "name": "web",
                "endpoints": [{{"address": "{A}"}}, {{"address": "{B}"}}, {{"address": "{C}"}}],
                "balance": {{"policy": "random"}},
                "outlier": {outlier}
            }}],
            "routes": [{{"match": {{}}, "upstream": "web"}}]
        }}"#
    )
}

pub(crate) struct Worker {
    pub(crate) root: Root,
    pub(crate) host: FakeHost,
    pub(crate) store: SharedStore,
    pub(crate) now: u64,
    /// The period of the timer, and how much of it is over.
    waited: (u64, u64),
}

impl Worker {
    /// The only worker of a process.
    pub(crate) fn alone(outlier: &str) -> Self {
        Self::of(&SharedStore::default(), "one", &document(outlier))
    }

    /// One more worker of the process that `store` belongs to.
    pub(crate) fn of(store: &SharedStore, root_id: &str, document: &str) -> Self {
        let mut worker = Self::unconfigured(store, root_id, document);
        assert!(worker.root.configure(&worker.host), "the document must be accepted");
        worker
    }

    /// A worker that has not read its configuration yet.
    pub(crate) fn unconfigured(store: &SharedStore, root_id: &str, document: &str) -> Self {
        let host = FakeHost::with_shared(store);
        host.set_configuration(document.as_bytes());
        host.set_property("plugin_root_id", root_id.as_bytes());
        host.set_now(Timestamp::from_millis(START));
        Self { root: Root::new(1), host, store: store.clone(), now: START, waited: (0, 0) }
    }

    /// Lets time pass, with the ticks that fall into it.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now + millis;
        while self.now < end {
            self.wake_after((end - self.now).min(20));
        }
    }

    /// Lets time pass with the ticks that were asked for, and no other; how many there were.
    pub(crate) fn rest(&mut self, millis: u64) -> u64 {
        let mut ticks = 0;
        for _ in 0..millis {
            let period = u64::try_from(self.host.tick_period().as_millis()).expect("short");
            // A timer begins anew when another period is asked for.
            self.waited = if self.waited.0 == period { (period, self.waited.1 + 1) } else { (period, 1) };
            if period > 0 && self.waited.1 >= period {
                self.waited.1 = 0;
                self.wake_after(1);
                ticks += 1;
            } else {
                self.now += 1;
                self.host.set_now(Timestamp::from_millis(self.now));
            }
        }
        ticks
    }

    /// Lets time pass without a tick but the one at its end: the worker was held up.
    pub(crate) fn wake_after(&mut self, millis: u64) {
        self.now += millis;
        self.host.set_now(Timestamp::from_millis(self.now));
        self.root.tick(&self.host);
    }

    /// An attempt at `address` begins, for a client's request.
    pub(crate) fn begin(&self, address: &str) -> Stream {
        self.host.set_property("connection.id", &7u64.to_le_bytes());
        self.begin_with(address, &GET)
    }

    /// An attempt at `address` begins, whose request is whole; whether it has a connection is up to the caller.
    pub(crate) fn begin_with(&self, address: &str, headers: &[(&str, &str)]) -> Stream {
        self.begin_as(10, address, headers, true)
    }

    /// An attempt at `address` begins for a client's request, which is still open.
    pub(crate) fn begin_open(&self, address: &str) -> Stream {
        self.host.set_property("connection.id", &7u64.to_le_bytes());
        self.begin_as(10, address, &GET, false)
    }

    /// An attempt at `address` begins, as this context.
    pub(crate) fn begin_as(
        &self,
        context: u32,
        address: &str,
        headers: &[(&str, &str)],
        ended: bool,
    ) -> Stream {
        self.host.receive(headers);
        self.host.set_property("upstream.address", address.as_bytes());
        for left in [
            "response.backend_latency",
            "response.flags",
            "response.code_details",
            "upstream.transport_failure_reason",
            "switchyard_cancelled",
            "switchyard_client_limit",
        ] {
            self.host.remove_property(left);
        }
        self.integer("request.time", Timestamp::from_millis(self.now).as_nanos());
        self.host.set_property("response.code", &200u64.to_le_bytes());
        let mut stream = self.root.stream(context).expect("a configuration");
        stream.on_request_headers(&self.host, &Head::default(), ended);
        stream
    }

    /// Response headers of this status.
    pub(crate) fn answer(&self, stream: &mut Stream, status: &str) {
        self.host.answer(&[(":status", status)]);
        stream.on_response_headers(&self.host, false);
        // Envoy's router says so as soon as it has the headers.
        self.host.set_property("response.code_details", b"via_upstream");
    }

    /// The end of a complete answer.
    pub(crate) fn complete(&self, stream: &mut Stream) {
        self.integer("response.backend_latency", 3_000_000);
        stream.on_done(&self.host);
    }

    /// Sets an integer property of the stream.
    pub(crate) fn integer(&self, path: &str, value: u64) {
        self.host.set_property(path, &value.to_le_bytes());
    }

    /// A whole attempt at `address` with a complete answer of this status.
    pub(crate) fn attempt(&self, address: &str, status: &str) {
        let mut stream = self.begin(address);
        self.answer(&mut stream, status);
        self.complete(&mut stream);
    }

    /// A whole attempt at `address` that is reset.
    pub(crate) fn reset(&self, address: &str) {
        self.begin(address).on_done(&self.host);
    }

    /// The record of an endpoint; blank if there is none.
    pub(crate) fn record(&self, address: &str) -> Record {
        let ledger = Ledger::decode(&Table::ledger("web").read(&self.host));
        let key = EndpointKey::of(address);
        ledger.get(key).copied().unwrap_or_else(|| Record::new(key))
    }

    /// What all workers counted for an endpoint and have merged.
    pub(crate) fn counts(&self, address: &str, interval: core::time::Duration) -> Counts {
        let tally = Tally::decode(&Table::tally("web").read(&self.host));
        tally.sum(EndpointKey::of(address), bucket_at(self.now, interval), None)
    }
}

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

/// From now on this test's log is kept; what was kept is returned and forgotten.
pub(crate) fn take_log() -> Vec<String> {
    // It is set once for all tests of the binary; each reads its own thread's lines.
    let _ = log::set_logger(&Log);
    log::set_max_level(log::LevelFilter::Info);
    LINES.take()
}
