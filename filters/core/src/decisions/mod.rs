//! What was decided for one request, as an operator's logs have it.
//!
//! Stages tell it [`Note`]s while the request is under way; a [`Record`] is what they come to: one JSON object, in a form that has a
//! number. Who writes it where a log can read it is the frame's concern; docs/logs.md says what stands in it.
//!
//! Invariants: a record is one JSON object on one line and has no more than [`MOST_BYTES`], whatever the document, the request and its
//! answers say; a stage that has decided nothing does not stand in it. Trade-off: what would have to be escaped is replaced by `?`:
//! addresses, names and ids have nothing of the kind, and so the bound is the text's own length.

mod note;
mod record;

pub use note::{Batched, Coalesced, Note, Retried, Routed};
pub use record::Record;

/// The number of the form: another one, if what is there now changes its meaning or goes.
pub const FORM: u32 = 1;
/// The longest record.
pub const MOST_BYTES: usize = 2048;
