//! The list that is in force for one upstream, as workers hand it to each other in shared data.
//!
//! Invariants: the version changes if and only if the members do; bytes that break off or that nobody wrote this way read as `None`.

use super::listing::Listing;
use super::member::Member;
use crate::Timestamp;

pub use super::listing::MOST_MEMBERS;

/// The members of one upstream, since when, and which of its lists this is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Counts lists that differ; 0: none was read yet.
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
    pub fn update(&mut self, _listing: Listing, _now: Timestamp) -> bool {
        false
    }

    /// The bytes of it; `None`: there is no memory for them.
    pub fn encode(&self) -> Option<Vec<u8>> {
        None
    }

    /// The roster in these bytes.
    pub fn decode(_bytes: &[u8]) -> Option<Self> {
        None
    }

    /// Version and time of reading of the roster in these bytes, without its members.
    pub fn peek(_bytes: &[u8]) -> Option<(u64, Timestamp)> {
        None
    }
}
