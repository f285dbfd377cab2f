//! The list that is in force for one upstream, as workers hand it to each other in shared data.
//!
//! Invariants: the version changes if and only if the members do; bytes that break off or that nobody wrote this way read as `None`, and
//! whatever they say, there are at most [`MOST_MEMBERS`], each address once. Trade-off: each member says its place in full; a table of
//! places would be shorter, and one more thing that may not fit.

use super::listing::{Gathered, Listing};
use super::member::{Member, Standing};
use crate::Locality;
use crate::Timestamp;
use crate::wire::{Reader, Writer};
use core::num::NonZeroU32;

pub use super::listing::MOST_MEMBERS;

/// Of what stands in shared data.
const LAYOUT: u8 = 1;

/// The members of one upstream, since when, and which of its lists this is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Counts lists that differ; 0: none was read yet. Who follows looks for another one, not a greater one.
    pub version: u64,
    /// When the source last said that these are the members.
    pub read_at: Timestamp,
    /// Whether the source has more than these.
    pub truncated: bool,
    members: Vec<Member>,
}

impl Roster {
    /// The members, sorted by priority and address.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Takes in what the source says now. Whether the members changed.
    pub fn update(&mut self, listing: Listing, now: Timestamp) -> bool {
        let Listing { members, truncated, .. } = listing;
        let changed = self.version == 0 || self.members != members || self.truncated != truncated;
        (self.read_at, self.truncated) = (now, truncated);
        if changed {
            (self.version, self.members) = (self.version.saturating_add(1), members);
        }
        changed
    }

    /// The source said that nothing has changed.
    pub(super) fn confirm(&mut self, now: Timestamp) {
        self.read_at = now;
    }

    /// The bytes of it; `None`: there is no memory for them.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Writer::default();
        out.byte(LAYOUT).long(self.version).time(self.read_at).byte(u8::from(self.truncated));
        out.count(self.members.len());
        for member in &self.members {
            let Locality { region, zone, sub_zone } = &member.locality;
            let standing = match member.standing {
                Standing::Healthy => 0,
                Standing::Degraded => 1,
                Standing::Unhealthy => 2,
                Standing::Draining => 3,
            };
            out.bytes(member.address.as_bytes())
                .word(member.weight.get())
                .byte(standing)
                .word(member.priority);
            for name in [member.hash_key.as_deref().unwrap_or_default(), region, zone, sub_zone] {
                out.bytes(name.as_bytes());
            }
        }
        out.finish()
    }

    /// The roster in these bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        let (version, read_at) = head(&mut from)?;
        let truncated = from.byte()? != 0;
        let mut gathered = Gathered::default();
        for _ in 0..from.word()? {
            gathered.add(Ok(member(&mut from)?));
        }
        let listing = gathered.finish();
        Some(Self { version, read_at, truncated: truncated || listing.truncated, members: listing.members })
    }

    /// Version and time of reading of the roster in these bytes, without its members.
    pub fn peek(bytes: &[u8]) -> Option<(u64, Timestamp)> {
        head(&mut Reader::new(bytes))
    }
}

fn head(from: &mut Reader<'_>) -> Option<(u64, Timestamp)> {
    let is_ours = from.byte()? == LAYOUT;
    Some((from.long()?, from.time()?)).filter(|_| is_ours)
}

fn member(from: &mut Reader<'_>) -> Option<Member> {
    let mut member = Member::at(from.text()?, None).ok()?;
    member.weight = NonZeroU32::new(from.word()?)?;
    member.standing = match from.byte()? {
        0 => Standing::Healthy,
        1 => Standing::Degraded,
        2 => Standing::Unhealthy,
        3 => Standing::Draining,
        _ => return None,
    };
    member.priority = from.word()?;
    member.hash_key = Some(from.text()?).filter(|key| !key.is_empty()).map(Into::into);
    let mut place = || from.text().map(Into::into);
    member.locality = Locality { region: place()?, zone: place()?, sub_zone: place()? };
    Some(member)
}
