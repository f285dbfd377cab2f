//! What all configurations of a VM, of one cluster or of several, share.

use core::cell::{Cell, RefCell};
use hashbrown::{HashMap, HashSet};
use switchyard_core::Timestamp;

/// How many endpoints of a VM have figures of their own.
pub(crate) const MAX_LABELLED: usize = 128;

/// The VM as its configurations have it.
pub(crate) type Here = switchyard_frame::Vm<Vm>;

/// What all roots and streams of a VM share.
#[derive(Default)]
pub struct Vm {
    /// The time of the last tick: attempts ask for no clock of their own.
    clock: Cell<Timestamp>,
    labelled: RefCell<HashSet<String>>,
    /// The root that was configured last under a root_id: an older one drains and decides nothing.
    newest: RefCell<HashMap<Vec<u8>, u32>>,
    /// Root_ids under which this VM has seen attempts; a new configuration goes on where the old one was.
    serves: RefCell<HashSet<Vec<u8>>>,
}

impl Vm {
    /// The time as of the last tick, at most [`TICK`](crate::TICK) ago.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.get()
    }

    /// It is `now`.
    pub(crate) fn set_time(&self, now: Timestamp) {
        self.clock.set(now);
    }

    /// Makes the configuration of this number the newest under this root_id.
    pub(crate) fn take_over(&self, root_id: Vec<u8>, number: u32) {
        self.newest.borrow_mut().insert(root_id, number);
    }

    /// Whether no other has come under the same root_id since this one did.
    pub(crate) fn is_newest(&self, root_id: &[u8], number: u32) -> bool {
        self.newest.borrow().get(root_id) == Some(&number)
    }

    /// Remembers that attempts come under this root_id.
    pub(crate) fn note_served(&self, root_id: &[u8]) {
        let mut serves = self.serves.borrow_mut();
        if !serves.contains(root_id) {
            serves.insert(root_id.to_vec());
        }
    }

    /// Whether attempts have come under this root_id.
    pub(crate) fn serves(&self, root_id: &[u8]) -> bool {
        self.serves.borrow().contains(root_id)
    }

    /// Whether figures of this endpoint are shown: it is among the first [`MAX_LABELLED`].
    pub(crate) fn reserve_label(&self, upstream: &str, endpoint: usize) -> bool {
        let mut labelled = self.labelled.borrow_mut();
        let name = format!("{upstream}/{endpoint}");
        let room = labelled.len() < MAX_LABELLED;
        labelled.contains(&name) || (room && labelled.insert(name))
    }
}
