//! The root of a filter that writes down what happens to it.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::status::Snapshot;
use switchyard_frame::metrics::catalogue::BATCH_WITHOUT_QUEUE;
use switchyard_frame::{Filter, Head, Mailbox, Root, Setup, Stream, Vm, prepare};
use switchyard_host::fake::{FakeHost, SharedStore};
use switchyard_host::{Flow, Host, HostError, Queues as _, SharedData as _, Status};

const DOCUMENT: &[u8] = br#"{
    "upstreams": [{"name": "web", "endpoints": [{"address": "10.0.0.1:80"}]}],
    "routes": [{"match": {}, "upstream": "web"}]
}"#;

/// What it saw, and how many configurations it had before.
struct Diary {
    setup: Setup<Configurations>,
    before: u32,
    routes: usize,
    mailbox: Mailbox,
    seen: RefCell<Vec<String>>,
}

#[derive(Default)]
struct Configurations(Cell<u32>);

struct Page(Rc<Diary>, u32);

impl Filter for Diary {
    const NAME: &'static str = "diary";
    type Vm = Configurations;
    type Stream = Page;

    fn new<H: Host>(document: &Document, setup: Setup<Configurations>, host: &H) -> Result<Self, HostError> {
        prepare(Self::NAME, host)?;
        let before = setup.own.0.replace(setup.own.0.get() + 1);
        let (mailbox, seen, routes) = (Mailbox::default(), RefCell::default(), document.table().len());
        Ok(Self { setup, before, routes, mailbox, seen })
    }

    fn summary(&self) -> String {
        format!("{} routes", self.routes)
    }

    fn stream(self: &Rc<Self>, context: u32) -> Page {
        Page(Rc::clone(self), context)
    }

    fn tick<H: Host>(&self, host: &H) {
        self.writes("tick", host);
    }

    fn mailbox(&self) -> Option<&Mailbox> {
        Some(&self.mailbox)
    }

    fn message<H: Host>(&self, host: &H, message: &[u8]) {
        self.writes(&format!("message {}", message.len()), host);
    }

    fn act<H: Host>(&self, host: &H) {
        self.writes("act", host);
    }

    fn called<H: Host>(&self, host: &H, call: u32, headers: usize, body_size: usize) {
        self.writes(&format!("called {call} {headers} {body_size}"), host);
    }

    fn ended<H: Host>(&self, host: &H) {
        self.writes("ended", host);
    }
}

impl Diary {
    /// Writes it down, and goes away from the root.
    fn writes(&self, what: &str, host: &impl Host) {
        self.seen.borrow_mut().push(what.to_owned());
        assert!(self.setup.effective_context.enter(77, host));
    }
}

impl Stream for Page {
    fn on_request_headers<H: Host>(&mut self, _host: &H, _head: &Head, _ended: bool) -> Flow {
        self.0.seen.borrow_mut().push(format!("request {}", self.1));
        Flow::Continue
    }

    fn on_response_headers<H: Host>(&mut self, _host: &H, _ended: bool) -> Flow {
        Flow::Continue
    }

    fn on_done<H: Host>(&mut self, _host: &H) {}
}

fn configured(context: u32, host: &FakeHost) -> Root<Diary> {
    host.set_configuration(DOCUMENT);
    host.in_context(context);
    let mut root = Root::new(context);
    assert!(root.configure(host));
    root
}

fn configurations(host: &FakeHost, result: &str) -> u64 {
    host.counter(&format!("switchyard.filter=.=diary;.;result=.={result};.;configurations_total"))
}

#[test]
fn what_happens_is_handed_on_and_the_root_speaks_in_its_own_name_after_it() {
    let host = FakeHost::default();
    let mut root = configured(5, &host);
    let diary = Rc::clone(root.filter().expect("a configuration"));
    assert!(diary.mailbox.open("diary", 5, (&diary.setup.registry, &BATCH_WITHOUT_QUEUE), &host).is_some());
    let queue = host.queue().expect("a queue");
    host.enqueue(queue, b"four").expect("a queue");
    root.stream(6).expect("a configuration").on_request_headers(&host, &Head::default(), true);
    let mut then = |event: &dyn Fn(&mut Root<Diary>)| {
        event(&mut root);
        assert_eq!(host.context(), 5);
    };
    then(&|root| root.tick(&host));
    then(&|root| root.on_queue_ready(&host, queue + 1));
    then(&|root| root.on_queue_ready(&host, queue));
    then(&|root| root.on_call_response(&host, 3, 2, 1));
    then(&|root| root.on_done(&host));
    let seen = diary.seen.borrow().join(", ");
    assert_eq!(seen, "request 6, tick, message 4, act, called 3 2 1, ended");
    assert!(root.stream(7).is_none(), "it is over");
}

#[test]
fn a_refused_configuration_changes_nothing_and_is_counted() {
    let host = FakeHost::default();
    let mut root = configured(1, &host);
    assert_eq!((configurations(&host, "accepted"), configurations(&host, "rejected")), (1, 0));
    assert_eq!(
        host.counter(&format!(
            "switchyard.filter=.=diary;.;version=.={};.;build_info",
            env!("CARGO_PKG_VERSION")
        )),
        1
    );
    let before = Rc::clone(root.filter().expect("a configuration"));
    host.set_configuration(b"{");
    assert!(!root.configure(&host));
    host.set_configuration(DOCUMENT);
    // What the filter cannot do without is a reason, too.
    host.fail("proxy_get_shared_data", Status::InternalFailure);
    assert!(!root.configure(&host));
    host.recover("proxy_get_shared_data");
    // And what cannot be read is not the same as nothing.
    host.fail("proxy_get_buffer_bytes", Status::InternalFailure);
    assert!(!root.configure(&host));
    assert!(root.filter().is_some_and(|filter| Rc::ptr_eq(filter, &before)));
    assert_eq!((configurations(&host, "accepted"), configurations(&host, "rejected")), (1, 3));
}

#[test]
fn without_a_configuration_requests_pass_and_nothing_happens() {
    let host = FakeHost::default();
    let mut root = Root::<Diary>::new(1);
    root.tick(&host);
    root.on_queue_ready(&host, 1);
    root.on_call_response(&host, 1, 0, 0);
    root.on_done(&host);
    assert!(root.stream(2).is_none());
    assert_eq!(host.all_calls(), 0);
}

#[test]
fn the_roots_of_a_vm_share_what_outlives_them_and_know_each_other_by_number() {
    let host = FakeHost::default();
    let [one, two] = [1, 2].map(|context| configured(context, &host));
    let [one, two] = [one, two].map(|root| Rc::clone(root.filter().expect("a configuration")));
    assert_eq!((one.before, two.before), (0, 1));
    assert!(Rc::ptr_eq(&one.setup.registry, &two.setup.registry));
    assert_eq!(one.setup.configuration, two.setup.configuration, "the same bytes");
    assert_ne!(one.setup.seed, two.setup.seed);
    host.set_configuration(b"");
    let mut other = Root::<Diary>::new(3);
    assert!(other.configure(&host));
    let other = other.filter().expect("a configuration");
    assert_ne!(other.setup.configuration, one.setup.configuration);
    assert_eq!((other.summary(), one.summary()), ("0 routes".to_owned(), "1 routes".to_owned()));
}

/// Two workers may have their configuration within the same microsecond, which is what Envoy's clock tells: what each calls itself in a lease
/// comes of its seed, and one that two have is held by both.
#[test]
fn workers_that_start_at_the_same_time_have_different_seeds() {
    let store = SharedStore::default();
    let seeds = [(); 3].map(|()| {
        let host = FakeHost::with_shared(&store);
        host.set_configuration(DOCUMENT);
        let mut root = Root::<Diary>::in_vm(1, Vm::default());
        assert!(root.configure(&host));
        root.filter().expect("a configuration").setup.seed
    });
    assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2] && seeds[0] != seeds[2], "{seeds:?}");
}

/// As when another document comes from a store: the filter under the one before serves its streams to their end.
#[test]
fn a_filter_under_the_document_before_hears_its_queue_and_its_calls_until_its_last_stream_has_ended() {
    let host = FakeHost::default();
    let mut root = configured(5, &host);
    let old = Rc::downgrade(root.filter().expect("a configuration"));
    let seen = |old: &std::rc::Weak<Diary>| {
        old.upgrade().map(|old| old.seen.borrow_mut().drain(..).collect::<Vec<_>>()).unwrap_or_default()
    };
    let stream = root.stream(6).expect("a configuration");
    assert!(
        stream.0.mailbox.open("diary", 1, (&stream.0.setup.registry, &BATCH_WITHOUT_QUEUE), &host).is_some()
    );
    let queue = host.queue().expect("a queue");
    host.set_configuration(&[DOCUMENT, b"\n"].concat());
    assert!(root.configure(&host));
    host.enqueue(queue, b"four").expect("a queue");
    root.on_queue_ready(&host, queue);
    root.on_call_response(&host, 7, 2, 3);
    assert_eq!(seen(&old), ["message 4", "act", "called 7 2 3"]);
    assert_eq!(host.context(), 5, "the root speaks in its own name again");
    root.tick(&host);
    assert!(old.upgrade().is_some() && seen(&old).is_empty());
    drop(stream);
    root.tick(&host);
    assert!(old.upgrade().is_none(), "it has gone with its last stream");
}

/// As when a listener is updated: the old root drains, and says what the status page is told of itself, and not what the new one says.
#[test]
fn of_two_roots_of_a_plugin_the_one_that_serves_now_says_what_their_vm_has() {
    let host = FakeHost::default();
    let [old, new] = [1, 2].map(|context| configured(context, &host));
    let place = |number| keys::snapshot("diary", number);
    let says = |root: &mut Root<Diary>, number| {
        let said = |host: &FakeHost| Snapshot::decode(host.shared_data(&place(number)).ok()??.value);
        let worker = said(&host)?.worker;
        // A look that comes too soon after the last one is none.
        host.set_now(
            Timestamp::from_millis(u64::from(number) * 1_000)
                .max(worker.written.plus(Duration::from_secs(1))),
        );
        root.on_queue_ready(&host, worker.queue);
        let said = said(&host)?;
        Some((said.worker.vm, said.records().count() > 0))
    };
    let (mut old, mut new) = (old, new);
    old.serves(&host);
    assert_eq!(says(&mut old, 1), Some((1, true)), "the new one serves nothing yet");
    new.serves(&host);
    assert_eq!([says(&mut old, 1), says(&mut new, 2)], [Some((1, false)), Some((1, true))]);
    new.on_done(&host);
    assert_eq!(says(&mut old, 1), Some((1, true)));
    assert_eq!(says(&mut new, 2), None);
}
