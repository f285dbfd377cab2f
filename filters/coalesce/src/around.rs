//! The world around a worker's flights, over the host's ports.

use crate::report;
use crate::vm::Vm;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Answer, Board, Event, Exit, Pass, Policy, Served, StreamId, World};
use switchyard_core::contract::keys::board as board_key;
use switchyard_core::decisions::{Coalesced, Note};
use switchyard_core::local_reply::LocalReply;
use switchyard_frame::{EffectiveContext, Setup};
use switchyard_host::{HeaderMap, Host};

/// The world during one callback.
pub(crate) struct Around<'a, H> {
    setup: &'a Setup<Vm>,
    host: &'a H,
    /// Why the request that has just arrived goes on by itself.
    passed: Option<Pass>,
    /// The headers of the reply before, which most often are those of the next: followers differ in nothing.
    written: Option<Written>,
}

struct Written {
    answer: Rc<Answer>,
    served: Served,
    now: Timestamp,
    headers: Vec<u8>,
}

impl<'a, H> Around<'a, H> {
    /// The world during the present callback.
    pub(crate) fn new(setup: &'a Setup<Vm>, host: &'a H) -> Self {
        Self { setup, host, passed: None, written: None }
    }

    /// Why the request that has just arrived goes on by itself, if it does.
    pub(crate) fn passed(&self) -> Option<Pass> {
        self.passed
    }

    fn effective_context(&self) -> &EffectiveContext {
        &self.setup.effective_context
    }
}

impl<H: Host> Board for Around<'_, H> {
    fn read(&mut self, number: u32) -> Option<(Vec<u8>, u32)> {
        self.host.shared_data(&board_key(number)).ok()?.map(|shared| (shared.value, shared.cas))
    }

    fn swap(&mut self, number: u32, value: &[u8], cas: u32) -> bool {
        self.host.swap_shared_data(&board_key(number), value, cas).unwrap_or(false)
    }

    fn put(&mut self, number: u32, value: &[u8]) {
        // An entry that stays counts until its lease is over.
        let _ = self.host.set_shared_data(&board_key(number), value);
    }
}

impl<H: Host> World for Around<'_, H> {
    fn now(&mut self) -> Timestamp {
        if let Ok(now) = self.host.now() {
            self.setup.own.time.set(now);
        }
        self.setup.own.time.get()
    }

    fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        self.host.enqueue(queue, message).is_ok()
    }

    fn resume(&mut self, stream: StreamId) -> bool {
        self.effective_context().enter(stream, self.host) && self.host.resume_request().is_ok()
    }

    fn reply(&mut self, stream: StreamId, answer: &Rc<Answer>, served: Served, now: Timestamp) -> bool {
        // Who is there and cannot be answered asks for itself.
        self.effective_context().enter(stream, self.host)
            && (self.answer(stream, answer, served, now) || self.host.resume_request().is_ok())
    }

    fn is_read_unseen(&mut self, stream: StreamId) -> bool {
        let entered = self.effective_context().enter(stream, self.host);
        let protocol = entered.then(|| self.host.property(&["request", "protocol"]).ok().flatten()).flatten();
        protocol.is_some_and(|protocol| protocol.starts_with(b"HTTP/1"))
    }

    fn left(&mut self, stream: StreamId, exit: Exit, waited: Duration) {
        self.host.note(stream, || Note::Coalesced(Coalesced::Left(report::exit(exit), waited)));
    }

    fn count(&mut self, policy: &Policy, event: Event) {
        if let Event::Passed(why) = event {
            self.passed = Some(why);
        }
        if let Ok(mut reports) = self.setup.own.reports.try_borrow_mut() {
            reports.count(&self.setup.registry, policy, event, self.host);
        }
    }
}

impl<H: Host> Around<'_, H> {
    /// Answers the stream in whose name calls are made.
    pub(crate) fn answer(
        &mut self,
        stream: StreamId,
        answer: &Rc<Answer>,
        served: Served,
        now: Timestamp,
    ) -> bool {
        let same = |before: &Written| {
            Rc::ptr_eq(&before.answer, answer) && before.served == served && before.now == now
        };
        let written = self.written.take().filter(same).unwrap_or_else(|| {
            let headers = answer.reply_headers(served, now);
            let headers: Vec<(&[u8], &[u8])> =
                headers.iter().map(|(name, value)| (*name, &**value)).collect();
            Written { answer: Rc::clone(answer), served, now, headers: HeaderMap::encode(&headers) }
        });
        let told = || Coalesced::Answered(report::served(served), answer.asked_by.as_deref());
        self.host.note(stream, || Note::Coalesced(told()));
        let what = match served {
            Served::Collapsed => LocalReply::Coalesced,
            Served::Hit => LocalReply::CoalescedHit,
            Served::Stale => LocalReply::CoalescedStale,
            Served::Shared => LocalReply::CoalescedError,
        };
        let sent = self.host.send_written(what, answer.status, &written.headers, &answer.body).is_ok();
        self.written = Some(written);
        // The reply passes by when this callback is over.
        if sent
            && (answer.body.is_empty() || answer.content_type().is_none())
            && let Ok(mut undescribed) = self.setup.own.undescribed.try_borrow_mut()
        {
            undescribed.insert(stream, Rc::clone(answer));
        }
        sent
    }
}
