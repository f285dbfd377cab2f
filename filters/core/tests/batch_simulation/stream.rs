//! One request as an onlooker sees it: what may be done to it, and which answers it may get.

use crate::asked::Asked;
use crate::calls::Outside;
use crate::simulation::{State, Tally};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::batch::gather::{Policy, Reply, StreamId};
use switchyard_core::contract::BATCH_HEADER;

/// How much later than in time a request may end: what is given up late, and a tick or two.
const LATE: Duration = Duration::from_millis(500 + 100 + 250);
/// What a clock that is set back costs: what has passed since it was looked at last.
const STEP: Duration = Duration::from_millis(350);

/// One request.
pub(crate) struct Stream {
    pub(crate) worker: usize,
    /// Its number in its VM.
    pub(crate) context: StreamId,
    pub(crate) asked: Asked,
    pub(crate) policy: Rc<Policy>,
    pub(crate) deadline: Timestamp,
    /// How often the clock had stepped back by then.
    pub(crate) steps: u32,
    pub(crate) state: State,
    /// It is gathered, and its end is to be told.
    pub(crate) is_known: bool,
    pub(crate) is_repeatable: bool,
    /// How often a service was asked for it.
    pub(crate) reached: u32,
}

impl Stream {
    /// A service is asked for it.
    pub(crate) fn reaches(&mut self) {
        self.reached += 1;
        assert!(self.is_repeatable || self.reached == 1, "{:?} is asked for twice", self.asked);
        // A batch, its halves until it is alone, and once more by its own worker.
        assert!(self.reached < 12, "{:?} is asked for again and again", self.asked);
    }

    /// The filter answers it.
    pub(crate) fn takes(&mut self, reply: &Reply<'_>, is_calm: bool, tally: &mut Tally) {
        self.state.answers();
        let body = core::str::from_utf8(&reply.body).expect("text");
        let asked = &self.asked;
        let header = |name: &str| reply.headers.iter().any(|(other, _)| **other == *name.as_bytes());
        if asked.is_truth(reply.status, body) {
            tally.count("truths");
            // One that has nothing to be told may get that in place of an error, too.
            let told = reply.status == 204 || header(BATCH_HEADER) == self.policy.settings().tells;
            assert!(told && (reply.status == 204 || header("x-of")), "{reply:?}");
            return;
        }
        assert!(!is_calm, "where nothing goes wrong all get the truth: {asked:?} {reply:?}");
        tally.count("errors");
        let is_error = asked.is_error(reply.status, body);
        assert!(is_error || asked.is_truth_with_gaps(reply.status, body), "{asked:?} {reply:?}");
        tally.count(format!("status {}", reply.status));
    }

    /// Whether it waits for longer than it may.
    pub(crate) fn is_overdue(&self, outside: &Outside) -> bool {
        outside.now > self.deadline.plus(LATE + STEP * (outside.steps - self.steps))
    }
}
