//! What a server takes of one key: batches at all, and how large ones.
//!
//! A batch whose answer cannot be split, or that the server does not take for a request, is a strike. After one, batches are small, so that
//! few pay for the doubt; after [`STRIKES`] in a row there are none, and every request goes by itself, as without a filter. When a
//! delay is over that doubles each time, two requests try whether batches are taken now. Any batch that is answered ends that.
//!
//! A server that finds a batch too large is sent halves, and no larger ones until that is forgotten.
//!
//! Invariants: requests are held back for a server that does not take batches two at a time, and no more often than the delay
//! says, which is bounded; a size that the server has taken lately is not taken for too large, so an item that it refuses makes
//! nobody's batches small.
//! Trade-off: a server that fails (500) is told from one that cannot take batches by nothing; requests then go by themselves for a while.
//! Source: circuit breakers (M. Nygard, "Release It!"), with exponential back-off; AIMD's decrease by half.

use crate::Timestamp;
use core::time::Duration;

/// So many batches in a row that cannot be split, and there are none for a while.
const STRIKES: u32 = 3;
/// The most requests of a batch after one strike; after two they are as many as try.
const DOUBTED: usize = 8;
/// Requests that try whether batches are taken now.
const TRIED: usize = 2;
/// How long there are none at first, and how often that doubles at most.
const DELAY: Duration = Duration::from_secs(1);
const DOUBLINGS: u32 = 6;
/// How long those that try have for an answer; who has none by then has said nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a strike, or a size, is remembered.
const MEMORY: Duration = Duration::from_secs(60);

/// The most of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Requests; 1: there are no batches.
    pub requests: usize,
    /// Items.
    pub items: u32,
}

impl Most {
    /// Whatever is configured.
    pub const ANY: Self = Self { requests: usize::MAX, items: u32::MAX };

    /// Whether there are no batches.
    pub fn is_single(self) -> bool {
        self.requests <= 1
    }
}

/// Whether batches are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stance {
    #[default]
    Takes,
    /// So many strikes, the last one then.
    Doubts(u32, Timestamp),
    /// None until then.
    Single(Timestamp),
    /// Two try it, and have until then.
    Tries(Timestamp),
}

/// What is known of a server.
#[derive(Clone, Debug)]
pub struct Tolerance {
    stance: Stance,
    /// How often in a row there were none.
    spells: u32,
    /// The most items, by what was refused, and the most that were taken; learnt then.
    most: u32,
    taken: u32,
    learnt: Timestamp,
}

impl Default for Tolerance {
    fn default() -> Self {
        let (stance, learnt) = (Stance::default(), Timestamp::default());
        Self { stance, spells: 0, most: u32::MAX, taken: 0, learnt }
    }
}

impl Tolerance {
    /// The most of the next batch.
    pub fn most(&self, now: Timestamp) -> Most {
        let requests = match self.stance {
            Stance::Takes => usize::MAX,
            Stance::Doubts(_, last) if now.since(last) >= MEMORY => usize::MAX,
            Stance::Doubts(strikes, _) if strikes <= 1 => DOUBTED,
            Stance::Doubts(..) => TRIED,
            Stance::Single(until) | Stance::Tries(until) if now < until => 1,
            Stance::Single(_) | Stance::Tries(_) => TRIED,
        };
        Most { requests, items: if self.remembers(now) { self.most } else { u32::MAX } }
    }

    fn remembers(&self, now: Timestamp) -> bool {
        now.since(self.learnt) < MEMORY
    }

    /// A batch leaves. If it is one that tries, nobody else does until it is answered.
    pub fn leaves(&mut self, now: Timestamp) {
        if let Stance::Single(until) | Stance::Tries(until) = self.stance
            && now >= until
        {
            self.stance = Stance::Tries(now.plus(PATIENCE));
        }
    }

    /// A batch of so many items was answered.
    pub fn answered(&mut self, items: u32, now: Timestamp) {
        (self.stance, self.spells) = (Stance::Takes, 0);
        if self.remembers(now) {
            self.taken = self.taken.max(items);
            self.most = self.most.max(self.taken);
        }
    }

    /// A batch of so many items was too large.
    pub fn too_large(&mut self, items: u32, now: Timestamp) {
        if !self.remembers(now) {
            (self.most, self.taken) = (u32::MAX, 0);
        } else if items <= self.taken {
            // Something in it was, and not how many there were.
            return;
        }
        self.most = self.most.min(items / 2).max(self.taken).max(1);
        self.learnt = now;
    }

    /// A batch could not be split, or was taken for no request.
    pub fn strike(&mut self, now: Timestamp) {
        let strikes = match self.stance {
            Stance::Takes => 1,
            Stance::Doubts(strikes, last) if now.since(last) < MEMORY => strikes + 1,
            Stance::Doubts(..) => 1,
            Stance::Tries(_) => STRIKES,
            // One that was under way.
            Stance::Single(_) => return,
        };
        if strikes < STRIKES {
            self.stance = Stance::Doubts(strikes, now);
            return;
        }
        self.stance = Stance::Single(now.plus(DELAY * 2_u32.pow(self.spells.min(DOUBLINGS))));
        self.spells = self.spells.saturating_add(1);
    }

    /// Whether there is anything that the next batch must heed.
    pub fn is_strained(&self, now: Timestamp) -> bool {
        self.most(now) != Most::ANY
    }
}
