//! What streams are to their worker.
//!
//! Invariant: a stream has a role from its arrival to its end, or to when nothing more can become of it; who has none is touched
//! by nobody.

use super::{Flights, Policy, StreamId};
use crate::Timestamp;
use std::rc::Rc;

/// What a stream is to this worker.
pub(super) enum Role {
    Leads(Rc<[u8]>),
    /// It waits for the answer of this key.
    Waits(Rc<[u8]>),
    /// Its waiting is over; the next act lets it go on or answers it.
    Leaves(Rc<Policy>, Timestamp),
    /// It was let go, and counts among those of its key that are under way until its answer begins.
    Released(Rc<[u8]>),
    /// It was answered with so many bytes.
    Answered(Rc<Policy>, u64),
    /// Its answer may show that this key's answers are for all again.
    Watched(Rc<Policy>, Rc<[u8]>),
    /// It led and took too long: another one leads in its place, and yet its answer may be the first.
    Elder(Rc<[u8]>),
    /// It led, and another one leads in its place.
    Alone,
}

impl Role {
    fn waits(&self) -> bool {
        matches!(self, Self::Waits(_) | Self::Leaves(..))
    }
}

impl<H> Flights<H> {
    pub(super) fn set_role(&mut self, stream: StreamId, role: Role) {
        self.drop_role(stream);
        self.waiting += usize::from(role.waits());
        self.roles.insert(stream, role);
    }

    pub(super) fn drop_role(&mut self, stream: StreamId) -> Option<Role> {
        let role = self.roles.remove(&stream)?;
        self.waiting = self.waiting.saturating_sub(usize::from(role.waits()));
        Some(role)
    }
}
