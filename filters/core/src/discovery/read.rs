//! What an answer says.

use super::listing::Listing;
use super::refusal::Refusal;

/// Where the last answer that was believed ended, for the next ask to go on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Of HTTP.
    pub etag: Option<Box<str>>,
    /// Consul's; 0: none.
    pub index: u64,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// Nothing has changed since the answer that the cursor is of.
    Unchanged,
    /// These are the members, for each of the clusters that were asked for, in their order.
    Lists {
        /// The lists.
        lists: Vec<Result<Listing, Refusal>>,
        /// Where the next ask may go on from, if all lists are believed.
        cursor: Cursor,
    },
}

impl Read {
    /// One list.
    pub(super) fn one(listing: Listing, cursor: Cursor) -> Self {
        Self::Lists { lists: vec![Ok(listing)], cursor }
    }
}
