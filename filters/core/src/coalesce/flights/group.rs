//! One key's flight as a worker sees it: led by a stream here, or by a worker elsewhere; and who waits for it.

use super::super::answer::{Answer, Served, Varied};
use super::super::board::{Claim, FlightId};
use super::{Policy, StreamId};
use crate::memory::length;
use crate::{Address, Timestamp};
use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Rc;

/// A key that requests are under way for.
pub(super) struct Group<H> {
    pub(super) policy: Rc<Policy>,
    pub(super) state: State<H>,
    /// Those who wait here, oldest first.
    pub(super) members: VecDeque<Member<H>>,
    /// Other workers where somebody waits; only while a stream here leads.
    pub(super) remotes: Vec<Remote>,
    /// The entry on the board, if this worker wrote it.
    pub(super) claim: Option<Claim>,
    /// How often followers have led after a failure.
    pub(super) elections: u32,
    /// Streams of this worker that led and took too long; their answers may still be the first.
    pub(super) elders: Vec<(StreamId, Rc<H>)>,
}

pub(super) enum State<H> {
    Led(Leader<H>),
    Away(Away),
}

/// A stream of this worker that leads.
pub(super) struct Leader<H> {
    pub(super) stream: StreamId,
    pub(super) request: Rc<H>,
    pub(super) since: Timestamp,
    /// Its answer, from the headers on, if somebody waits for it.
    pub(super) capture: Option<Capture>,
}

/// An answer on its way through.
pub(super) struct Capture {
    pub(super) answer: Answer,
    pub(super) served: Served,
    /// When its last piece came.
    pub(super) moved: Timestamp,
    /// For how long it may serve later requests, and whether it may then serve in place of failures.
    pub(super) keep: (Duration, bool),
}

/// A flight of another worker.
pub(super) struct Away {
    pub(super) flight: FlightId,
    pub(super) leader: Address,
    /// When that worker was asked last.
    pub(super) asked: Timestamp,
    /// When it said something last.
    pub(super) heard: Timestamp,
    /// How many of those that wait here may ask by themselves at a time.
    pub(super) at_a_time: u32,
    /// What the answer varies by, once it has begun.
    pub(super) vary: Vec<Varied>,
}

impl Away {
    /// A flight that this worker leads, which is asked, and heard, now.
    pub(super) fn new(flight: FlightId, leader: Address, now: Timestamp) -> Self {
        Self { flight, leader, asked: now, heard: now, at_a_time: 1, vary: Vec::new() }
    }

    /// That worker says that it leads the flight; it may be another one by now.
    pub(super) fn note_leader(&mut self, leader: Address, at_a_time: u32, now: Timestamp) {
        if self.leader != leader {
            self.vary.clear();
        }
        (self.leader, self.heard, self.at_a_time) = (leader, now, at_a_time);
    }
}

/// A request that waits.
pub(super) struct Member<H> {
    pub(super) stream: StreamId,
    pub(super) request: Rc<H>,
    pub(super) since: Timestamp,
}

/// A worker where somebody waits, and since when, by the wall clock.
#[derive(Clone, Copy)]
pub(super) struct Remote {
    pub(super) at: Address,
    pub(super) oldest: Timestamp,
}

impl<H> Member<H> {
    /// Its place among those who wait: the oldest first.
    pub(super) fn place(&self) -> (Timestamp, StreamId) {
        (self.since, self.stream)
    }
}

impl<H> Group<H> {
    /// Whether anybody waits, here or elsewhere.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.members.is_empty() || !self.remotes.is_empty()
    }

    /// Whether `stream` leads.
    pub(super) fn is_led_by(&self, stream: StreamId) -> bool {
        self.leader().is_some_and(|leader| leader.stream == stream)
    }

    pub(super) fn leader(&self) -> Option<&Leader<H>> {
        match &self.state {
            State::Led(leader) => Some(leader),
            State::Away(_) => None,
        }
    }

    pub(super) fn capture(&mut self) -> Option<&mut Capture> {
        match &mut self.state {
            State::Led(leader) => leader.capture.as_mut(),
            State::Away(_) => None,
        }
    }

    /// Somebody is about to wait. While nobody does, no tick looks at the clock, so nobody knows when the last piece came: to
    /// who comes first, the answer moves.
    pub(super) fn begin_waiting(&mut self, now: Timestamp) {
        if !self.is_waited_for()
            && let Some(capture) = self.capture()
        {
            capture.moved = now;
        }
    }

    /// Takes `stream` from among those who wait.
    pub(super) fn remove(&mut self, stream: StreamId) -> Option<Member<H>> {
        let position = self.members.iter().position(|member| member.stream == stream)?;
        self.members.remove(position)
    }

    pub(super) fn away(&self) -> Option<&Away> {
        match &self.state {
            State::Led(_) => None,
            State::Away(away) => Some(away),
        }
    }

    /// What has come of the answer is of no use any more.
    pub(super) fn drop_capture(&mut self) {
        let State::Led(leader) = &mut self.state else { return };
        if let Some(capture) = leader.capture.take() {
            self.policy.let_go(length(capture.answer.body.len()));
        }
    }
}

/// The state of a flight that this request leads from now on.
pub(super) fn lead<H>(member: &Member<H>, now: Timestamp) -> State<H> {
    State::Led(Leader {
        stream: member.stream,
        request: Rc::clone(&member.request),
        since: now,
        capture: None,
    })
}
