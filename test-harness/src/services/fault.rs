//! How calls go wrong: kinds, and which calls are hit.
//!
//! Invariants: a seed and the order of calls decide who is hit; a call is only said to be hit by what changes its answer.
//! No fault makes one item's answer look like another's where nobody could tell: `json_array` has no ids, so its order stays.

use fastrand::Rng;

use super::protocol::{Asked, List, Protocol, Reply};

/// One way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The whole call is answered by 503.
    Unavailable,
    /// The connection is reset.
    Reset,
    /// No answer, ever.
    Hang,
    /// One item is answered by an error: `json_rpc` and `json_array`.
    BadItem,
    /// The answers come in another order; not `json_array`.
    Reorder,
    /// One item has no answer.
    Drop,
    /// One item is answered twice.
    Duplicate,
    /// There is an answer that nobody asked for.
    Extra,
    /// The body ends in the middle, and the connection with it.
    Truncate,
    /// The body is no JSON.
    Garbage,
    /// The body is compressed, and says so.
    Gzip,
    /// One of its items fails the whole call, whenever it is asked for. Not drawn at random.
    Poison,
}

impl Fault {
    /// Those that strike at random or on command.
    pub const ALL: [Self; 11] = [
        Self::Unavailable,
        Self::Reset,
        Self::Hang,
        Self::BadItem,
        Self::Reorder,
        Self::Drop,
        Self::Duplicate,
        Self::Extra,
        Self::Truncate,
        Self::Garbage,
        Self::Gzip,
    ];

    /// What it does to the whole of an answer, or to its connection, is not done here.
    fn changes_items(self) -> bool {
        matches!(self, Self::BadItem | Self::Reorder | Self::Drop | Self::Duplicate | Self::Extra)
    }

    fn fits(self, protocol: Protocol) -> bool {
        match self {
            Self::BadItem => matches!(protocol, Protocol::JsonRpc | Protocol::JsonArray),
            Self::Reorder => protocol != Protocol::JsonArray,
            _ => true,
        }
    }
}

/// Which calls may be hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Victims {
    /// Those with more than one item.
    #[default]
    Batches,
    /// All.
    All,
}

/// Shares of calls that go wrong.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Of each kind, how many in a hundred calls.
    pub percent: Vec<(Fault, f64)>,
    /// Which calls are hit.
    pub victims: Victims,
    /// What decides.
    pub seed: u64,
}

impl Faults {
    /// So many in a hundred batches, of all kinds alike.
    #[must_use]
    pub fn evenly(percent: f64, seed: u64) -> Self {
        let each = percent / Fault::ALL.len() as f64;
        Self { percent: Fault::ALL.map(|fault| (fault, each)).into(), victims: Victims::default(), seed }
    }
}

/// What is still to be done to calls.
#[derive(Debug)]
pub(super) struct Plan {
    shares: Option<(Faults, Rng)>,
    next: (u64, Fault, Victims),
    /// Chooses items.
    rng: Rng,
}

impl Default for Plan {
    fn default() -> Self {
        Self { shares: None, next: (0, Fault::Unavailable, Victims::All), rng: Rng::with_seed(1) }
    }
}

impl Plan {
    pub(super) fn shares(&mut self, faults: Option<Faults>) {
        self.shares = faults.map(|faults| {
            let rng = Rng::with_seed(faults.seed);
            (faults, rng)
        });
    }

    pub(super) fn next(&mut self, count: u64, fault: Fault, victims: Victims) {
        self.next = (count, fault, victims);
    }

    /// What happens to this call; its reply is changed as far as items go.
    pub(super) fn hit(&mut self, asked: &mut Asked) -> Option<Hit> {
        let protocol = asked.protocol?;
        if asked.is_poisoned {
            return Some(Hit { fault: Fault::Poison, only: None });
        }
        let may = |victims| victims == Victims::All || asked.tags.len() > 1;
        let (left, fault, victims) = self.next;
        let fault = if left > 0 && may(victims) {
            self.next.0 -= 1;
            fault
        } else {
            let (faults, rng) = self.shares.as_mut().filter(|(faults, _)| may(faults.victims))?;
            drawn(faults, rng)?
        };
        if !fault.fits(protocol) || asked.reply.status >= 400 {
            return None;
        }
        if !fault.changes_items() {
            return Some(Hit { fault, only: None });
        }
        let place = spoil(&mut asked.reply, fault, protocol, &mut self.rng)?;
        // Where items are told apart, only one of them misses something.
        let is_alone = match fault {
            Fault::BadItem => true,
            Fault::Drop => matches!(protocol, Protocol::JsonRpc | Protocol::IdList),
            _ => false,
        };
        let tag = asked.answered.get(place).cloned().flatten();
        Some(Hit { fault, only: tag.filter(|_| is_alone) })
    }
}

fn drawn(faults: &Faults, rng: &mut Rng) -> Option<Fault> {
    let mut point = rng.f64() * 100.0;
    faults.percent.iter().find_map(|(fault, share)| {
        point -= share;
        (point < 0.0).then_some(*fault)
    })
}

/// What hit a call.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    pub(super) fault: Fault,
    /// The tag of the only item that misses something; `None`: all may.
    pub(super) only: Option<String>,
}

/// Changes the items of a reply; the place of the one that it was done to. `None`: nothing changed.
fn spoil(reply: &mut Reply, fault: Fault, protocol: Protocol, rng: &mut Rng) -> Option<usize> {
    if fault == Fault::BadItem && reply.list == List::Whole {
        let item = reply.body.as_mut()?;
        *item = protocol.bad(item);
        return Some(0);
    }
    let items = reply.items().filter(|items| !items.is_empty())?;
    let place = rng.usize(..items.len());
    let before = items.get(place)?.clone();
    match fault {
        Fault::BadItem => *items.get_mut(place)? = protocol.bad(&before),
        Fault::Drop => drop(items.remove(place)),
        Fault::Duplicate => items.push(before.clone()),
        Fault::Extra => {
            let count = items.len();
            items.push(protocol.foreign(count));
        }
        Fault::Reorder if items.len() > 1 => {
            let ahead = rng.usize(1..items.len());
            items.rotate_left(ahead);
        }
        _ => return None,
    }
    Some(place)
}
