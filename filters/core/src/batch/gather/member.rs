//! A request in a batch, or waiting for one.
//!
//! Invariant: it holds what its place was paid for: its head, and its part of a batch.

use super::world::StreamId;
use crate::batch::Part;
use crate::{Address, HeadView, Timestamp};

/// Where a request is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// In this worker.
    Here(StreamId),
    /// In another one.
    There(Address, StreamId),
}

/// A request in a batch, or waiting for one.
#[derive(Debug)]
pub(super) struct Member<H> {
    /// `None`: its client has left.
    pub(super) origin: Option<Origin>,
    pub(super) part: Part,
    pub(super) head: H,
    pub(super) arrived: Timestamp,
    pub(super) deadline: Timestamp,
    /// What it holds.
    pub(super) bytes: u64,
}

impl<H: HeadView> Member<H> {
    pub(super) fn new(origin: Origin, part: Part, head: H, arrived: Timestamp, deadline: Timestamp) -> Self {
        let head_bytes: usize = head.pairs().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = u64::try_from(part.bytes() + head_bytes).unwrap_or(u64::MAX);
        Self { origin: Some(origin), part, head, arrived, deadline, bytes }
    }
}

impl<H> Member<H> {
    pub(super) fn items(&self) -> u64 {
        u64::try_from(self.part.items()).unwrap_or(u64::MAX)
    }
}
