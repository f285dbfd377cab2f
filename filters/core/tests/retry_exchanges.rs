//! Requests that may be tried again, from their head to what their clients get, in a world that answers as a test says.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use std::rc::Rc;
use switchyard_core::budget::{Budget, BudgetPolicy, Concurrency};
use switchyard_core::health::Health;
use switchyard_core::memory::{MOST_ANSWER, Memory};
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::exchanges::{
    Answer, Budgets, Call, CallId, Candidate, Delivery, Event, Fund, MOST_KEPT, Policy, Reply, Retries,
    StreamId, Upstream, WorkerBudget, World,
};
use switchyard_core::retry::{BodyMatch, BodyRule, Denied, Engine, GRACE, RetryOn, Settings};
use switchyard_core::{Flow, Timestamp};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// One gRPC message of one byte.
const MESSAGE: &[u8] = b"\0\0\0\0\x01x";
/// A wait is over by then.
const WAIT: Duration = Duration::from_millis(25);

/// Two endpoints.
struct Shop {
    now: Timestamp,
    rng: fastrand::Rng,
    budget: Budget,
    headers: PlainRequest,
    trailers: PlainRequest,
    /// How long each attempt of ours may take, and how long its answer may take to begin.
    sent: Vec<(Duration, Option<Duration>)>,
    /// How many answers to them were read.
    read: usize,
    delivered: usize,
    counted: Vec<Event>,
}

impl Budgets for Shop {
    fn now(&mut self) -> Timestamp {
        self.now
    }

    fn change_budget<R>(&mut self, _: Fund, mut change: impl FnMut(&mut Budget) -> R) -> Option<R> {
        Some(change(&mut self.budget))
    }
}

impl World<PlainRequest> for Shop {
    fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    fn candidates<'a>(
        &'a self,
        _: &'a Upstream,
        _: &'a PlainRequest,
    ) -> impl Iterator<Item = Option<usize>> + 'a {
        [Some(0), Some(1)].into_iter()
    }

    fn endpoints(&self, _: &Upstream) -> usize {
        2
    }

    fn priority(&self, _: &Upstream, _: usize) -> u32 {
        0
    }

    fn health(&self, _: &Upstream, _: usize) -> Health {
        Health::Healthy
    }

    fn request_body(&mut self, _: usize) -> Vec<u8> {
        Vec::new()
    }

    fn response_headers(&mut self) -> Option<PlainRequest> {
        Some(self.headers.clone())
    }

    fn response_body(&mut self, size: usize) -> Vec<u8> {
        MESSAGE.iter().copied().take(size).collect()
    }

    fn response_trailers(&mut self) -> PlainRequest {
        self.trailers.clone()
    }

    fn response_details(&mut self) -> Vec<u8> {
        b"via_upstream".to_vec()
    }

    fn request_time(&mut self) -> Option<Timestamp> {
        None
    }

    fn first_endpoint(&mut self, _: &Upstream) -> Option<usize> {
        Some(0)
    }

    fn reply_headers(&self, _: &PlainRequest) -> Vec<(Box<str>, Box<[u8]>)> {
        Vec::new()
    }

    fn call(&mut self, call: &Call<'_, PlainRequest>) -> Option<CallId> {
        self.sent.push((call.timeout, call.begins_within()));
        Some(call.stream)
    }

    fn call_answer(&mut self, _: usize, _: bool) -> Answer<PlainRequest> {
        self.read += 1;
        let headers = PlainRequest::default().with(":status", "200");
        Answer { headers, body: b"hello".to_vec(), ..Answer::default() }
    }

    fn mark_overtaken(&mut self, _: StreamId) {}

    fn replace(&mut self, _: StreamId, _: &Delivery<'_, PlainRequest>) -> bool {
        false
    }

    fn reply(&mut self, _: StreamId, reply: &Reply<'_, PlainRequest>) {
        self.delivered += usize::from(matches!(reply, Reply::Delivered(_)));
    }

    fn resume(&mut self, _: StreamId) {}

    fn count(&mut self, _: StreamId, _: &Policy, event: Event) {
        self.counted.push(event);
    }
}

/// A worker with requests under one policy.
struct Worker {
    world: Shop,
    retries: Retries<PlainRequest>,
    policy: Rc<Policy>,
}

impl Worker {
    fn new(settings: Settings) -> Self {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let (memory, there) = (Memory::default(), Budget::default());
        let budget =
            WorkerBudget::new(BudgetPolicy::default(), Fund::Route(0), Concurrency::default(), &there, now);
        let settings = Settings { engine: Engine::Filter, ..settings };
        let policy = Rc::new(Policy::new(0, settings, budget, &memory));
        let bodies = memory.kept.part(MOST_KEPT);
        let world = Shop {
            now,
            rng: fastrand::Rng::with_seed(1),
            budget: there,
            headers: PlainRequest::default().with(":status", "503"),
            trailers: PlainRequest::default(),
            sent: Vec::new(),
            read: 0,
            delivered: 0,
            counted: Vec::new(),
        };
        Self { world, retries: Retries::new((memory, bodies)), policy }
    }

    fn begin(&mut self, stream: StreamId, head: PlainRequest) {
        let (policy, upstream) = (Rc::clone(&self.policy), Rc::new(Upstream::new(0, None)));
        let request =
            Candidate { stream, policy, upstream, head, ended: true, waits: false, stale_key: None };
        self.retries.begin(&mut self.world, request);
    }

    /// The request of this stream has begun, its endpoint has failed, and another attempt is under way.
    fn call(&mut self, stream: StreamId) {
        self.begin(stream, PlainRequest::get("/"));
        assert_eq!(self.retries.response_headers(&mut self.world, stream, true), Flow::Pause);
        self.tick_after(WAIT);
    }

    fn tick_after(&mut self, after: Duration) {
        self.world.now = self.world.now.plus(after);
        self.retries.tick(&mut self.world);
    }

    fn has_counted(&self, event: Event) -> bool {
        self.world.counted.contains(&event)
    }
}

#[test]
fn requests_are_known_until_they_are_gone_and_calls_until_they_are_answered() {
    let mut worker = Worker::new(Settings::default());
    let counts = |worker: &Worker| (worker.retries.len(), worker.retries.is_empty(), worker.retries.calls());
    assert_eq!(counts(&worker), (0, true, 0));
    worker.begin(1, PlainRequest::get("/"));
    worker.call(2);
    worker.call(3);
    assert_eq!(counts(&worker), (3, false, 2));
    worker.retries.answered(&mut worker.world, 2, 5);
    assert_eq!(counts(&worker), (3, false, 1));
    for stream in 1..=3 {
        assert!(worker.retries.gone(&mut worker.world, stream));
    }
    assert_eq!(counts(&worker), (0, true, 1), "its answer is still to come");
}

#[test]
fn an_answer_of_64_mib_is_taken_and_a_longer_one_is_not() {
    for (size, is_taken) in [(MOST_ANSWER, true), (MOST_ANSWER + 1, false)] {
        let mut worker = Worker::new(Settings::default());
        worker.call(1);
        worker.retries.answered(&mut worker.world, 1, size);
        assert_eq!(worker.world.delivered, usize::from(is_taken), "{size}");
        assert_ne!(worker.has_counted(Event::Denied(Denied::Memory)), is_taken, "{size}");
    }
}

#[test]
fn nobody_reads_the_answer_to_an_attempt_of_a_request_that_has_timed_out() {
    let mut worker = Worker::new(Settings::default());
    worker.call(1);
    worker.tick_after(Settings::default().deadline.timeout + GRACE);
    assert!(worker.has_counted(Event::Watchdog));
    worker.retries.answered(&mut worker.world, 1, 5);
    assert_eq!((worker.world.read, worker.world.delivered), (0, 0));
}

#[test]
fn an_attempt_has_a_time_to_begin_in_only_if_that_is_less_than_it_has_in_all() {
    for (left, begins) in [(1, true), (0, false)] {
        let total = Settings::default().deadline.timeout - WAIT;
        let limit = total - Duration::from_millis(left);
        let mut worker = Worker::new(Settings { per_try_timeout: Some(limit), ..Settings::default() });
        worker.call(1);
        assert_eq!(worker.world.sent, [(total, begins.then_some(limit))]);
    }
}

#[test]
fn only_json_with_a_body_that_cannot_be_read_goes_unjudged_and_is_counted() {
    let rule = BodyMatch { pointer: "/error".into(), rule: BodyRule::Exists };
    let retry_on = RetryOn { body: vec![rule], ..RetryOn::default() };
    for (kind, ended, is_counted) in [
        ("application/json", false, true),
        ("application/json", true, false),
        ("text/html", false, false),
        ("text/html", true, false),
    ] {
        let mut worker = Worker::new(Settings { retry_on: retry_on.clone(), ..Settings::default() });
        worker.world.headers = PlainRequest::default()
            .with(":status", "200")
            .with("content-type", kind)
            .with("content-encoding", "gzip");
        worker.begin(1, PlainRequest::get("/"));
        assert_eq!(worker.retries.response_headers(&mut worker.world, 1, ended), Flow::Continue);
        assert_eq!(worker.has_counted(Event::Denied(Denied::Answer)), is_counted, "{kind}, ended: {ended}");
    }
}

#[test]
fn a_grpc_server_that_pushes_back_is_given_the_milliseconds_that_it_names_and_else_no_retry() {
    for (pushback, waits) in [("100", true), ("-1", false), ("soon", false)] {
        let mut worker = Worker::new(Settings::default());
        worker.world.headers =
            PlainRequest::default().with(":status", "200").with("content-type", "application/grpc");
        worker.world.trailers =
            PlainRequest::default().with("grpc-status", "14").with("grpc-retry-pushback-ms", pushback);
        worker.begin(1, PlainRequest::get("/").with("content-type", "application/grpc"));
        let (retries, world) = (&mut worker.retries, &mut worker.world);
        assert_eq!(retries.response_headers(world, 1, false), Flow::Pause);
        assert_eq!(retries.response_body(world, 1, MESSAGE.len(), false), Flow::Pause);
        let flow = retries.response_trailers(world, 1);
        assert_eq!(flow, if waits { Flow::Pause } else { Flow::Continue }, "{pushback}");
        assert_ne!(worker.has_counted(Event::Denied(Denied::RetryAfter)), waits, "{pushback}");
        let wait = worker.world.counted.iter().find_map(|event| match event {
            Event::Retry(_, wait) => Some(*wait),
            _ => None,
        });
        assert_eq!(wait.map(|wait| wait >= Duration::from_millis(100)), waits.then_some(true), "{pushback}");
    }
}
