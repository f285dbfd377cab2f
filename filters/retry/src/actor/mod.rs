//! Steps that the root takes for streams that wait: attempts sent, answers given, held answers let go.
//!
//! Only from the root's callbacks: an answer sent to another stream from a stream's own callback hangs. Whatever is done in
//! a stream's name is undone before anything else: calls are the root's, so that they outlive the stream.

mod calls;
mod replies;

use crate::exchange::{Exchange, places, report};
use crate::plan::{Route, Upstream};
use crate::worker::{Waiting, Worker};
use calls::Answer;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::retry::{Attempts, Decision, Step};
use switchyard_host::{
    Bodies, CallAnswers, Contexts, HttpCalls, MetricSink, Properties, Replies, ResponseHeaders, SharedData,
};

/// What the root asks of its host for the streams that wait.
pub trait ActorHost:
    Contexts + Replies + HttpCalls + CallAnswers + Bodies + ResponseHeaders + Properties + SharedData + MetricSink
{
}

impl<
    T: Contexts
        + Replies
        + HttpCalls
        + CallAnswers
        + Bodies
        + ResponseHeaders
        + Properties
        + SharedData
        + MetricSink,
> ActorHost for T
{
}

/// The root at work, at one moment.
pub(crate) struct Actor<'a, H> {
    pub(crate) worker: &'a Rc<Worker>,
    pub(crate) root: u32,
    pub(crate) now: Timestamp,
    pub(crate) host: &'a H,
}

impl<H: ActorHost> Actor<'_, H> {
    /// Does what is due of all that waits.
    pub(crate) fn tick(&self) {
        let waiting: Vec<Waiting> = self.worker.waiting.borrow().values().cloned().collect();
        for this in waiting {
            let Ok(mut exchange) = this.try_borrow_mut() else { continue };
            let is_due = exchange.due.is_some()
                || exchange.attempts.as_ref().is_some_and(|attempts| attempts.due() <= self.now);
            if is_due {
                self.advance(&this, &mut exchange);
            }
        }
    }

    fn advance(&self, this: &Waiting, exchange: &mut Exchange) {
        let Some((route, upstream)) = places(self.worker, exchange) else { return };
        // What was counted when it was decided is not counted again.
        let decision = match exchange.due.take() {
            Some(decision) => Decision { denied: None, retry: None, overdue: false, ..decision },
            None => match self
                .ask(exchange, route, upstream, |attempts, route, world| attempts.tick(route.local(), world))
            {
                Some(decision) => decision,
                None => return,
            },
        };
        self.act(this, exchange, decision, None);
    }

    /// Asks the machine of this request.
    fn ask(
        &self,
        exchange: &mut Exchange,
        route: &Route,
        upstream: &Upstream,
        question: impl FnOnce(&mut Attempts, &Route, &mut crate::worker::Around<'_, H>) -> Decision,
    ) -> Option<Decision> {
        let candidates = exchange.candidates(upstream);
        let kept = exchange.body.is_whole();
        let attempts = exchange.attempts.as_mut()?;
        attempts.subject().kept = kept;
        let mut world = self.worker.around(route, upstream, &candidates, self.now, self.host)?;
        let decision = question(attempts, route, &mut world);
        let places = core::mem::take(&mut world.places);
        drop(world);
        exchange.places.extend(places);
        Some(decision)
    }

    /// Takes this step, and those that follow from it.
    fn act(&self, this: &Waiting, exchange: &mut Exchange, first: Decision, answer: Option<&Answer>) {
        let Some((route, _)) = places(self.worker, exchange) else { return };
        let mut decision = first;
        loop {
            exchange.count(&decision, route, self.host);
            let done = match decision.step {
                Step::Wait => true,
                Step::PassOn => self.let_go(exchange),
                Step::Deliver(number) => {
                    answer.is_none_or(|answer| self.deliver(exchange, route, number, answer))
                }
                Step::TimeOut => {
                    if !decision.overdue {
                        report(self.worker, route, self.host).deadline();
                    }
                    self.refuse(exchange, 504, b"switchyard: no answer in time")
                }
                Step::Send(attempt) => {
                    let address = self.address(exchange, attempt.endpoint);
                    self.send(
                        this,
                        exchange,
                        route,
                        (attempt.number, &address, attempt.timeout, attempt.hedge),
                    )
                }
                Step::FallBack(substitute) => self.fall_back(this, exchange, route, substitute),
            };
            if done {
                return;
            }
            let Some(attempts) = exchange.attempts.as_mut() else { return };
            decision = attempts.could_not(route.local(), self.now);
        }
    }
}
