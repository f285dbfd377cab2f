//! What the stages of a chain have decided for one request, written where Envoy's logs find it.
//!
//! Invariants: it is written in the request's own name, in the callback in which something was added or before the request goes on or is
//! answered, so a log has what was decided however the request ends; where the configuration does not ask there is none, and nothing
//! is made, kept or written. Trade-off: all of it is written anew, which is one host call whatever was added; an ordinary request has one.

use core::cell::{Cell, RefCell};
use switchyard_core::decisions::{Note, Record};
use switchyard_host::Properties;

/// The decisions for one request.
#[derive(Debug, Default)]
pub(super) struct Written {
    record: RefCell<Record>,
    has_news: Cell<bool>,
}

impl Written {
    /// Takes this in.
    pub(super) fn add(&self, note: &Note<'_>) {
        if let Ok(mut record) = self.record.try_borrow_mut() {
            record.add(note);
            self.has_news.set(true);
        }
    }

    /// Whether something was added since it was written last.
    pub(super) fn has_news(&self) -> bool {
        self.has_news.get()
    }

    /// Writes it to this property of the request in whose name calls are made, if there is anything new.
    pub(super) fn write(&self, property: &str, host: &impl Properties) {
        if self.has_news.take()
            && let Ok(record) = self.record.try_borrow()
        {
            // What cannot be written a log does without.
            if let Some(json) = record.to_json() {
                let _ = host.set_property(&[property], &json);
            }
        }
    }
}
