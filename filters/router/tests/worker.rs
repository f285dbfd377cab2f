//! A worker of the router as Envoy runs it, which asks sources: what it names, what it asks, and what outlier would hear.

use switchyard_core::Timestamp;
use switchyard_core::contract::CANDIDATES_HEADER;
use switchyard_core::outlier::{Published, Watched};
use switchyard_frame::chain::Single;
use switchyard_frame::shared::settings;
use switchyard_frame::{Filter, Head, Stream as _, Vm};
use switchyard_host::fake::{Called, FakeHost, SharedStore};
use switchyard_router::{Root, Router, Stream};

/// When tests begin, in milliseconds.
pub(crate) const START: u64 = 1_700_000_000_000;

/// What the configurations of a worker share.
pub(crate) type TestVm = Vm<<Single<Router> as Filter>::Vm>;

/// One root in one VM.
pub(crate) struct Worker {
    pub(crate) root: Root,
    pub(crate) host: FakeHost,
    pub(crate) vm: TestVm,
    /// In milliseconds.
    pub(crate) now: u64,
}

impl Worker {
    /// One of a process, which starts so many nanoseconds after its first.
    pub(crate) fn of(store: &SharedStore, start: u64, document: &str) -> Self {
        Self::in_vm(&TestVm::default(), 1, FakeHost::with_shared(store), start, document)
    }

    /// A root of this VM, by its context.
    pub(crate) fn in_vm(vm: &TestVm, context: u32, host: FakeHost, start: u64, document: &str) -> Self {
        host.set_configuration(document.as_bytes());
        host.set_now(Timestamp::from_nanos(START * 1_000_000 + start));
        let mut root = Root::in_vm(context, vm.clone());
        assert!(root.configure(&host), "the document must be accepted");
        Self { root, host, vm: vm.clone(), now: START }
    }

    /// All workers of a process.
    pub(crate) fn several<const N: usize>(document: &str) -> [Self; N] {
        let store = SharedStore::default();
        std::array::from_fn(|number| Self::of(&store, number as u64, document))
    }

    /// A request comes: whom the router names for it, and the stream.
    pub(crate) fn begin(&self) -> (String, Stream) {
        self.host.receive(&[(":method", "GET"), (":path", "/")]);
        let mut stream = self.root.stream(10).expect("a configuration");
        stream.on_request_headers(&self.host, &Head::default(), true);
        (self.host.request_header(CANDIDATES_HEADER).pop().unwrap_or_default(), stream)
    }

    /// The same, and it ends.
    pub(crate) fn serve(&self) -> String {
        let (named, mut stream) = self.begin();
        stream.on_done(&self.host);
        named
    }

    /// Everybody who is named first in so many requests.
    pub(crate) fn named(&self, requests: usize) -> Vec<String> {
        let first = |list: String| list.split(',').next().unwrap_or_default().to_owned();
        let mut all: Vec<_> = (0..requests).map(|_| first(self.serve())).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Lets time pass, with its ticks; the calls that were made meanwhile.
    pub(crate) fn pass(&mut self, millis: u64) -> Vec<Called> {
        let end = self.now + millis;
        let mut called = Vec::new();
        while self.now < end {
            self.now += 20;
            self.host.set_now(Timestamp::from_millis(self.now));
            self.root.tick(&self.host);
            called.extend(self.host.take_called());
        }
        called
    }

    /// An answer to a call; no status: it has failed.
    pub(crate) fn answer(&mut self, call: &Called, status: &str, body: &[u8]) {
        let headers = [(":status", status)];
        let headers = if status.is_empty() { &[][..] } else { &headers };
        self.host.answer_call(headers, body, &[]);
        self.root.on_call_response(&self.host, call.number, headers.len(), body.len());
    }

    /// What outlier would hear.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        let published: Published = settings::published(&self.host);
        published.parts().iter().filter_map(|part| part.watched()).flatten().collect()
    }
}
