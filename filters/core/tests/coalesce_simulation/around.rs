//! What a worker's flights see of the world, and the onlooker who sees what they do to it.

use crate::asked::{Asked, Outside};
use crate::simulation::House;
use crate::stream::Stream;
use crate::worker::ROUTES;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Answer, Board, Event, Exit, Policy, Served, StreamId, World};

/// Who goes on in a worker, and why.
#[derive(Default)]
pub(crate) struct Exits {
    /// Why those go on whom the next act lets go, in order.
    next: VecDeque<Exit>,
    /// One of them has ended before: nobody can tell which.
    pub(crate) blurred: bool,
    /// Clients that have left while they waited.
    pub(crate) gone: u64,
    /// Streams that were let go and have not ended, by key.
    pub(crate) released: HashMap<Rc<[u8]>, u32>,
}

impl Exits {
    /// The callback that may act is over; nobody is left who may go.
    pub(crate) fn end_callback(&mut self) {
        self.next.clear();
        self.blurred = false;
    }
}

pub(crate) struct Around<'a> {
    pub(crate) outside: &'a mut Outside,
    pub(crate) asked: &'a [Asked],
    /// How many of a key may be let go and under way in one worker, by route.
    pub(crate) may_release: [u32; 2],
    pub(crate) house: &'a mut House,
    pub(crate) exits: &'a mut Exits,
    pub(crate) streams: &'a mut [Stream],
}

impl Around<'_> {
    /// Why this one goes on.
    fn lets_go(&mut self, id: usize) {
        if self.exits.blurred {
            self.outside.tally.count("blurred");
            return;
        }
        let exit = self.exits.next.pop_front().expect("every exit is counted");
        let stream = &mut self.streams[id];
        stream.exit = Some(exit);
        if let (Exit::Released | Exit::Vary | Exit::MaxWait, Some(key)) = (exit, &stream.key) {
            let released = self.exits.released.entry(Rc::clone(key)).or_default();
            *released += 1;
            let most = ROUTES.iter().zip(self.may_release).find(|(name, _)| **name == stream.policy.route());
            assert!(most.is_some_and(|(_, most)| *released <= most), "no herd: {released} of {most:?}");
            self.outside.tally.count(format!("{released} at a time"));
        }
    }
}

impl Board for Around<'_> {
    fn read(&mut self, bucket: u32) -> Option<(Vec<u8>, u32)> {
        self.outside.read(bucket)
    }

    fn swap(&mut self, bucket: u32, value: &[u8], cas: u32) -> bool {
        self.outside.swap(bucket, value, cas)
    }

    fn put(&mut self, bucket: u32, value: &[u8]) {
        self.outside.slots.put(bucket, value);
    }
}

impl World for Around<'_> {
    fn now(&mut self) -> Timestamp {
        self.outside.wall()
    }

    fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        self.outside.send(queue, message)
    }

    fn resume(&mut self, stream: StreamId) -> bool {
        let id = self.house.stream(stream);
        self.streams[id].state.resumes();
        self.lets_go(id);
        self.house.resumed.push(id);
        true
    }

    fn reply(&mut self, stream: StreamId, answer: &Rc<Answer>, served: Served, _: Timestamp) -> bool {
        let id = self.house.stream(stream);
        self.streams[id].state.answers();
        self.streams[id].takes(answer, served, self.outside, self.asked);
        self.house.replied.push(id);
        true
    }

    fn count(&mut self, _: &Policy, event: Event) {
        if let Event::Left(
            exit @ (Exit::Led | Exit::Released | Exit::Vary | Exit::MaxWait | Exit::Overdue),
            _,
        ) = event
        {
            self.exits.next.push_back(exit);
        }
        self.exits.gone += u64::from(matches!(event, Event::Left(Exit::Gone, _)));
        self.outside.tally.event(event);
    }
}
