//! One request through the stages of a chain.
//!
//! Invariants: stages are called one at a time and in the order that the chain says; nobody finds a journey that has ended; a message that
//! the chain itself holds is on its desk's list.

use super::Chained;
use super::desk::Desk;
use super::edits::Edits;
use super::filters::Filters;
use super::host::StageHost;
use super::written::Written;
use crate::{Head, Stream};
use core::cell::{Cell, RefCell};
use std::rc::Rc;
use switchyard_core::chain::{self, Call, Chain, Direction, Holder, Interests, Part, Stages};
use switchyard_core::decisions::Note;
use switchyard_host::{Flow, Host};

/// The chain of one request, and its stages' streams.
pub(super) struct Journey<T: Filters<N>, const N: usize> {
    pub(super) context: u32,
    pub(super) chained: Rc<Chained<T, N>>,
    pub(super) chain: RefCell<Chain<N>>,
    pub(super) edits: Edits,
    /// What was decided for it, if anybody is to hear it.
    decisions: Option<Written>,
    streams: RefCell<T::Streams>,
    answer: Cell<Answer>,
}

/// How far the answer has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answer {
    #[default]
    None,
    /// It is the stages'.
    Begun,
    /// It took the place of one that had begun: no stage's any more.
    Second,
}

impl<T: Filters<N>, const N: usize> Journey<T, N> {
    pub(super) fn new(context: u32, chained: Rc<Chained<T, N>>) -> Self {
        let decisions = chained.decisions.is_some().then(Written::default);
        let interests = chained.used.map(|used| if used { Interests::ALL } else { Interests::NONE });
        Self {
            context,
            chained,
            chain: RefCell::new(Chain::new(interests)),
            edits: Edits::default(),
            decisions,
            streams: RefCell::default(),
            answer: Cell::default(),
        }
    }

    /// Whether anybody is to hear what was decided for it.
    pub(super) fn is_told(&self) -> bool {
        self.decisions.is_some()
    }

    /// Something was decided for it.
    pub(super) fn note<'n>(&self, note: impl FnOnce() -> Note<'n>) {
        if let Some(decisions) = &self.decisions {
            decisions.add(&note());
        }
    }

    /// Whether something was that is not written yet.
    pub(super) fn has_news(&self) -> bool {
        self.decisions.as_ref().is_some_and(Written::has_news)
    }

    /// Writes what was decided for it. In its own name.
    pub(super) fn write_down<H: Host>(&self, host: &H) {
        if let (Some(decisions), Some(property)) = (&self.decisions, &self.chained.decisions) {
            decisions.write(property, host);
        }
    }

    /// Takes note of a part of an answer. `true`: it is of one that no stage sees; a host that gives it all the same is not to hold it.
    fn note_second_answer(&self, part: Part) -> bool {
        let is_head = matches!(part, Part::Headers { .. });
        let answer = match self.answer.get() {
            Answer::None => Answer::Begun,
            Answer::Begun if is_head => Answer::Second,
            other => other,
        };
        self.answer.set(answer);
        answer == Answer::Second
    }

    /// Envoy gives a part of a message.
    fn drive<H: Host>(&self, direction: Direction, part: Part, host: &H) -> Flow {
        if direction == Direction::Response && self.note_second_answer(part) {
            return Flow::Continue;
        }
        let flow = chain::drive(&self.chain, direction, part, &mut Driver { journey: self, host });
        if flow == Flow::Continue && direction == Direction::Request {
            self.edits.write(host);
        }
        self.write_down(host);
        // A host that refused to tick is asked again with the next message.
        self.settle(&self.chained.desk, host);
        flow
    }

    /// Does what there is to do after stages have asked for something outside their callbacks; `desk`: of the configuration whose
    /// callback it is.
    pub(super) fn run<H: Host>(&self, desk: &Desk<N>, host: &H) {
        chain::run(&self.chain, &mut Driver { journey: self, host });
        self.settle(desk, host);
    }

    /// What the chain itself holds a tick is to let go, of the root that is acting: that of the stream may be gone.
    fn settle<H: Host>(&self, desk: &Desk<N>, host: &H) {
        let journeys = &self.chained.setup.own.journeys;
        for direction in [Direction::Request, Direction::Response] {
            if self.is_owed(direction) {
                journeys.owes(self.context, direction);
            }
        }
        if !journeys.owes_nothing() {
            desk.ticks.set_own(crate::SHORTEST_TICK, &desk.timer(host));
        }
    }

    /// Whether the chain holds a message that no stage does.
    pub(super) fn is_owed(&self, direction: Direction) -> bool {
        self.chain.try_borrow().is_ok_and(|chain| chain.holder(direction) == Some(Holder::Chain))
    }

    /// What the chain itself holds goes on.
    pub(super) fn let_go<H: Host>(&self, direction: Direction, desk: &Desk<N>, host: &H) {
        if let Ok(mut chain) = self.chain.try_borrow_mut() {
            chain.let_go(direction);
        }
        self.run(desk, host);
    }
}

/// A journey's stages during one callback.
struct Driver<'a, H, T: Filters<N>, const N: usize> {
    journey: &'a Journey<T, N>,
    host: &'a H,
}

impl<H: Host, T: Filters<N>, const N: usize> Stages for Driver<'_, H, T, N> {
    fn call(&mut self, stage: usize, call: Call) -> Flow {
        let journey = self.journey;
        let Ok(mut streams) = journey.streams.try_borrow_mut() else { return Flow::Continue };
        let is_head = matches!(call, Call::Message(Direction::Request, Part::Headers { .. }));
        let (head, none) = (is_head.then(|| journey.edits.head(self.host)), Head::default());
        let head = head.as_deref().unwrap_or(&none);
        let host = StageHost::of_journey(journey, stage, self.host);
        T::call(&journey.chained.stages, &mut streams, (journey.context, stage, call), head, &host)
    }

    fn resume(&mut self, direction: Direction) {
        self.journey.write_down(self.host);
        // Whoever cannot be let go is gone.
        let _ = match direction {
            Direction::Request => {
                self.journey.edits.write(self.host);
                self.host.resume_request()
            }
            Direction::Response => self.host.resume_response(),
        };
    }
}

/// One request, as Envoy knows it. It is found by its context from its head to its end, or until it is dropped.
pub struct ChainStream<T: Filters<N>, const N: usize>(Rc<Journey<T, N>>);

impl<T: Filters<N>, const N: usize> ChainStream<T, N> {
    pub(super) fn new(journey: Rc<Journey<T, N>>) -> Self {
        Self(journey)
    }

    fn journeys(&self) -> &super::desk::Journeys<T, N> {
        &self.0.chained.setup.own.journeys
    }

    fn drive<H: Host>(&self, direction: Direction, part: Part, host: &H) -> Flow {
        self.journeys().callback_begins();
        self.0.drive(direction, part, host)
    }
}

impl<T: Filters<N>, const N: usize> Drop for ChainStream<T, N> {
    fn drop(&mut self) {
        self.journeys().end(self.0.context);
    }
}

impl<T: Filters<N>, const N: usize> Stream for ChainStream<T, N> {
    fn on_request_headers<H: Host>(&mut self, host: &H, _head: &Head, ended: bool) -> Flow {
        self.journeys().begin(self.0.context, &self.0);
        self.drive(Direction::Request, Part::Headers { ended }, host)
    }

    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        self.drive(Direction::Request, Part::Body { start: 0, size, ended }, host)
    }

    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.drive(Direction::Request, Part::Trailers, host)
    }

    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Flow {
        self.drive(Direction::Response, Part::Headers { ended }, host)
    }

    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        self.drive(Direction::Response, Part::Body { start: 0, size, ended }, host)
    }

    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.drive(Direction::Response, Part::Trailers, host)
    }

    fn on_done<H: Host>(&mut self, host: &H) {
        self.journeys().callback_begins();
        self.journeys().end(self.0.context);
        if let Ok(mut chain) = self.0.chain.try_borrow_mut() {
            chain.end();
        }
        self.0.run(&self.0.chained.desk, host);
    }
}
