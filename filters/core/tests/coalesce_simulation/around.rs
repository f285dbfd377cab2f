//! What a worker's flights see of the world, and the onlooker who sees what they do to it.

use crate::outside::Outside;
use crate::stream::{State, Stream};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Answer, Event, Exit, Policy, Served, StreamId, World};

/// A worker without its flights.
#[derive(Default)]
pub(crate) struct House {
    /// Streams by their number in this VM.
    pub(crate) streams: HashMap<StreamId, usize>,
    /// This is a callback of the root that may act.
    pub(crate) acting: bool,
    /// Why those go on whom the next act lets go, in order.
    pub(crate) exits: VecDeque<Exit>,
    /// One of them has ended before: nobody can tell which.
    pub(crate) blurred: bool,
    /// Clients that have left while they waited.
    pub(crate) gone: u64,
    /// What the host does when the callback is over.
    pub(crate) resumed: Vec<usize>,
    pub(crate) replied: Vec<usize>,
    /// Streams that were let go and have not ended, by key.
    pub(crate) released: HashMap<Rc<[u8]>, u32>,
}

impl House {
    /// The callback that may act is over; nobody is left who may go.
    pub(crate) fn is_over(&mut self) {
        self.acting = false;
        self.exits.clear();
        self.blurred = false;
    }
}

pub(crate) struct Around<'a> {
    pub(crate) outside: &'a mut Outside,
    pub(crate) house: &'a mut House,
    pub(crate) streams: &'a mut [Stream],
}

impl Around<'_> {
    fn stream(&mut self, stream: StreamId) -> (usize, &mut Stream) {
        assert!(self.house.acting, "only callbacks of the root touch streams");
        let id = *self.house.streams.get(&stream).expect("no dead stream is touched");
        (id, &mut self.streams[id])
    }

    /// Why this one goes on.
    fn lets_go(&mut self, id: usize) {
        if self.house.blurred {
            self.outside.tally.blurred += 1;
            return;
        }
        let exit = self.house.exits.pop_front().expect("every exit is counted");
        let stream = &mut self.streams[id];
        stream.exit = Some(exit);
        if let (Exit::Released | Exit::Vary, Some(key)) = (exit, &stream.key) {
            let released = self.house.released.entry(Rc::clone(key)).or_default();
            *released += 1;
            let most = self.outside.may_release.iter().find(|(name, _)| *name == stream.policy.route());
            assert!(most.is_some_and(|(_, most)| *released <= *most), "no herd: {released} of {most:?}");
            let most = &mut self.outside.tally.most_released;
            *most = (*most).max(*released);
        }
    }
}

impl World for Around<'_> {
    fn now(&mut self) -> Timestamp {
        self.outside.wall()
    }

    fn read(&mut self, bucket: u32) -> Option<(Vec<u8>, u32)> {
        self.outside.read(bucket)
    }

    fn swap(&mut self, bucket: u32, value: &[u8], cas: u32) -> bool {
        self.outside.swap(bucket, value, cas)
    }

    fn put(&mut self, bucket: u32, value: &[u8]) {
        self.outside.put(bucket, value);
    }

    fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        self.outside.send(queue, message)
    }

    fn resume(&mut self, stream: StreamId) -> bool {
        let (id, stream) = self.stream(stream);
        stream.resumes();
        self.lets_go(id);
        self.house.resumed.push(id);
        true
    }

    fn reply(&mut self, stream: StreamId, answer: &Rc<Answer>, served: Served, _: Timestamp) -> bool {
        let (id, stream) = self.stream(stream);
        assert_eq!(stream.state, State::Paused, "only who waits is answered");
        stream.state = State::Answered;
        self.streams[id].is_given(answer, served, self.outside);
        self.house.replied.push(id);
        true
    }

    fn count(&mut self, _: &Policy, event: Event) {
        if let Event::Left(exit @ (Exit::Led | Exit::Released | Exit::Vary | Exit::MaxWait), _) = event {
            self.house.exits.push_back(exit);
        }
        self.house.gone += u64::from(matches!(event, Event::Left(Exit::Gone, _)));
        self.outside.tally.count(event);
    }
}
