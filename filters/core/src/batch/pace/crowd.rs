//! Whether those that were answered come back together, and how long the next batch waits for them.
//!
//! Clients that wait for their answers before they ask again all come back in the moments after a batch returns. A batch that left with the first of
//! them would be a batch of one, and the others would wait for it: lone requests and large batches would take turns, and every other call
//! would be wasted. So where it has been seen that most come back within a part of the time that their batch took, the next one waits
//! for as many as usually do, and no longer than they usually take.
//!
//! Invariants: nobody waits who comes when as many are back as usually come, which a client by itself always is; nor longer than
//! [`PART`] of the time that the last batch took, nor than `max_delay`; nor where fewer than half come back in that time, as where
//! clients ask when they like: of those, that part of the batch's time brings as large a part of a batch.
//! Trade-off: who comes back is not known, only how many come. A crowd that changes is waited for in vain a few times.
//! Source: closed and open systems (Schroeder, Wierman, Harchol-Balter, "Open versus closed", NSDI 2006); anticipatory scheduling (Iyer and
//! Druschel, SOSP 2001), which keeps a disk idle for a moment for the one who has just been served.

use crate::Timestamp;
use core::time::Duration;

/// The part of its batch's time within which a crowd is expected back.
const PART: u32 = 4;
/// The shortest time that is worth waiting: what the host's timer can end.
const SHORTEST: Duration = Duration::from_millis(2);
/// At least so many of those that were answered must usually come back.
const MOST_OF_THEM: f64 = 0.5;
/// What is forgotten with every return. Each counts by how many were answered: a request by itself says little of a crowd.
const GAIN: f64 = 0.25;
/// So many who did not come back are thought to have been before anything is known.
const STRANGERS: f64 = 2.0;
/// By how much longer than usual it may take.
const LATE: f64 = 2.0;
const TICK: Duration = Duration::from_millis(1);

/// What is known of those that come back.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// How many were answered lately, and how many of those came back in time.
    answered: f64,
    back: f64,
    /// How long that takes, in seconds.
    takes: f64,
    last: Option<Return>,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { answered: STRANGERS, back: 0.0, takes: 0.0, last: None }
    }
}

/// Requests that were answered, and those that have come since.
#[derive(Clone, Copy, Debug)]
struct Return {
    at: Timestamp,
    answered: u32,
    within: Duration,
    back: u32,
    /// When the last of those came that were expected.
    last: Timestamp,
}

impl Crowd {
    /// So many requests were answered, whose call had taken so long.
    pub fn answered(&mut self, requests: u32, took: Duration, max_delay: Duration, now: Timestamp) {
        let within = (took / PART).min(max_delay);
        let mut answered = requests;
        if let Some(last) = self.last {
            // Of several calls that return one after the other, those that are still to come back are.
            let outstanding = last.answered.saturating_sub(last.back);
            if now.since(last.at) < last.within && outstanding > 0 {
                answered = answered.saturating_add(outstanding);
            } else {
                self.learn(last);
            }
        }
        self.last = Some(Return { at: now, answered, within, back: 0, last: now });
    }

    fn learn(&mut self, last: Return) {
        let kept = 1.0 - GAIN;
        self.answered = self.answered * kept + f64::from(last.answered);
        self.back = self.back * kept + f64::from(last.back);
        if last.back > 0 {
            let took = last.last.since(last.at).as_secs_f64();
            self.takes += (took - self.takes) * GAIN;
        }
    }

    /// How many of those that were answered come back in time, 0 to 1.
    fn share(&self) -> f64 {
        self.back / self.answered
    }

    /// A request comes.
    pub fn comes(&mut self, now: Timestamp) {
        let Some(last) = &mut self.last else { return };
        if now.since(last.at) <= last.within && last.back < last.answered {
            (last.back, last.last) = (last.back + 1, now);
        }
    }

    /// Until when the next batch waits for those that are not back yet, if it does.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let last = self.last?;
        let expected = f64::from(last.answered) * self.share();
        if last.within < SHORTEST || self.share() < MOST_OF_THEM || f64::from(last.back) + 0.5 >= expected {
            return None;
        }
        let usual = Duration::try_from_secs_f64(self.takes * LATE).unwrap_or(Duration::MAX);
        let until = last.at.plus(usual.saturating_add(TICK).min(last.within));
        (now < until).then_some(until)
    }
}
