//! When a source is asked, and what is in force until it answers.
//!
//! Invariants: one ask is under way at most, and it has a deadline; what was given up says nothing any more when it comes after all; what was
//! believed stays in force until something else is, however long that takes. Trade-off: an answer of which one list is refused counts as
//! an answer, so that one cluster that is not there does not make those beside it stale.

mod list;

use super::ask::{Answer, Ask};
use super::encoding::pattern;
use super::envoy::Envoy;
use super::read::{Cursor, Read};
use super::refusal::Refusal;
use super::roster::Roster;
use super::source::{Registry, Source};
use super::turns::Turns;
use crate::Timestamp;
use core::time::Duration;
use fastrand::Rng;
pub use list::{List, News, State, Tally};

/// The longest pattern of clusters in one ask, in bytes: it stands in a path, three bytes for one at worst.
const MOST_PATTERN: usize = 4096;

/// An upstream whose endpoints are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its position in the document.
    pub upstream: usize,
    /// The cluster that serves it.
    pub cluster: Box<str>,
    /// Where its endpoints come from.
    pub source: Source,
}

/// Asks one source: for one upstream, or for all whose clusters one ask to Envoy's admin answers.
#[derive(Debug)]
pub struct Poller {
    source: Source,
    /// For each list, the cluster of its upstream, and how it is read if Envoy is asked.
    clusters: Vec<(Box<str>, Envoy)>,
    /// The length of their pattern in bytes, or a little more.
    pattern: usize,
    lists: Vec<List>,
    cursor: Cursor,
    turns: Turns,
}

impl Poller {
    /// The pollers of these upstreams: one for each, but one for all that ask the same Envoy admin in the same way.
    pub fn of(wanted: Vec<Wanted>) -> Vec<Self> {
        let mut pollers: Vec<Self> = Vec::new();
        for one in wanted {
            match pollers.iter_mut().find(|poller| poller.could_ask_for(&one)) {
                Some(poller) => poller.ask_for(&one),
                None => {
                    let mut poller = Self::new(one.source.clone());
                    poller.ask_for(&one);
                    pollers.push(poller);
                }
            }
        }
        pollers
    }

    fn new(source: Source) -> Self {
        Self {
            turns: Turns::new(source.interval),
            source,
            clusters: Vec::new(),
            pattern: 0,
            lists: Vec::new(),
            cursor: Cursor::default(),
        }
    }

    /// Whether this asks what is wanted anyhow.
    fn could_ask_for(&self, one: &Wanted) -> bool {
        let is_envoy = |source: &Source| matches!(source.registry, Registry::Envoy(_));
        if !is_envoy(&self.source) || !is_envoy(&one.source) {
            return false;
        }
        // How hosts are read is each upstream's own matter.
        let same = Source { registry: self.source.registry.clone(), ..one.source.clone() } == self.source;
        same && self.pattern + pattern([&*one.cluster].into_iter()).len() <= MOST_PATTERN
    }

    fn ask_for(&mut self, one: &Wanted) {
        let read = match one.source.registry {
            Registry::Envoy(envoy) => envoy,
            _ => Envoy::default(),
        };
        self.pattern += pattern([&*one.cluster].into_iter()).len();
        self.clusters.push((one.cluster.clone(), read));
        self.lists.push(List::new(one.upstream));
    }

    /// The Envoy cluster that is asked.
    pub fn cluster(&self) -> &str {
        &self.source.cluster
    }

    /// The longest answer that is read, in bytes. Whoever gets a longer one says [`Refusal::TooLong`] before it copies it.
    pub fn max_body(&self) -> usize {
        self.source.max_body
    }

    /// The lists, of every upstream that this asks for.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// Goes on from what another worker has read, if that is newer. Whether it does.
    pub fn adopt(&mut self, upstream: usize, roster: Roster) -> bool {
        let list = self.lists.iter_mut().find(|list| list.upstream == upstream);
        let adopted = list.is_some_and(|list| list.adopt(roster));
        if adopted {
            // What is new since our own last answer may be what was there before another's.
            self.cursor = Cursor::default();
        }
        adopted
    }

    /// Something suggests that the endpoints have changed: they are asked for as soon as may be, which is not at once if they were just
    /// now, or if asking is dear, fails, or was for nothing after the hints before.
    pub fn hint(&mut self) {
        self.turns.hint();
    }

    /// How long until [`Poller::poll`] has something to do.
    pub fn due_in(&self, now: Timestamp) -> Duration {
        self.turns.due_in(now)
    }

    /// The ask that is due, if one is. Before that, one that was not answered in time is given up.
    pub fn poll(&mut self, now: Timestamp, rng: &mut Rng, news: &mut Vec<News>) -> Option<Ask> {
        if let Some(number) = self.turns.overdue(now) {
            self.failed(number, Refusal::Timeout, now, rng, news);
        }
        let names: Vec<_> = self.clusters.iter().map(|(name, _)| &**name).collect();
        self.turns.ask(now, || self.source.request(&names, &self.cursor))
    }

    /// The ask of this number was answered.
    pub fn answered(
        &mut self,
        number: u64,
        answer: Answer<'_>,
        now: Timestamp,
        rng: &mut Rng,
        news: &mut Vec<News>,
    ) {
        let Some(ask) = self.turns.end(number) else { return };
        // Envoy answers for a call whose time is over.
        if answer.status == 504 && ask.is_over(now) {
            return self.refuse(Refusal::Timeout, now, rng, news);
        }
        let clusters: Vec<_> = self.clusters.iter().map(|(name, read)| (&**name, *read)).collect();
        let changed = match self.source.read(&clusters, &self.cursor, answer) {
            Err(why) => return self.refuse(why, now, rng, news),
            Ok(Read::Unchanged) => {
                self.lists.iter_mut().for_each(|list| list.confirm(now, news));
                Some(false)
            }
            Ok(Read::Lists { lists, cursor }) => {
                self.cursor = Cursor::default();
                let taken: Vec<_> = self
                    .lists
                    .iter_mut()
                    .zip(lists)
                    .map(|(list, read)| take(list, read, self.source.allow_empty, now, news))
                    .collect();
                if taken.iter().all(Option::is_some) {
                    self.cursor = cursor;
                }
                taken.into_iter().flatten().reduce(|one, other| one | other)
            }
        };
        match changed {
            Some(changed) => self.turns.pace.succeeded(ask.at, answer.body.len(), changed, rng),
            None => self.turns.pace.failed(now, self.is_new(), rng),
        }
    }

    /// The ask of this number could not be made or was broken off ([`Refusal::Unreachable`]), or its answer is too long to be read.
    pub fn failed(&mut self, number: u64, why: Refusal, now: Timestamp, rng: &mut Rng, news: &mut Vec<News>) {
        let Some(ask) = self.turns.end(number) else { return };
        // Envoy does not say why it broke a call off.
        let is_late = why == Refusal::Unreachable && ask.is_over(now);
        self.refuse(if is_late { Refusal::Timeout } else { why }, now, rng, news);
    }

    /// Nothing of an answer is believed.
    fn refuse(&mut self, why: Refusal, now: Timestamp, rng: &mut Rng, news: &mut Vec<News>) {
        self.cursor = Cursor::default();
        self.lists.iter_mut().for_each(|list| list.refuse(why, news));
        self.turns.pace.failed(now, self.is_new(), rng);
    }

    /// Whether nothing was ever read.
    fn is_new(&self) -> bool {
        self.lists.iter().all(|list| list.state == State::NeverRead)
    }
}

/// Whether what was read of a list changed it; `None`: it is not believed.
fn take(
    list: &mut List,
    read: Result<super::Listing, Refusal>,
    allow_empty: bool,
    now: Timestamp,
    news: &mut Vec<News>,
) -> Option<bool> {
    match read {
        Ok(listing) => list.take(listing, allow_empty, now, news),
        Err(why) => {
            list.refuse(why, news);
            None
        }
    }
}
