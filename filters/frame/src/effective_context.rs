//! In whose name calls are made during a callback of the root.
//!
//! Invariant: a call of the filter's own, a tick and a queue are asked for in the root's name; what is done to a stream, in the
//! stream's. Trade-off: the way back is a host call, and is made only by who has been away.

use core::cell::Cell;
use switchyard_host::Contexts;

/// A root that enters its streams.
#[derive(Debug)]
pub struct EffectiveContext {
    root: u32,
    is_away: Cell<bool>,
}

impl EffectiveContext {
    /// The root of this context.
    pub fn new(root: u32) -> Self {
        Self { root, is_away: Cell::default() }
    }

    /// The root's context.
    pub fn root(&self) -> u32 {
        self.root
    }

    /// From a callback of the root: calls are made in this stream's name from now on. Whether it is there.
    pub fn enter(&self, stream: u32, host: &impl Contexts) -> bool {
        self.is_away.set(true);
        host.enter(stream).is_ok()
    }

    /// Calls are made in the root's own name again. Whether they are.
    pub fn come_back(&self, host: &impl Contexts) -> bool {
        !self.is_away.replace(false) || host.enter(self.root).is_ok()
    }
}
