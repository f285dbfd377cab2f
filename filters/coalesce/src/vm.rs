//! What all configurations in one VM share: the flights of this worker, and how other workers reach it.
//!
//! Invariant: flights outlive configurations. Old and new roots of one plugin live in one VM, and a message for a
//! flight that began under the old one may come to the new; the tick of any looks after the requests of all.

use crate::report::Reports;
use core::cell::{Cell, RefCell};
use hashbrown::HashMap;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Answer, Flights, Policy, StreamId};
use switchyard_core::memory::Paid;
use switchyard_frame::Mailbox;
use switchyard_frame::held_bodies::AllBodies;
use switchyard_host::HeaderMap;

/// One VM of one worker.
#[derive(Default)]
pub struct Vm {
    pub(crate) flights: RefCell<Flights<Paid<HeaderMap>>>,
    pub(crate) bodies: AllBodies<Rc<Policy>>,
    pub(crate) mailbox: Mailbox,
    pub(crate) reports: RefCell<Reports>,
    /// Answers without a body or a type, whose replies get their length and type right when they pass by.
    pub(crate) undescribed: RefCell<HashMap<StreamId, Rc<Answer>>>,
    /// What the clock said last.
    pub(crate) time: Cell<Timestamp>,
}
