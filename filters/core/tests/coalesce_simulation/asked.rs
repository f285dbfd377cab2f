//! What is to happen in a proxy, and what its upstreams were asked.

use crate::simulation::Tongue;
use crate::upstream::Exchange;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::Settings;
use switchyard_core::request::PlainRequest;

/// After version, receiver, sender and flight.
pub(crate) const TONGUE: Tongue =
    Tongue { at: 37, says: &["join", "flying", "gone", "release", "answer", "lead", "varies"] };

pub(crate) type Outside = crate::simulation::Outside<Event>;

/// What is to happen beside what happens in every proxy.
pub(crate) enum Event {
    Requests(usize),
    /// This request, to this worker, of the first route.
    Comes(usize, PlainRequest),
    /// The upstream says something.
    Says(usize),
    /// The client has read its answer.
    Read(usize),
    Leaves(usize),
    Takes(usize, Rc<[Settings]>),
}

/// What an upstream was asked, and what came of it.
pub(crate) struct Asked {
    pub(crate) exchange: Exchange,
    pub(crate) began: Timestamp,
    /// When its head came, and its end.
    pub(crate) answered: Option<Timestamp>,
    pub(crate) complete: Option<Timestamp>,
}
