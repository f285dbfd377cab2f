//! A chain of stages as one plugin of Envoy, and what happens to a stream: the same to it and to stages that are filters of their own.

use super::envoy::{Act, Bytes, Envoy, Host, Plugin, Version};
use super::stage::{Held, Move, Seen, Stage};
use core::cell::RefCell;
use std::rc::Rc;
use switchyard_core::chain::{Call, Chain, Direction, Flow, Holder, Interests, Part, Stages, drive, run};

/// Stages of a chain.
pub(crate) const N: usize = 4;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The next of a message: headers if they have not come, or so many bytes. The bool: it ends.
    Next(Direction, u8, bool),
    Trailers(Direction),
    Resume(Direction, usize),
    Reply(usize),
    Reset,
    /// The root's tick.
    Tick(Direction),
}

/// The chain as a plugin.
pub(crate) struct Chained<const M: usize> {
    pub(crate) chain: RefCell<Chain<M>>,
    pub(crate) stages: Vec<Stage>,
}

/// What a call of the chain borrows.
struct Around<'a, const M: usize> {
    chain: &'a RefCell<Chain<M>>,
    stages: &'a mut [Stage],
    host: &'a mut Host,
}

const fn at(direction: Direction) -> usize {
    match direction {
        Direction::Request => 0,
        Direction::Response => 1,
    }
}

impl<const M: usize> Around<'_, M> {
    fn release(&mut self, direction: Direction, stage: usize) {
        if self.chain.borrow_mut().resume(direction, stage) {
            self.stages[stage].released(direction);
        }
    }
}

impl<const M: usize> Stages for Around<'_, M> {
    fn call(&mut self, stage: usize, call: Call) -> Flow {
        let seen = match call {
            Call::Message(direction, Part::Headers { ended }) => Seen::Headers(direction, ended),
            Call::Message(direction, Part::Body { start, size, ended }) => {
                let window = self.chain.borrow().window(direction, stage);
                assert_eq!(window, Some((start, size)));
                let bytes = self.host.bodies[at(direction)][start..start + size].to_vec();
                Seen::Body(direction, bytes, ended)
            }
            Call::Message(direction, Part::Trailers) => Seen::Trailers(direction),
            Call::Done => Seen::Done,
        };
        let (flow, asked) = self.stages[stage].see(seen);
        if let (Some(bytes), Call::Message(direction, Part::Body { start, size, .. })) = (asked.replace, call)
        {
            let length = bytes.len();
            self.host.bodies[at(direction)].splice(start..start + size, bytes);
            self.chain.borrow_mut().replaced(direction, stage, length);
        }
        if let Some((direction, other)) = asked.resume
            && other < M
        {
            self.release(direction, other);
        }
        if let Some(number) = asked.reply
            && self.chain.borrow_mut().reply(stage)
        {
            self.host.acts.push(Act::Reply(number));
        }
        flow
    }

    fn resume(&mut self, direction: Direction) {
        self.host.acts.push(Act::Resume(direction));
    }
}

impl<const M: usize> Chained<M> {
    fn around<'a>(&'a mut self, host: &'a mut Host) -> Around<'a, M> {
        Around { chain: &self.chain, stages: &mut self.stages, host }
    }

    fn give(&mut self, host: &mut Host, direction: Direction, part: Part) -> Flow {
        let Self { chain, stages } = self;
        drive(chain, direction, part, &mut Around { chain, stages, host })
    }
}

impl<const M: usize> Plugin for Chained<M> {
    fn headers(&mut self, host: &mut Host, direction: Direction, ended: bool) -> Flow {
        self.give(host, direction, Part::Headers { ended })
    }

    fn body(&mut self, host: &mut Host, direction: Direction, ended: bool) -> Flow {
        let size = host.bodies[at(direction)].len();
        self.give(host, direction, Part::Body { start: 0, size, ended })
    }

    fn trailers(&mut self, host: &mut Host, direction: Direction) -> Flow {
        self.give(host, direction, Part::Trailers)
    }

    fn done(&mut self, host: &mut Host) {
        self.chain.borrow_mut().end();
        let Self { chain, stages } = self;
        run(chain, &mut Around { chain, stages, host });
    }
}

/// A stream, however its stages are run.
pub(crate) trait World {
    fn stage(&self, stage: usize) -> &Stage;
    fn resume(&mut self, direction: Direction, stage: usize);
    fn reply(&mut self, stage: usize);
    fn tick(&mut self, direction: Direction);
}

/// Filters of their own.
pub(crate) type Separate = Envoy<Stage>;
/// A chain.
pub(crate) type One<const M: usize> = Envoy<Chained<M>>;

pub(crate) fn separate(scripts: &[Vec<Move>], version: Version) -> Separate {
    let held: Held = Rc::new(RefCell::new(vec![[false; 2]; scripts.len()]));
    let stages = scripts.iter().enumerate().map(|(number, script)| Stage::new(number, script, &held));
    Envoy::new(stages.collect(), version)
}

pub(crate) fn one<const M: usize>(scripts: &[Vec<Move>], version: Version) -> One<M> {
    let held: Held = Rc::new(RefCell::new(vec![[false; 2]; M]));
    let stages = scripts.iter().enumerate().map(|(number, script)| Stage::new(number, script, &held));
    let chain = RefCell::new(Chain::new([Interests::ALL; M]));
    Envoy::new(vec![Chained { chain, stages: stages.take(M).collect() }], version)
}

/// What replies from outside are, and the number of their stage.
pub(crate) const REPLY: u32 = 3_000_000;

impl World for Separate {
    fn stage(&self, stage: usize) -> &Stage {
        &self.plugins[stage]
    }

    fn resume(&mut self, direction: Direction, stage: usize) {
        if self.plugins[stage].holds(direction) {
            self.outside(stage, |plugin, host| {
                plugin.released(direction);
                host.acts.push(Act::Resume(direction));
            });
        }
    }

    fn reply(&mut self, stage: usize) {
        if !self.plugins[stage].log.is_empty() {
            let number = REPLY + u32::try_from(stage).expect("small");
            self.outside(stage, |_, host| host.acts.push(Act::Reply(number)));
        }
    }

    fn tick(&mut self, _: Direction) {}
}

impl<const M: usize> World for One<M> {
    fn stage(&self, stage: usize) -> &Stage {
        &self.plugins[0].stages[stage]
    }

    fn resume(&mut self, direction: Direction, stage: usize) {
        self.outside(0, |plugin, host| {
            let mut around = plugin.around(host);
            around.release(direction, stage);
            run(around.chain, &mut around);
        });
    }

    fn reply(&mut self, stage: usize) {
        let number = REPLY + u32::try_from(stage).expect("small");
        self.outside(0, |plugin, host| {
            if plugin.chain.borrow_mut().reply(stage) {
                host.acts.push(Act::Reply(number));
            }
            let around = &mut plugin.around(host);
            run(around.chain, around);
        });
    }

    fn tick(&mut self, direction: Direction) {
        self.outside(0, |plugin, host| {
            plugin.chain.borrow_mut().let_go(direction);
            let around = &mut plugin.around(host);
            run(around.chain, around);
        });
    }
}

/// Who sends, and what it has sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) headers: [bool; 2],
    pub(crate) ended: [bool; 2],
    next: u32,
    pub(crate) bytes: [Bytes; 2],
    pub(crate) trailers: [bool; 2],
}

impl Sent {
    /// What an event gives, if it may happen now: `answers` if the endpoint may.
    pub(crate) fn part(&mut self, event: Event, answers: bool) -> Option<Given> {
        let (direction, size, ended) = match event {
            Event::Next(direction, size, ended) => (direction, size, ended),
            Event::Trailers(direction) => (direction, 0, true),
            _ => return None,
        };
        let way = at(direction);
        if self.ended[way] || (direction == Direction::Response && !answers) {
            return None;
        }
        self.ended[way] = ended;
        if !core::mem::replace(&mut self.headers[way], true) {
            return Some(Given::Headers(direction, ended));
        }
        if matches!(event, Event::Trailers(_)) {
            self.trailers[way] = true;
            return Some(Given::Trailers(direction));
        }
        let size = if ended { u32::from(size) } else { u32::from(size).max(1) };
        let bytes: Bytes = (self.next..self.next + size).collect();
        self.next += size;
        self.bytes[way].extend(&bytes);
        Some(Given::Body(direction, bytes, ended))
    }
}

/// What comes into Envoy.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Headers(Direction, bool),
    Body(Direction, Bytes, bool),
    Trailers(Direction),
}

/// It happens.
pub(crate) fn happen<P: Plugin>(envoy: &mut Envoy<P>, event: Event, given: Option<Given>)
where
    Envoy<P>: World,
{
    match (event, given) {
        (_, Some(Given::Headers(direction, ended))) => envoy.headers_in(direction, ended),
        (_, Some(Given::Body(direction, bytes, ended))) => envoy.body_in(direction, bytes, ended),
        (_, Some(Given::Trailers(direction))) => envoy.trailers_in(direction),
        (Event::Resume(direction, stage), None) => envoy.resume(direction, stage),
        (Event::Reply(stage), None) => envoy.reply(stage),
        (Event::Reset, None) => envoy.reset(),
        (Event::Tick(direction), None) => envoy.tick(direction),
        (Event::Next(..) | Event::Trailers(_), None) => {}
    }
}

/// A message that Envoy holds has an owner, unless it has been answered.
pub(crate) fn owned<const M: usize>(envoy: &One<M>) {
    for direction in [Direction::Request, Direction::Response] {
        let chain = envoy.plugins[0].chain.borrow();
        let holder = chain.holder(direction);
        assert_eq!(
            envoy.is_stopped(direction) && !(direction == Direction::Request && envoy.responds()),
            holder.is_some() && !(direction == Direction::Request && envoy.responds()),
            "{direction:?}: {holder:?}"
        );
        if let Some(Holder::Stage(stage)) = holder {
            assert!(envoy.plugins[0].stages[stage].holds(direction));
        }
    }
}
