//! The head of a request as all stages share it: read once, changed by whom it concerns, written once.
//!
//! Invariants: whoever reads it sees what stages before have changed; it is written before it goes on, and then only what was
//! changed. Trade-off: to write the whole map costs the host as much as four single headers, and to write it is one crossing; so
//! single changes are made one by one while there are at most two.

use crate::{Head, unsteer};
use core::cell::RefCell;
use std::rc::Rc;
use switchyard_host::{HeaderMap, HostError, RequestHeaders};

/// So many changes are written one by one.
const SINGLY: usize = 2;

/// A change of the head.
#[derive(Clone, Debug)]
enum Edit {
    Set(Box<str>, Box<[u8]>),
    Remove(Box<str>),
}

/// The head of one request.
#[derive(Debug, Default)]
pub(super) struct Edits(RefCell<State>);

#[derive(Debug, Default)]
struct State {
    /// As stages get it; with all changes but those since `seen`.
    head: Rc<Head>,
    /// As it was read, with the first `applied` changes.
    read: Option<HeaderMap>,
    edits: Vec<Edit>,
    applied: usize,
    /// The whole map takes the place of the host's.
    replaced: bool,
    /// Of the changes, how many `head` has; `None`: it has not been made of what was read.
    seen: Option<usize>,
}

impl State {
    /// The headers with all changes.
    fn headers(&mut self, host: &impl RequestHeaders) -> Result<HeaderMap, HostError> {
        let (read, edits) = self.pending(host)?;
        let read = if edits.is_empty() { read.clone() } else { edited(read, edits).into_iter().collect() };
        self.applied = self.edits.len();
        self.read = Some(read.clone());
        Ok(read)
    }

    /// The headers as they are known, and the changes that are not in them yet.
    fn pending(&mut self, host: &impl RequestHeaders) -> Result<(&HeaderMap, &[Edit]), HostError> {
        if self.read.is_none() {
            self.read = Some(host.request_headers()?);
        }
        let read = self.read.get_or_insert_default();
        Ok((read, self.edits.get(self.applied..).unwrap_or_default()))
    }
}

fn edited<'a>(headers: &'a HeaderMap, edits: &'a [Edit]) -> Vec<(&'a [u8], &'a [u8])> {
    let mut pairs: Vec<(&[u8], &[u8])> = headers.iter().collect();
    for edit in edits {
        let (Edit::Set(name, _) | Edit::Remove(name)) = edit;
        pairs.retain(|(key, _)| *key != name.as_bytes());
        if let Edit::Set(name, value) = edit {
            pairs.push((name.as_bytes(), value));
        }
    }
    pairs
}

impl Edits {
    /// The head as a stage is given it.
    pub(super) fn head(&self, host: &impl RequestHeaders) -> Rc<Head> {
        let Ok(mut state) = self.0.try_borrow_mut() else { return Rc::default() };
        let changes = state.edits.len();
        let is_new = changes > 0 || state.replaced;
        if is_new && state.seen != Some(changes) {
            // Without it the stage asks for itself, and finds out that it cannot be read.
            if let Ok(headers) = state.headers(host) {
                state.head = Rc::new(state.head.with_headers(headers));
                state.seen = Some(changes);
            }
        }
        Rc::clone(&state.head)
    }

    /// What the host says the headers are, with all changes.
    pub(super) fn headers(&self, host: &impl RequestHeaders) -> Result<HeaderMap, HostError> {
        match self.0.try_borrow_mut() {
            Ok(mut state) => state.headers(host),
            Err(_) => host.request_headers(),
        }
    }

    pub(super) fn set(&self, name: &str, value: &[u8]) {
        self.edit(Edit::Set(name.into(), value.into()));
    }

    pub(super) fn remove(&self, name: &str) {
        self.edit(Edit::Remove(name.into()));
    }

    fn edit(&self, edit: Edit) {
        if let Ok(mut state) = self.0.try_borrow_mut() {
            state.edits.push(edit);
        }
    }

    /// These take the place of all.
    pub(super) fn replace(&self, headers: &[(&[u8], &[u8])]) {
        if let Ok(mut state) = self.0.try_borrow_mut() {
            state.read = Some(headers.iter().copied().collect());
            state.edits.clear();
            (state.applied, state.seen, state.replaced) = (0, None, true);
        }
    }

    /// Writes what was changed; from now on it is read anew.
    pub(super) fn write(&self, host: &impl RequestHeaders) {
        let Ok(mut state) = self.0.try_borrow_mut() else { return };
        let whole = state.replaced || state.edits.len() > SINGLY;
        let whole = if whole { state.pending(host).ok() } else { None };
        let written = match whole {
            Some((headers, edits)) => host.set_request_headers(&edited(headers, edits)),
            None => state.edits.iter().try_for_each(|edit| match edit {
                Edit::Set(name, value) => host.set_request_header(name, value),
                Edit::Remove(name) => host.remove_request_header(name),
            }),
        };
        if let Err(error) = written {
            unsteer(host);
            log::warn!("switchyard: a request goes on as it came, but unsteered: {error}");
        }
        *state = State::default();
    }
}
