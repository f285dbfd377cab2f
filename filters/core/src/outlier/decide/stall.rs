//! Attempts under way in one worker, and which endpoints answer none of theirs.
//!
//! An attempt waits from the end of its request on: before that it is its client who is waited for. One that asks for a stream may be
//! silent for as long as it likes. What an attempt asks for is asked of the host, and only when it looks stalled: so nobody else pays for it.
//!
//! Invariant: a ticket is given once and taken back once; a slot is reused only after that, and an old ticket does
//! not touch its new owner. Memory grows with the greatest number of attempts under way at a time, which
//! Envoy's circuit breakers bound.

use super::Verdict;
use crate::Timestamp;
use crate::outlier::reason::Reason;
use crate::outlier::settings::StallPolicy;
use core::time::Duration;

/// A place in the list of attempts under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    slot: u32,
    generation: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    generation: u32,
    attempt: Option<Waiting>,
}

/// An attempt that waits for response headers.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    endpoint: u32,
    /// By which the host knows it.
    context: u32,
    since: Timestamp,
    /// It asks for an answer that is no stream. `false`: nobody has asked yet.
    is_plain: bool,
}

impl Waiting {
    /// Whether it is older than the limit, and its endpoint has answered nothing since it began.
    fn looks_stalled(
        &self,
        limit: Duration,
        now: Timestamp,
        answered: &impl Fn(usize) -> Option<Timestamp>,
    ) -> bool {
        now.since(self.since) >= limit
            && answered(self.endpoint as usize).is_none_or(|answered| answered <= self.since)
    }
}

/// How many attempts are asked at a time what they ask for.
const MOST_ASKED: usize = 64;

/// Attempts that wait for response headers, by endpoint.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl InFlight {
    /// The endpoint at `index` has the whole request of an attempt, which the host knows by `context`.
    pub fn start(&mut self, index: usize, context: u32, now: Timestamp) -> Ticket {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let attempt = u32::try_from(index).ok();
        let attempt = attempt.map(|endpoint| Waiting { endpoint, context, since: now, is_plain: false });
        let generation = self.slots.get_mut(slot as usize).map_or(0, |held| {
            held.attempt = attempt;
            held.generation
        });
        Ticket { slot, generation }
    }

    /// It has response headers, or has ended. Again with the same ticket: nothing.
    pub fn finish(&mut self, ticket: Ticket) {
        let held = self.slots.get_mut(ticket.slot as usize);
        if let Some(held) = held.filter(|held| held.generation == ticket.generation && held.attempt.is_some())
        {
            *held = Slot { generation: held.generation.wrapping_add(1), attempt: None };
            self.free.push(ticket.slot);
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets those attempts that look stalled and ask for a stream: `is_stream` is asked once of each, by its context.
    pub fn leave_streams_out(
        &mut self,
        limit: Duration,
        now: Timestamp,
        answered: impl Fn(usize) -> Option<Timestamp>,
        mut is_stream: impl FnMut(u32) -> bool,
    ) {
        let slots = self.slots.iter_mut().zip(0..);
        let unknown = slots.filter_map(|(slot, number)| {
            let waiting = slot.attempt.as_mut()?;
            let ticket = Ticket { slot: number, generation: slot.generation };
            (!waiting.is_plain && waiting.looks_stalled(limit, now, &answered)).then_some((ticket, waiting))
        });
        let mut streams = Vec::new();
        for (ticket, waiting) in unknown.take(MOST_ASKED) {
            waiting.is_plain = !is_stream(waiting.context);
            if !waiting.is_plain {
                streams.push(ticket);
            }
        }
        streams.into_iter().for_each(|ticket| self.finish(ticket));
    }

    /// Endpoints with at least as many attempts older than the limit as the policy allows, of those known to ask for no stream.
    /// `answered` tells when an endpoint answered last: what began before that is merely slow, not stalled.
    pub fn stalled(
        &self,
        policy: StallPolicy,
        now: Timestamp,
        answered: impl Fn(usize) -> Option<Timestamp>,
    ) -> Vec<(usize, Verdict)> {
        let mut counts: Vec<(usize, u32)> = Vec::new();
        for waiting in self.slots.iter().filter_map(|slot| slot.attempt) {
            let index = waiting.endpoint as usize;
            if waiting.is_plain && waiting.looks_stalled(policy.limit, now, &answered) {
                match counts.iter_mut().find(|(known, _)| *known == index) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((index, 1)),
                }
            }
        }
        let many = counts.into_iter().filter(|(_, count)| *count >= policy.requests);
        many.map(|(index, count)| (index, verdict(count, policy.limit))).collect()
    }
}

fn verdict(count: u32, limit: Duration) -> Verdict {
    let evidence = format!("{count} requests without an answer for {} ms", limit.as_millis());
    Verdict::new(Reason::Stall, evidence)
}
