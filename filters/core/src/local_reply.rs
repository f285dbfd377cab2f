//! The local replies of Switchyard, as Envoy's response code details name them.
//!
//! Operators count and alert by these words (`%RESPONSE_CODE_DETAILS%`), so a word means the same in every version. Invariant: whoever
//! sends a reply says which one it is, since the port takes nothing else; docs/logs.md has all of them.

/// What a reply of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalReply {
    /// Nobody is to be chosen, and the upstream fails its traffic then.
    NoEndpoint,
    /// The answer to an attempt of retry's own.
    Attempt,
    /// Another upstream's answer.
    FallbackUpstream,
    /// The last good answer.
    FallbackStale,
    /// The configured answer.
    FallbackAnswer,
    /// The request's time was over.
    Deadline,
    /// There was no room for the answer.
    NoRoom,
    /// The answer to another request like it.
    Coalesced,
    /// An answer that was held.
    CoalescedHit,
    /// An answer that was kept, in place of a failure.
    CoalescedStale,
    /// A failure that those who waited share.
    CoalescedError,
    /// Its share of a batch.
    Batch,
    /// What another worker that made the batch says: a share, or why there is none.
    BatchElsewhere,
    /// The batch's answer had nothing for it.
    BatchLost,
    /// The batch failed.
    BatchFailed,
    /// Its time was over while it waited.
    BatchTimedOut,
    /// It had too little time for a batch.
    BatchRefused,
    /// It is none of its protocol's requests.
    BatchUnreadable,
    /// The status page.
    Status,
}

impl LocalReply {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::NoEndpoint,
        Self::Attempt,
        Self::FallbackUpstream,
        Self::FallbackStale,
        Self::FallbackAnswer,
        Self::Deadline,
        Self::NoRoom,
        Self::Coalesced,
        Self::CoalescedHit,
        Self::CoalescedStale,
        Self::CoalescedError,
        Self::Batch,
        Self::BatchElsewhere,
        Self::BatchLost,
        Self::BatchFailed,
        Self::BatchTimedOut,
        Self::BatchRefused,
        Self::BatchUnreadable,
        Self::Status,
    ];

    /// The response code details.
    pub fn details(self) -> &'static str {
        match self {
            Self::NoEndpoint => "switchyard_no_endpoint",
            Self::Attempt => "switchyard_attempt",
            Self::FallbackUpstream => "switchyard_fallback_upstream",
            Self::FallbackStale => "switchyard_fallback_stale",
            Self::FallbackAnswer => "switchyard_fallback_answer",
            Self::Deadline => "switchyard_deadline",
            Self::NoRoom => "switchyard_no_room",
            Self::Coalesced => "switchyard_coalesced",
            Self::CoalescedHit => "switchyard_coalesced_hit",
            Self::CoalescedStale => "switchyard_coalesced_stale",
            Self::CoalescedError => "switchyard_coalesced_error",
            Self::Batch => "switchyard_batch",
            Self::BatchElsewhere => "switchyard_batch_elsewhere",
            Self::BatchLost => "switchyard_batch_lost",
            Self::BatchFailed => "switchyard_batch_failed",
            Self::BatchTimedOut => "switchyard_batch_timed_out",
            Self::BatchRefused => "switchyard_batch_refused",
            Self::BatchUnreadable => "switchyard_batch_unreadable",
            Self::Status => "switchyard_status",
        }
    }
}
