//! Requests through all four stages at once, whatever happens to them: each ends exactly once, and nobody hangs.

use crate::worker::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use switchyard_frame::Stream as _;
use switchyard_frame::fake::{pass, settle};
use switchyard_host::Flow;
use switchyard_host::fake::{Called, Reply};

const JSON: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/json")];
/// Rounds of a hundred milliseconds in which everybody who is answered well must have ended.
const ROUNDS: u32 = 600;

#[derive(Clone, Debug)]
enum Event {
    /// A request for one of a few items begins.
    Begin(u8),
    /// The answer to one that is upstream comes.
    Answer { pick: usize, fails: bool },
    /// A client leaves.
    Leave(usize),
    /// A call is answered: well, with a failure, or not at all.
    Call { pick: usize, fate: u8 },
    /// Time goes on, in milliseconds.
    Pass(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0u8..4).prop_map(Event::Begin),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(pick, fails)| Event::Answer { pick, fails }),
        1 => any::<usize>().prop_map(Event::Leave),
        4 => (any::<usize>(), 0u8..3).prop_map(|(pick, fate)| Event::Call { pick, fate }),
        3 => any::<u8>().prop_map(Event::Pass),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waits,
    Upstream,
    /// Its answer is held.
    Answered,
}

struct Sky {
    worker: Worker,
    open: Vec<(Request, Place, String)>,
    calls: Vec<Called>,
    seen: Seen,
}

/// What has happened, so that it is known that all of it does.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    begun: u64,
    /// Those that waited and went on.
    went_on: u64,
    /// Those whose held answer went on, or was answered in its place.
    retried: u64,
    /// Those that were answered with another's answer, or with a share.
    shared: u64,
    calls: u64,
}

/// What the upstream has of the items that a path names.
fn items(path: &str) -> String {
    let ids = path.split_once("ids=").map_or("", |(_, ids)| ids);
    let items: Vec<_> = ids.split(',').map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    format!("[{}]", items.join(","))
}

impl Sky {
    fn new(section: &str) -> Self {
        Self { worker: Worker::alone(section), open: Vec::new(), calls: Vec::new(), seen: Seen::default() }
    }

    fn begin(&mut self, id: u8) {
        let path = format!("/items?ids={id}");
        self.seen.begun += 1;
        let request = self.worker.send(&get(&path));
        let place = if request.flow == Flow::Pause { Place::Waits } else { Place::Upstream };
        self.open.push((request, place, path));
    }

    fn answer(&mut self, pick: usize, fails: bool) {
        let upstream =
            |(at, one): (usize, &(Request, Place, String))| (one.1 == Place::Upstream).then_some(at);
        let all: Vec<_> = self.open.iter().enumerate().filter_map(upstream).collect();
        let Some(at) = pick.checked_rem(all.len()).map(|pick| all[pick]) else { return };
        let body = if fails { "sorry".to_owned() } else { items(&self.open[at].2) };
        let (request, place, _) = &mut self.open[at];
        *place = Place::Answered;
        is_of_endpoint(&self.worker, true);
        self.worker.answer(request, if fails { FAILED } else { JSON }, false);
        self.worker.host.answer_body(body.as_bytes());
        let flow =
            self.worker.of_stream(request, |stream, host| stream.on_response_body(host, body.len(), true));
        if flow == Flow::Continue {
            let (request, _, _) = self.open.remove(at);
            self.worker.end(request);
        }
    }

    fn call(&mut self, pick: usize, fate: u8) {
        let Some(at) = pick.checked_rem(self.calls.len()) else { return };
        let call = self.calls.remove(at);
        let path =
            call.request.headers.iter().find(|(name, _)| name == ":path").map(|(_, path)| path.clone());
        match fate {
            0 => self.worker.answer_call(&call, JSON, items(&path.unwrap_or_default()).as_bytes()),
            1 => self.worker.answer_call(&call, FAILED, b"sorry"),
            _ => self.worker.answer_call(&call, &[], b""),
        }
    }

    /// What was done to streams is theirs; whoever is done with ends.
    fn settle(&mut self) {
        loop {
            settle(core::slice::from_mut(&mut self.worker));
            self.seen.calls += self.worker.called.len() as u64;
            self.calls.append(&mut self.worker.called);
            let done = core::mem::take(&mut self.worker.done);
            if done.is_empty() {
                return;
            }
            done.iter().for_each(|reply| self.receives(reply));
        }
    }

    fn receives(&mut self, reply: &Reply) {
        let context = reply.context();
        let at = self.open.iter().position(|(request, ..)| request.context == context);
        let at = at.unwrap_or_else(|| panic!("{context} has ended: {reply:?}"));
        let place = self.open[at].1;
        match reply {
            Reply::WentOn { .. } => {
                assert_eq!(place, Place::Waits, "{context} went on twice");
                self.open[at].1 = Place::Upstream;
                self.seen.went_on += 1;
                return;
            }
            Reply::Resumed { .. } => {
                assert_eq!(place, Place::Answered, "{context} has no answer");
                self.seen.retried += 1;
            }
            // The answer passes by whoever has seen the request, unless one had begun.
            Reply::Answered { status, body, .. } if place != Place::Answered => {
                let (request, _, _) = &mut self.open[at];
                self.seen.shared += 1;
                is_of_endpoint(&self.worker, false);
                let head = [(":status", &*status.to_string())];
                assert_eq!(self.worker.answer(request, &head, body.is_empty()), Flow::Continue);
                if !body.is_empty() {
                    self.worker.body(request, body, true);
                }
            }
            Reply::Answered { .. } => self.seen.retried += 1,
        }
        let (request, _, _) = self.open.remove(at);
        self.worker.end(request);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Begin(id) => self.begin(id),
            Event::Answer { pick, fails } => self.answer(pick, fails),
            Event::Leave(pick) => {
                if let Some(at) = pick.checked_rem(self.open.len()) {
                    let (request, _, _) = self.open.remove(at);
                    self.worker.end(request);
                }
            }
            Event::Call { pick, fate } => self.call(pick, fate),
            Event::Pass(millis) => pass(core::slice::from_mut(&mut self.worker), millis.into()),
        }
        self.settle();
    }

    /// From now on all goes well.
    fn end(&mut self) {
        for _ in 0..ROUNDS {
            while self.open.iter().any(|(_, place, _)| *place == Place::Upstream) {
                self.happen(Event::Answer { pick: 0, fails: false });
            }
            while !self.calls.is_empty() {
                self.happen(Event::Call { pick: 0, fate: 0 });
            }
            if self.open.is_empty() {
                break;
            }
            self.happen(Event::Pass(100));
        }
        let open: Vec<_> = self.open.iter().map(|(request, place, _)| (request.context, *place)).collect();
        assert_eq!(open, [], "they hang");
        for _ in 0..50 {
            self.happen(Event::Pass(200));
        }
        assert_eq!(self.worker.period(), 0, "nothing is left to tick for");
    }
}

/// So many scripts, the same in every run.
const SCRIPTS: u32 = 200;

#[test]
fn thousands_of_requests_go_through_all_four_and_all_that_can_happen_does() {
    let (mut runner, mut seen) = (TestRunner::deterministic(), Seen::default());
    let scripts = prop::collection::vec(event(), 50..150);
    for _ in 0..SCRIPTS {
        let mut sky = Sky::new(&[COALESCE, BATCH, RETRY].join(", "));
        let events = scripts.new_tree(&mut runner).expect("a script").current();
        events.into_iter().for_each(|event| sky.happen(event));
        sky.end();
        seen.begun += sky.seen.begun;
        seen.went_on += sky.seen.went_on;
        seen.retried += sky.seen.retried;
        seen.shared += sky.seen.shared;
        seen.calls += sky.seen.calls;
    }
    assert!(seen.begun >= 5_000, "{seen:?}");
    for (what, times) in
        [("on", seen.went_on), ("again", seen.retried), ("shared", seen.shared), ("calls", seen.calls)]
    {
        assert!(times >= seen.begun / 50, "{what}: {seen:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn each_request_ends_once_and_nobody_hangs(
        section in prop::sample::select(vec![
            [COALESCE, BATCH, RETRY].join(", "),
            [COALESCE, RETRY].join(", "),
            [BATCH, RETRY].join(", "),
        ]),
        events in prop::collection::vec(event(), 1..150),
    ) {
        let mut sky = Sky::new(&section);
        events.into_iter().for_each(|event| sky.happen(event));
        sky.end();
    }
}
