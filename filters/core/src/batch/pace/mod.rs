//! How large the next batch may be so that answers come in time, and how long it will take.
//!
//! Invariants: a limit is between one and the most that is configured, and no more than twice what has been tried; a target
//! that cannot be held does not make batches smaller and smaller, for those that are late are served soonest by the
//! largest ones; what a batch waited for another is not taken for its own.
//! Trade-offs: under "batch while busy" an item waits for the batch before its own, and so a batch gets half of the target;
//! where nothing is under way that is more cautious than it need be. A limit bounds a batch, and is no reason to send one
//! more while another is under way: a server that takes one at a time would have many small ones to do.
//! Source: Crankshaw et al., "Clipper" (NSDI 2017), section 4.3: additive increase and multiplicative decrease, and its
//! alternative by regression; BentoML's dispatcher, `latency = a·n + b`.

mod crowd;
mod line;

pub use crowd::Crowd;
pub use line::Model;

use super::{Adaptive, Estimator, Leaves};
use crate::Timestamp;
use core::time::Duration;
use line::Line;

/// The size of batches that nothing is known of.
const FIRST: u32 = 4;
/// What is left of a size that took too long (Clipper's tenth less).
const LESS: f64 = 0.9;

/// What is known of batches of one kind.
#[derive(Clone, Debug)]
pub struct Pace {
    adaptive: Option<Adaptive>,
    max_items: u32,
    line: Line,
    /// The size by trial ([`Estimator::Aimd`]).
    tried: f64,
    /// When the last one came back.
    last: Timestamp,
}

impl Pace {
    /// Nothing is known.
    pub fn new(leaves: &Leaves, max_items: u32) -> Self {
        let adaptive = match leaves {
            Leaves::Adaptive(adaptive) => Some(*adaptive),
            Leaves::WhileBusy | Leaves::FixedDelay => None,
        };
        Self {
            adaptive,
            max_items: max_items.max(1),
            line: Line::default(),
            tried: f64::from(FIRST),
            last: Timestamp::default(),
        }
    }

    /// A batch of so many items took so long: it was answered, or given up on after that time.
    pub fn observe(&mut self, items: u32, took: Duration) {
        self.line.observe(items, took);
        self.try_again(items, took);
    }

    /// The same of a batch that left at `left` and is back `now`. Others may have come back meanwhile: it waited for those if
    /// the upstream takes one at a time, and did not if it takes several. So the time since they did is the least that it
    /// took, the time since it left the most, and nothing is learned if what was thought is between these.
    pub fn landed(&mut self, items: u32, left: Timestamp, now: Timestamp) {
        let (least, most) = (now.since(left.max(self.last)), now.since(left));
        self.last = now;
        match self.estimate(items) {
            Some(expected) if least < most && (least..=most).contains(&expected) => {
                self.line.tried(items);
                self.try_again(items, expected);
            }
            Some(expected) => self.observe(items, expected.clamp(least, most)),
            None => self.observe(items, least),
        }
    }

    /// Finds the next size by trial.
    fn try_again(&mut self, items: u32, took: Duration) {
        let Some(adaptive) = self.adaptive else { return };
        let (items, in_time) = (f64::from(items), took <= adaptive.target / 2);
        // Nothing is learned about a size from a batch that did not have it: a smaller one that was in time says
        // nothing for it, a larger one that was late nothing against it.
        if in_time && items >= self.tried.floor() {
            self.tried = (self.tried + 1.0).min(f64::from(self.max_items));
        } else if !in_time && items <= self.tried {
            self.tried = (self.tried * LESS).max(1.0);
        }
    }

    /// How long a batch of so many items is thought to take; `None` while too little is known.
    pub fn estimate(&self, items: u32) -> Option<Duration> {
        self.line.estimate(items)
    }

    /// The most items of the next batch, whose oldest has waited so long already. Not more than twice as many as a batch
    /// had before, if sizes are adaptive.
    pub fn limit(&self, waited: Duration) -> u32 {
        let Some(adaptive) = self.adaptive else { return self.max_items };
        let half = adaptive.target / 2;
        let due = if waited <= half { half } else { adaptive.target.max(waited) };
        let limit = match adaptive.estimator {
            Estimator::LeastSquares => match self.line.most_within(due) {
                // Smaller ones would make the upstream slower, not the answers sooner.
                Some(most) if most == 0 || waited > half => most.max(self.line.efficient()),
                Some(most) => most,
                None => FIRST,
            },
            // The quotient first: without a wait it is one, and must leave the size as it is.
            Estimator::Aimd => whole(self.tried * (due.as_secs_f64() / half.as_secs_f64()).max(1.0)),
        };
        let tried = self.line.largest().saturating_mul(2).max(FIRST);
        limit.min(tried).clamp(1, self.max_items)
    }

    /// What the time of a batch is made of, if it is known.
    pub fn model(&self) -> Option<Model> {
        self.line.model()
    }
}

/// The whole number below.
fn whole(number: f64) -> u32 {
    // A cast stays within the bounds of its type; what is no number becomes zero.
    number as u32
}
