//! The last transitions of endpoints, as one value of shared data: what was written into the log, for who looks later.
//!
//! Invariant: at most [`MOST_TRANSITIONS`], the newest last, with texts that are cut: some 60 KB. A transition is rare, so it is written when it happens.

use super::{MOST_NAME, cut};
use crate::Timestamp;
use crate::health::Health;
use crate::outlier::{Reason, Transition};
use crate::wire::{Reader, Writer};
use core::time::Duration;

/// As many are kept.
pub const MOST_TRANSITIONS: usize = 100;
const MOST_EVIDENCE: usize = 256;
const LAYOUT: u8 = 1;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// Of which upstream.
    pub upstream: Box<str>,
    /// Of which endpoint.
    pub address: Box<str>,
    /// Where it stood.
    pub from: Health,
    /// Where it stands since.
    pub to: Health,
    /// Why it was ejected, if it was.
    pub reason: Option<Reason>,
    /// What was seen.
    pub evidence: Box<str>,
    /// For how long it was ejected.
    pub lasts: Duration,
    /// How often it has been.
    pub times: u16,
    /// It was judged and nothing was done.
    pub shadow: bool,
}

impl Told {
    /// What is told of a transition.
    pub fn of(
        transition: &Transition,
        (upstream, address): (&str, &str),
        shadow: bool,
        at: Timestamp,
    ) -> Self {
        let verdict = transition.verdict.as_ref();
        let evidence = verdict.map_or("", |verdict| &verdict.evidence);
        Self {
            at,
            upstream: cut(upstream, MOST_NAME).into(),
            address: cut(address, MOST_NAME).into(),
            from: transition.from,
            to: transition.to,
            reason: verdict.map(|verdict| verdict.reason),
            evidence: cut(evidence, MOST_EVIDENCE).into(),
            lasts: transition.lasts,
            times: transition.times,
            shadow,
        }
    }
}

/// All that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transitions(Vec<Told>);

impl Transitions {
    /// Those in these bytes; `None`: another version of Switchyard has written them, and this one must not write over them.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let mut from = Reader::new(bytes);
        let is_ours = from.byte() == Some(LAYOUT);
        let read = core::iter::from_fn(|| read(&mut from)).take(MOST_TRANSITIONS);
        is_ours.then(|| Self(read.collect()))
    }

    /// The bytes of them; `None`: there is no memory for them.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Writer::default();
        out.byte(LAYOUT);
        for one in &self.0 {
            out.time(one.at).bytes(one.upstream.as_bytes()).bytes(one.address.as_bytes());
            out.byte(number(one.from)).byte(number(one.to)).byte(one.reason.map_or(0, |reason| reason as u8));
            out.bytes(one.evidence.as_bytes());
            out.long(super::millis(one.lasts)).half(one.times).byte(u8::from(one.shadow));
        }
        out.finish()
    }

    /// One more has happened; the oldest gives way.
    pub fn add(&mut self, told: Told) {
        let over = self.0.len().saturating_add(1).saturating_sub(MOST_TRANSITIONS);
        self.0.drain(..over.min(self.0.len()));
        self.0.push(told);
    }

    /// All of them, the newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Told> {
        self.0.iter().rev()
    }
}

fn read(from: &mut Reader<'_>) -> Option<Told> {
    Some(Told {
        at: from.time()?,
        upstream: from.text()?.into(),
        address: from.text()?.into(),
        from: health(from.byte()?),
        to: health(from.byte()?),
        reason: Reason::from_number(from.byte()?),
        evidence: from.text()?.into(),
        lasts: Duration::from_millis(from.long()?),
        times: from.half()?,
        shadow: from.byte()? != 0,
    })
}

/// The number of a state in what is shared.
pub(super) fn number(health: Health) -> u8 {
    match health {
        Health::Healthy => 0,
        Health::Ejected => 1,
        Health::HalfOpen => 2,
        Health::Withdrawn => 3,
    }
}

/// The state of this number.
pub(super) fn health(number: u8) -> Health {
    match number {
        0 => Health::Healthy,
        1 => Health::Ejected,
        2 => Health::HalfOpen,
        _ => Health::Withdrawn,
    }
}
