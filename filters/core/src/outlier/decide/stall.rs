//! Attempts under way in one worker, and which endpoints answer none of theirs.
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
    attempt: Option<(u32, Timestamp)>,
}

/// Attempts that wait for response headers, by endpoint.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl InFlight {
    /// An attempt to the endpoint at `index` began.
    pub fn start(&mut self, index: usize, now: Timestamp) -> Ticket {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let attempt = u32::try_from(index).ok().map(|index| (index, now));
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

    /// Endpoints with at least as many attempts older than the limit as the policy allows. `answered` tells when an
    /// endpoint answered last: what began before that is merely slow, not stalled.
    pub fn stalled(
        &self,
        policy: StallPolicy,
        now: Timestamp,
        answered: impl Fn(usize) -> Option<Timestamp>,
    ) -> Vec<(usize, Verdict)> {
        let mut counts: Vec<(usize, u32)> = Vec::new();
        for (index, since) in self.slots.iter().filter_map(|slot| slot.attempt) {
            let index = index as usize;
            let silent = answered(index).is_none_or(|answered| answered <= since);
            if now.since(since) >= policy.limit && silent {
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
