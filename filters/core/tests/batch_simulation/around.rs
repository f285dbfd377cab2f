//! What a worker's gatherer sees of the world, and the onlooker who sees what it does to it.

use crate::asked::{PATHS, Thing};
use crate::calls::{Call, Calls, Event as Happens, Outside};
use crate::service::{Fault, answer, done, fault, head, things};
use crate::shapes::Shape;
use crate::simulation::House;
use crate::stream::Stream;
use core::time::Duration;
use hashbrown::{HashMap, HashSet};
use switchyard_core::Timestamp;
use switchyard_core::batch::gather::{CallId, End, Event, Policy, Reply, Request, StreamId, World};
use switchyard_core::request::PlainRequest;

pub(crate) struct Around<'a> {
    pub(crate) worker: usize,
    pub(crate) shape: &'a Shape,
    pub(crate) outside: &'a mut Outside,
    pub(crate) calls: &'a mut Calls,
    pub(crate) house: &'a mut House,
    pub(crate) streams: &'a mut [Stream],
}

impl Around<'_> {
    /// Nobody is in this call who may not be, and all are in order.
    fn looks_at(&mut self, policy: &Policy, request: &Request<'_>, things: &[Thing], left: Duration) {
        let header = |name: &str| {
            request.headers.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| *value)
        };
        let settings = policy.settings();
        assert!(things.len() <= settings.max_items as usize, "{} items", things.len());
        let members: HashSet<_> = things.iter().map(|thing| thing.serial).collect();
        assert!(members.len() > 1, "who is alone goes on alone");
        assert!(left >= Duration::from_millis(1), "no time is no limit");
        let mut last: HashMap<usize, (usize, usize)> = HashMap::new();
        for thing in things {
            let stream = &self.streams[thing.serial];
            assert_eq!(thing.who.to_string(), header("authorization"), "principals are never mixed");
            assert_eq!(PATHS[stream.asked.route], header(":path"));
            let before = last.insert(stream.worker, (thing.serial, thing.place));
            assert!(
                before.is_none_or(|before| before < (thing.serial, thing.place)),
                "who came first is first"
            );
            if self.outside.is_smooth() {
                let ends = self.outside.now.plus(left);
                assert!(ends <= stream.deadline.plus(Duration::from_millis(1)), "nobody's time is passed");
            }
        }
    }

    /// A service takes a call.
    fn serves(&mut self, route: usize, body: &str, left: Duration) -> CallId {
        let things = things(body);
        let fault = fault(&self.shape.faults, &things, &mut self.outside.rng);
        let serials = |things: &[(Option<String>, Thing)]| {
            things.iter().map(|(_, thing)| thing.serial).collect::<HashSet<_>>()
        };
        serials(&things).iter().for_each(|_| self.outside.tally.count("items"));
        for serial in serials(&things[..done(fault, route == 0, things.len())]) {
            self.streams[serial].reaches();
        }
        let (outside, calls) = (&mut *self.outside, &mut *self.calls);
        if let Some(fault) = fault {
            outside.tally.count(format!("{fault:?}"));
        }
        let mut takes = calls.services[route].takes(things.len(), outside.now);
        let mut says = answer(&things, route == 0, fault, &mut outside.rng);
        if takes > left || fault == Some(Fault::Hangs) {
            // The host's timer may be a little early, and says so in one of two ways.
            takes = left.saturating_sub(Duration::from_millis(outside.rng.u64(0..5)));
            says = outside.rng.bool().then(|| (head(504), b"upstream request timeout".to_vec()));
        }
        calls.sets_out(route, self.shape);
        let call = calls.begins(Call { worker: self.worker, route, answer: says });
        // A host may even forget one.
        if fault != Some(Fault::Hangs) || outside.rng.bool() {
            outside.plan(takes, Happens::Called(call));
        }
        call
    }
}

impl World<PlainRequest> for Around<'_> {
    fn now(&mut self) -> Timestamp {
        self.outside.wall()
    }

    fn call(&mut self, policy: &Policy, request: &Request<'_>, left: Duration) -> Option<CallId> {
        assert!(self.house.acting, "only callbacks of the root make calls");
        let body = core::str::from_utf8(request.body).expect("text");
        let things: Vec<_> = things(body).into_iter().map(|(_, thing)| thing).collect();
        self.looks_at(policy, request, &things, left);
        if self.outside.happens(self.shape.faults.unreachable) {
            return None;
        }
        self.outside.tally.count("calls");
        let route = self.streams[things[0].serial].asked.route;
        Some(self.serves(route, body, left))
    }

    fn resume(&mut self, policy: &Policy, stream: StreamId, left: Duration) -> bool {
        let smooth = self.outside.is_smooth();
        let now = self.outside.now;
        let id = self.house.stream(stream);
        let stream = &mut self.streams[id];
        stream.state.resumes();
        assert_eq!(policy.route(), stream.policy.route());
        assert!(!smooth || now.plus(left) == stream.deadline.max(now), "it has the time that is left");
        self.house.resumed.push(id);
        true
    }

    fn reply(&mut self, stream: StreamId, reply: &Reply<'_>, _: Option<End>) -> bool {
        let id = self.house.stream(stream);
        self.streams[id].takes(reply, self.shape.is_calm, &mut self.outside.tally);
        self.house.replied.push(id);
        true
    }

    fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        self.outside.send(queue, message)
    }

    fn read(&mut self, slot: u32) -> Option<(Vec<u8>, u32)> {
        self.outside.read(slot)
    }

    fn swap(&mut self, slot: u32, value: &[u8], cas: u32) -> bool {
        self.outside.swap(slot, value, cas)
    }

    fn count(&mut self, _: &Policy, event: Event) {
        self.outside.tally.event(event);
    }
}
