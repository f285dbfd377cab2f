//! What happened, so that a simulation in which nothing happens is no proof.

use std::collections::BTreeMap;
use switchyard_core::batch::gather::{End, Event, Failure, Pass, Repeat, Trigger};

/// How often each thing happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Calls for batches, requests in them, and requests that went on by themselves.
    pub(crate) calls: u64,
    pub(crate) items: u64,
    pub(crate) alone: u64,
    pub(crate) truths: u64,
    pub(crate) errors: u64,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) events: BTreeMap<String, u64>,
    /// By kind of message, as [`SAYS`] names them.
    pub(crate) said: [u64; 8],
    pub(crate) refused: u64,
    pub(crate) died_with: u64,
    pub(crate) jumps: u64,
    pub(crate) reloads: u64,
}

const SAYS: [&str; 8] = ["offer", "ask", "gone", "returned", "alone", "reply", "known", "declined"];

impl Tally {
    pub(crate) fn count(&mut self, event: Event) {
        let name = match event {
            Event::Left(trigger, _) => format!("Left({trigger:?})"),
            Event::Failed(Failure::Broken(broken)) => format!("Failed({})", broken.name()),
            Event::Waited(_) => "Waited".to_owned(),
            event => format!("{event:?}"),
        };
        *self.events.entry(name).or_default() += 1;
    }

    fn of(&self, event: &str) -> u64 {
        self.events.get(event).copied().unwrap_or_default()
    }

    /// Adds what happened elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.calls, other.calls),
            (&mut self.items, other.items),
            (&mut self.alone, other.alone),
            (&mut self.truths, other.truths),
            (&mut self.errors, other.errors),
            (&mut self.refused, other.refused),
            (&mut self.died_with, other.died_with),
            (&mut self.jumps, other.jumps),
            (&mut self.reloads, other.reloads),
        ] {
            *sum += more;
        }
        self.said.iter_mut().zip(other.said).for_each(|(sum, more)| *sum += more);
        merge(&mut self.statuses, &other.statuses);
        merge(&mut self.faults, &other.faults);
        merge(&mut self.events, &other.events);
    }

    /// Everything that can happen did, often.
    pub(crate) fn is_everything(&self) {
        let triggers = [
            Trigger::Idle,
            Trigger::Returned,
            Trigger::Items,
            Trigger::Adaptive,
            Trigger::Bytes,
            Trigger::Weight,
            Trigger::Delay,
            Trigger::Deadline,
            Trigger::Short,
            Trigger::Repeat,
        ];
        let ends =
            [End::Answered, End::Alone, End::Lost, End::Failed, End::TimedOut, End::Refused, End::Gone];
        let passes = [Pass::Limit, Pass::Requests, Pass::Held, Pass::Shadow];
        let repeats = [Repeat::Half, Repeat::Alone, Repeat::Denied];
        let names = triggers
            .iter()
            .map(|trigger| format!("Left({trigger:?})"))
            .chain(ends.map(|end| format!("{:?}", Event::Ended(end))))
            .chain(passes.map(|pass| format!("{:?}", Event::Passed(pass))))
            .chain(repeats.map(|repeat| format!("{:?}", Event::Repeated(repeat))))
            .chain(["Degraded".to_owned()]);
        for name in names {
            assert!(self.of(&name) > 5, "{name}: {}", self.of(&name));
        }
        for (says, count) in SAYS.iter().zip(self.said) {
            assert!(count > 5, "{says}: {count}");
        }
        let rest = [self.refused, self.died_with, self.jumps, self.reloads];
        assert!(rest.iter().all(|count| *count > 5), "{rest:?}");
        for status in [200, 401, 429, 502, 504] {
            assert!(
                self.statuses.get(&status).is_some_and(|count| *count > 5),
                "{status}: {:?}",
                self.statuses
            );
        }
        assert_eq!(self.faults.len(), crate::service::FAULTS.len(), "{:?}", self.faults);
        assert!(self.truths * 4 > self.requests, "most answers of batches are the truth");
        assert!(self.items > self.calls * 3, "batches are batches");
    }
}

fn merge<K: Ord + Clone>(sum: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (name, more) in more {
        *sum.entry(name.clone()).or_default() += more;
    }
}
