//! When a source is asked, and what is in force until it answers.

use super::ask::{Answer, Ask};
use super::refusal::{Reason, Refusal};
use super::roster::Roster;
use super::source::{Cursor, Source};
use crate::Timestamp;
use core::time::Duration;
use fastrand::Rng;

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

/// How far what is in force can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No list was believed yet.
    #[default]
    NeverRead,
    /// The last ask was answered.
    Current,
    /// It was not; the list is from then.
    Stale {
        /// When it was read.
        since: Timestamp,
    },
}

/// The list of one upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The upstream's position in the document.
    pub upstream: usize,
    /// What is in force.
    pub roster: Roster,
    /// How far that can be trusted.
    pub state: State,
    /// What its source tells and is not in it, as of the last list that was believed.
    pub skipped: super::Skipped,
    /// What has happened.
    pub tally: Tally,
}

/// What has happened to a list, since its poller was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often its members changed.
    pub changes: u64,
    errors: [u64; Reason::ALL.len()],
}

impl Tally {
    /// How often it was refused, by why.
    pub fn errors(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(self.errors)
    }
}

/// What whoever asks has to pass on, of one upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Its roster was read: it goes to shared data. `changed`: its members are others, and its version is a new one.
    Read {
        /// The upstream's position in the document.
        upstream: usize,
        /// Whether its members changed.
        changed: bool,
    },
    /// Its list was refused, or not answered. For metrics.
    Refused {
        /// The upstream's position in the document.
        upstream: usize,
        /// Why.
        why: Refusal,
    },
    /// Its state is another, or the first ask of all was refused: one line of log.
    State {
        /// The upstream's position in the document.
        upstream: usize,
        /// The new state.
        state: State,
        /// Why it is not current, if it is not.
        why: Option<Refusal>,
    },
}

/// Asks one source: for one upstream, or for all whose clusters one ask to Envoy's admin answers.
#[derive(Debug)]
pub struct Poller {
    source: Source,
    clusters: Vec<Box<str>>,
    lists: Vec<List>,
    cursor: Cursor,
}

impl Poller {
    /// The pollers of these upstreams: one for each source, but one for all that ask the same Envoy admin as often.
    pub fn of(_wanted: Vec<Wanted>) -> Vec<Self> {
        Vec::new()
    }

    /// The Envoy cluster that is asked.
    pub fn cluster(&self) -> &str {
        &self.source.cluster
    }

    /// The longest answer that is read, in bytes. A longer one is [`Refusal::TooLong`], which whoever gets it says before it copies it.
    pub fn max_body(&self) -> usize {
        self.source.max_body
    }

    /// The lists, of every upstream that this asks for.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// Goes on from what another worker has read, if it is newer.
    pub fn adopt(&mut self, _upstream: usize, _roster: Roster) {}

    /// Something suggests that the endpoints have changed: they are asked for as soon as may be, which is not at once if they were just
    /// now, or if asking is dear or fails.
    pub fn hint(&mut self, _now: Timestamp) {}

    /// How long until [`Poller::poll`] has something to do.
    pub fn due_in(&self, _now: Timestamp) -> Duration {
        Duration::ZERO
    }

    /// The ask that is due, if one is. Before that, one that was not answered in time is given up.
    pub fn poll(&mut self, _now: Timestamp, _rng: &mut Rng, _news: &mut Vec<News>) -> Option<Ask> {
        let _ = (&self.clusters, &self.cursor);
        None
    }

    /// The ask of this number was answered. One that was given up says nothing any more.
    pub fn answered(
        &mut self,
        _number: u64,
        _answer: Answer<'_>,
        _now: Timestamp,
        _rng: &mut Rng,
        _news: &mut Vec<News>,
    ) {
    }

    /// The ask of this number could not be made ([`Refusal::Unreachable`]), or its answer is too long to be read.
    pub fn failed(
        &mut self,
        _number: u64,
        _why: Refusal,
        _now: Timestamp,
        _rng: &mut Rng,
        _news: &mut Vec<News>,
    ) {
    }
}
