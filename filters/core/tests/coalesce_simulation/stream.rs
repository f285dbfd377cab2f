//! One request as an onlooker sees it: what may be done to it, and which answers it may get.

use crate::asked::{Asked, Outside};
use crate::simulation::State;
use crate::simulation::mishaps::{LATE, LONGEST_WAY};
use crate::upstream::{Kind, whose};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Answer, Exit, Policy, QUICK_TICK, Served, StreamId};
use switchyard_core::request::PlainRequest;

/// An answer is kept so long for those who had asked already.
const LINGER: Duration = Duration::from_millis(100);

/// One request.
pub(crate) struct Stream {
    pub(crate) worker: usize,
    /// Its number in its VM.
    pub(crate) context: StreamId,
    pub(crate) request: PlainRequest,
    pub(crate) policy: Rc<Policy>,
    /// Its key; nothing if the filter has let it by.
    pub(crate) key: Option<Rc<[u8]>>,
    pub(crate) arrived: Timestamp,
    /// How often the clock had stepped back by then.
    pub(crate) steps: u32,
    pub(crate) state: State,
    /// Where it went upstream, from the first byte to the last.
    pub(crate) exchange: Option<usize>,
    /// Why it went on after it had waited, if that is known.
    pub(crate) exit: Option<Exit>,
}

impl Stream {
    /// The filter answers it.
    pub(crate) fn takes(&mut self, answer: &Answer, served: Served, outside: &Outside, asked: &[Asked]) {
        let header = |name: &str| {
            let found =
                answer.headers.iter().find(|(other, _)| **other == *name).expect("it was sent with it");
            String::from_utf8_lossy(&found.1).into_owned()
        };
        let serial: usize = header("x-serial").parse().expect("a number was sent");
        let asked = &asked[serial];
        assert_eq!(
            header("x-whose"),
            whose(&self.request, asked.exchange.kind == Kind::Varies),
            "own answer"
        );
        assert_eq!(answer.body, asked.exchange.body, "the whole answer");
        let failure = matches!(served, Served::Shared) && asked.exchange.kind == Kind::Fails;
        assert!(
            failure || asked.exchange.kind.is_for_all(),
            "{:?} is for its own client",
            asked.exchange.kind
        );
        let complete = asked.complete.expect("only what is whole is given");
        if !outside.is_smooth() {
            return;
        }
        let old = outside.now.since(complete);
        match served {
            Served::Collapsed | Served::Shared => {
                assert!(complete.plus(LINGER + LONGEST_WAY) >= self.arrived, "it was made while this waited");
            }
            Served::Hit => assert!(old < self.policy.settings().hold, "it is not kept for longer: {old:?}"),
            Served::Stale => {}
        }
    }

    /// Whether it waits for longer than it may: its flight's policy counts, which may be an older one than its own.
    pub(crate) fn is_overdue(&self, longest: Duration, outside: &Outside) -> bool {
        // Each step back costs what has passed since the clock was looked at last.
        let steps = outside.steps - self.steps;
        outside.now.since(self.arrived) > longest + (QUICK_TICK + LATE) * (steps + 1)
    }
}
