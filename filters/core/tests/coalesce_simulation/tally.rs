//! What happened, so that a simulation in which nothing happens is no proof.

use std::collections::BTreeMap;
use switchyard_core::coalesce::{Event, Exit, NotShared, Pass, Served, Why};

/// How often each thing happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Requests to upstreams.
    pub(crate) asked: u64,
    pub(crate) events: BTreeMap<String, u64>,
    /// By kind of message, as [`SAYS`] names them.
    pub(crate) said: [u64; 6],
    pub(crate) refused: u64,
    pub(crate) died_with: u64,
    pub(crate) jumps: u64,
    pub(crate) reloads: u64,
    /// Requests let go of which nobody can tell why.
    pub(crate) blurred: u64,
    /// The most of one key that were let go and under way in one worker.
    pub(crate) most_released: u32,
}

const SAYS: [&str; 6] = ["join", "flying", "gone", "release", "answer", "lead"];

impl Tally {
    pub(crate) fn count(&mut self, event: Event) {
        let name = match event {
            Event::Left(exit, _) => format!("Left({exit:?})"),
            event => format!("{event:?}"),
        };
        *self.events.entry(name).or_default() += 1;
    }

    /// How often that happened.
    pub(crate) fn of(&self, event: &str) -> u64 {
        self.events.get(event).copied().unwrap_or_default()
    }

    /// Adds what happened elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.asked, other.asked),
            (&mut self.refused, other.refused),
            (&mut self.died_with, other.died_with),
            (&mut self.jumps, other.jumps),
            (&mut self.reloads, other.reloads),
            (&mut self.blurred, other.blurred),
        ] {
            *sum += more;
        }
        self.said.iter_mut().zip(other.said).for_each(|(sum, more)| *sum += more);
        for (name, more) in &other.events {
            *self.events.entry(name.clone()).or_default() += more;
        }
        self.most_released = self.most_released.max(other.most_released);
    }

    /// Everything that can happen did, often.
    pub(crate) fn is_everything(&self) {
        let served = [Served::Collapsed, Served::Stale, Served::Shared];
        let exits = [Exit::Led, Exit::Released, Exit::Vary, Exit::MaxWait, Exit::Gone];
        let exits = exits.into_iter().chain(served.map(Exit::Answered)).map(|exit| format!("Left({exit:?})"));
        let whys = [Why::Gone, Why::Failed, Why::Age, Why::Stall, Why::Lost];
        let passes = [Pass::HitForPass, Pass::Followers, Pass::Flights, Pass::Shadow];
        let others = [
            Event::Led,
            Event::Followed { remote: false },
            Event::Followed { remote: true },
            Event::Kept(Served::Hit),
            Event::Degraded,
        ];
        let names = exits
            .chain(whys.map(|why| format!("{:?}", Event::Succeeded(why))))
            .chain(passes.map(|pass| format!("{:?}", Event::Passed(pass))))
            .chain(NotShared::ALL.map(|why| format!("{:?}", Event::NotShared(why))))
            .chain(others.map(|event| format!("{event:?}")));
        for name in names {
            assert!(self.of(&name) > 5, "{name}: {}", self.of(&name));
        }
        for (says, count) in SAYS.iter().zip(self.said) {
            assert!(count > 5, "{says}: {count}");
        }
        let rest = [self.refused, self.died_with, self.jumps, self.reloads];
        assert!(rest.iter().all(|count| *count > 5), "{rest:?}");
        assert!(self.blurred * 20 < self.requests, "most requests that are let go are looked after");
    }
}
