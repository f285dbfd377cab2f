//! Requests through all four stages at once, whatever happens to them: each ends exactly once, and nobody hangs.

use crate::worker::*;
use proptest::prelude::*;
use switchyard_frame::Stream as _;
use switchyard_frame::fake::{pass, settle};
use switchyard_host::Passage;
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
}

/// What the upstream has of the items that a path names.
fn items(path: &str) -> String {
    let ids = path.split_once("ids=").map_or("", |(_, ids)| ids);
    let items: Vec<_> = ids.split(',').map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    format!("[{}]", items.join(","))
}

impl Sky {
    fn new(section: &str) -> Self {
        Self { worker: Worker::alone(section), open: Vec::new(), calls: Vec::new() }
    }

    fn begin(&mut self, id: u8) {
        let path = format!("/items?ids={id}");
        let request = self.worker.send(&get(&path));
        let place = if request.passage == Passage::Held { Place::Waits } else { Place::Upstream };
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
        let passage =
            self.worker.of_stream(request, |stream, host| stream.on_response_body(host, body.len(), true));
        if passage == Passage::On {
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
                return;
            }
            Reply::Resumed { .. } => assert_eq!(place, Place::Answered, "{context} has no answer"),
            // The answer passes by whoever has seen the request, unless one had begun.
            Reply::Answered { status, body, .. } if place != Place::Answered => {
                let (request, _, _) = &mut self.open[at];
                is_of_endpoint(&self.worker, false);
                let head = [(":status", &*status.to_string())];
                assert_eq!(self.worker.answer(request, &head, body.is_empty()), Passage::On);
                if !body.is_empty() {
                    self.worker.body(request, body, true);
                }
            }
            Reply::Answered { .. } => {}
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
        assert_eq!(self.worker.period(), 250, "nothing is left to tick for but the router's counts");
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
