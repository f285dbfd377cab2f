//! A list of members while it is read: without repetitions, in one order, no longer than may be.
//!
//! Invariants: the members are sorted by priority and address, so that a source that tells them in another order tells nothing new; no
//! two have the same address or the same hash key; there are at most [`MOST_MEMBERS`], the first by that order, whatever the source's was.
//! Trade-off: while it is read twice as many are kept, so that a list of any length is sorted a bounded number of them at a time.

use super::member::{Member, NoAddress};

/// The most members of a list.
pub const MOST_MEMBERS: usize = 5_000;

/// What a source tells of one upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    members: Vec<Member>,
    /// Whether there are more than are kept.
    pub truncated: bool,
    /// What was not taken.
    pub skipped: Skipped,
}

/// Entries of a source that are no members, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Names of hosts: Envoy is given `ip:port`.
    pub host_names: u32,
    /// Pipes and Envoy's internal addresses.
    pub not_ip: u32,
    /// What is no address, or has a weight, a name or a place that cannot be.
    pub malformed: u32,
    /// Addresses that are there already.
    pub repeated: u32,
}

impl Skipped {
    /// All of them.
    pub fn total(self) -> u32 {
        let of_address = self.host_names.saturating_add(self.not_ip);
        of_address.saturating_add(self.malformed).saturating_add(self.repeated)
    }
}
