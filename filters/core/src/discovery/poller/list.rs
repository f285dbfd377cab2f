//! What is in force for one upstream, and how far it can be trusted.
//!
//! Invariants: what was believed stays until something else is; a change of state is told once.

use crate::Timestamp;
use crate::discovery::listing::{Listing, Skipped};
use crate::discovery::refusal::{Reason, Refusal};
use crate::discovery::roster::Roster;

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

/// What whoever asks has to pass on, of one upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Its roster was read: it goes to shared data.
    Read {
        /// The upstream's position in the document.
        upstream: usize,
        /// Whether its members changed, and its version with them.
        changed: bool,
    },
    /// Its list was refused, or not answered: for metrics.
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

    fn count(&mut self, why: Refusal) {
        let reason = why.reason();
        let counts = Reason::ALL.iter().zip(&mut self.errors);
        for (_, count) in counts.filter(|(one, _)| **one == reason) {
            *count = count.saturating_add(1);
        }
    }
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
    pub skipped: Skipped,
    /// What has happened.
    pub tally: Tally,
    /// It was told that the first ask was refused.
    is_told: bool,
}

impl List {
    /// That of this upstream, of which nothing is known.
    pub(super) fn new(upstream: usize) -> Self {
        Self { upstream, ..Self::default() }
    }

    /// Goes on from another worker's, if that is newer. Whether it does.
    pub(super) fn adopt(&mut self, roster: Roster) -> bool {
        let is_newer =
            roster.version > 0 && (self.roster.version == 0 || roster.read_at > self.roster.read_at);
        if is_newer {
            (self.roster, self.state) = (roster, State::Current);
        }
        is_newer
    }

    /// Takes in what its source says, unless that is nothing and nothing is not believed. Whether it is believed, and whether that changed
    /// its members.
    pub(super) fn take(
        &mut self,
        listing: Listing,
        allow_empty: bool,
        now: Timestamp,
        news: &mut Vec<News>,
    ) -> Option<bool> {
        let skipped = listing.skipped;
        let why = match skipped.total() {
            _ if !listing.members.is_empty() => None,
            0 => Some(Refusal::Empty).filter(|_| !allow_empty),
            skipped => Some(Refusal::NoneUsable { skipped }),
        };
        if let Some(why) = why {
            self.refuse(why, news);
            return None;
        }
        let changed = self.roster.update(listing, now);
        self.tally.changes = self.tally.changes.saturating_add(u64::from(changed));
        self.skipped = skipped;
        self.believed(changed, news);
        Some(changed)
    }

    /// Its source says that nothing has changed.
    pub(super) fn confirm(&mut self, now: Timestamp, news: &mut Vec<News>) {
        self.roster.confirm(now);
        self.believed(false, news);
    }

    fn believed(&mut self, changed: bool, news: &mut Vec<News>) {
        let upstream = self.upstream;
        news.push(News::Read { upstream, changed });
        if self.state != State::Current {
            self.state = State::Current;
            news.push(News::State { upstream, state: self.state, why: None });
        }
    }

    /// It was refused, or not answered.
    pub(super) fn refuse(&mut self, why: Refusal, news: &mut Vec<News>) {
        let upstream = self.upstream;
        self.tally.count(why);
        news.push(News::Refused { upstream, why });
        let is_news = match self.state {
            State::NeverRead => !core::mem::replace(&mut self.is_told, true),
            State::Current => {
                self.state = State::Stale { since: self.roster.read_at };
                true
            }
            State::Stale { .. } => false,
        };
        if is_news {
            news.push(News::State { upstream, state: self.state, why: Some(why) });
        }
    }
}
