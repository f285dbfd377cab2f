//! One request as Envoy has it: what was given to the filter, what the filter holds, and what has gone on.
//!
//! Invariant: whatever the filter does to it is done while it may be. As in Envoy, a filter that holds a body is shown all of it, and what
//! it lets go goes on whole.

use crate::attempts::Attempt;
use crate::document::{HOLDS_ANSWER, HOLDS_REQUEST, Stream};
use crate::stakes::{Rule, Stakes};
use crate::truth::Asks;
use std::collections::VecDeque;

/// A moment, and what had gone wrong with time by then, all in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at: u64,
    /// For how long in all its worker came late, and by how much clocks were set back.
    pub(crate) grace: u64,
}

/// What there is to say of one direction.
#[derive(Default)]
pub(crate) struct Way {
    /// Since when the filter holds it.
    pub(crate) held: Option<Moment>,
    /// It was held at some time.
    pub(crate) was_held: bool,
    /// What Envoy keeps of its body meanwhile.
    pub(crate) buffer: Vec<u8>,
    /// A part of the body is being kept.
    pub(crate) keeps_body: bool,
    /// It was let go from outside in mid-body: the piece that comes next must be held, or Envoy before 1.39 loses it.
    pub(crate) was_let_go: bool,
    /// Its head has gone on.
    pub(crate) has_gone: bool,
    /// All of it has come.
    pub(crate) is_whole: bool,
    /// The body that has gone on.
    pub(crate) gone: Vec<u8>,
    /// Pieces that are to come.
    pub(crate) to_come: VecDeque<Vec<u8>>,
    /// It ends with trailers.
    pub(crate) trailers: bool,
}

impl Way {
    /// What the filter is shown of its body with this piece.
    pub(crate) fn shown(&self, piece: &[u8]) -> Vec<u8> {
        if self.held.is_some() { [&self.buffer, piece].concat() } else { piece.to_vec() }
    }

    /// What was shown goes on, or is held from now on.
    pub(crate) fn settles(&mut self, goes: bool, shown: Vec<u8>, now: Moment) {
        if goes {
            self.goes_on(shown);
        } else {
            self.buffer = shown;
            self.held.get_or_insert(now);
            self.was_held = true;
        }
    }

    /// All that there is goes on.
    pub(crate) fn goes_on(&mut self, shown: Vec<u8>) {
        self.gone.extend(shown);
        self.buffer.clear();
        (self.held, self.has_gone, self.keeps_body) = (None, true, false);
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    None,
    Endpoint,
    /// The filter, or Envoy itself.
    Local,
}

/// One request.
pub(crate) struct Ride {
    pub(crate) side: usize,
    pub(crate) root: u32,
    pub(crate) context: u32,
    pub(crate) stream: Stream,
    pub(crate) asks: Asks,
    pub(crate) began: u64,
    /// What the clock on the wall said then.
    pub(crate) began_by_wall: u64,
    pub(crate) request: Way,
    pub(crate) answer: Way,
    pub(crate) answers: Answer,
    pub(crate) status: u16,
    /// What outlier.wasm has of it.
    pub(crate) attempt: Option<Attempt>,
    /// So many attempts it may have, and has had.
    pub(crate) most_attempts: u64,
    pub(crate) attempts: u64,
    /// What has happened to it, and when, for whoever looks for a fault.
    pub(crate) trail: Vec<(u64, &'static str)>,
}

impl Ride {
    /// Whether an endpoint has it, and has not answered.
    pub(crate) fn is_upstream(&self) -> bool {
        self.request.has_gone && self.answers == Answer::None
    }

    /// Whether the filter holds it or its answer.
    pub(crate) fn is_held(&self) -> bool {
        self.answers != Answer::Local && (self.request.held.is_some() || self.answer.held.is_some())
    }

    /// That it is not held for longer than it may be; `quiet`: since when all is well with its worker.
    pub(crate) fn is_in_time(&self, now: Moment, quiet: u64, stakes: &Stakes) {
        for (way, most) in [(&self.request, HOLDS_REQUEST), (&self.answer, HOLDS_ANSWER)] {
            let Some(held) = way.held.filter(|_| self.answers != Answer::Local) else { continue };
            let time = now.at.saturating_sub(held.at.max(quiet));
            let is_in_time = time <= most + now.grace - held.grace;
            stakes.check(Rule::InTime, is_in_time, || format!("for {time} ms: {}", self.story()));
        }
    }

    /// Its client has all of the answer, which is to what it asked.
    pub(crate) fn is_served(&self, rule: Rule, stakes: &Stakes) {
        let has_all = self.answer.held.is_none() && self.answer.has_gone;
        let truth = self.status != 200 || self.asks.is_answered_by(&self.answer.gone);
        let body = || String::from_utf8_lossy(&self.answer.gone);
        stakes.check(rule, has_all && truth, || format!("{} came: {}", body(), self.story()));
    }

    /// All that there is to say of it, for whoever looks for a fault.
    pub(crate) fn story(&self) -> String {
        format!("context {} of worker {}, {:?}: {:?}", self.context, self.side, self.asks.headers, self.trail)
    }
}
