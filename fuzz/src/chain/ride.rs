//! One request as Envoy has it: what was given to the filter, what the filter holds, and what has gone on.
//!
//! Invariant: as in Envoy, a filter that holds a body is shown all of it, and what it lets go goes on whole.

use super::document::{Chain, Headers};
use std::collections::VecDeque;
use switchyard_frame::fake::StreamOf;

/// One direction.
#[derive(Default)]
pub(super) struct Way {
    /// Since when the filter holds it, in milliseconds.
    pub(super) held: Option<u64>,
    /// What Envoy keeps of its body meanwhile.
    pub(super) buffer: Vec<u8>,
    /// A part of the body is being kept.
    pub(super) keeps_body: bool,
    /// It was let go from outside in mid-body: Envoy before 1.39 loses the next piece unless it is held.
    pub(super) was_let_go: bool,
    /// Its head has gone on.
    pub(super) has_gone: bool,
    /// All of it has come.
    pub(super) is_whole: bool,
    /// The body that has gone on.
    pub(super) gone: Vec<u8>,
    /// What is to come.
    pub(super) to_come: VecDeque<u8>,
    /// It ends with trailers.
    pub(super) trailers: bool,
}

impl Way {
    /// The next so many bytes.
    pub(super) fn piece(&mut self, size: usize) -> Vec<u8> {
        let end = size.clamp(1, self.to_come.len().max(1)).min(self.to_come.len());
        self.to_come.drain(..end).collect()
    }

    /// What the filter is shown of its body with this piece.
    pub(super) fn shown(&self, piece: &[u8]) -> Vec<u8> {
        if self.held.is_some() { [&self.buffer, piece].concat() } else { piece.to_vec() }
    }

    /// What was shown goes on, or is held from now on.
    pub(super) fn settles(&mut self, goes: bool, shown: Vec<u8>, now: u64) {
        if goes {
            self.goes_on(shown);
        } else {
            self.buffer = shown;
            self.held.get_or_insert(now);
        }
    }

    /// All that there is goes on.
    pub(super) fn goes_on(&mut self, shown: Vec<u8>) {
        self.gone.extend(shown);
        self.buffer.clear();
        (self.held, self.has_gone, self.keeps_body) = (None, true, false);
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    None,
    Endpoint,
    /// The filter, or Envoy itself.
    Local,
}

/// One request.
pub(super) struct Ride {
    pub(super) worker: usize,
    pub(super) root: u32,
    pub(super) context: u32,
    pub(super) stream: StreamOf<Chain>,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    pub(super) began: u64,
    pub(super) request: Way,
    pub(super) answer: Way,
    pub(super) answers: Answer,
    /// The answer breaks off before its end.
    pub(super) breaks_off: bool,
    /// What has happened to it, and when, for whoever looks for a fault.
    pub(super) trail: Vec<(u64, &'static str)>,
}

impl Ride {
    /// Whether an endpoint has it, and has not answered.
    pub(super) fn is_upstream(&self) -> bool {
        self.request.has_gone && self.answers == Answer::None
    }
}
