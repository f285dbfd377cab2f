//! One client's request, as its protocol sees it.
//!
//! Invariant: a part holds all that its share of an answer depends on; parts with different groups never share a call.
//! Trade-off: texts of items are copied out of the request, which may then be let go.

use super::json::{Fault, Flaw};

/// Something that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// What goes into the batch.
    pub(super) text: Box<str>,
    /// What tells it from others: a call's id as its client wrote it, none for a notification; an object's id, decoded.
    pub(super) id: Option<Box<str>>,
}

/// One client's share of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What must be equal within a batch, byte by byte, besides the batch key.
    pub group: Box<[u8]>,
    /// What it weighs in a batch: bytes, or tokens where a protocol counts those; at least 1.
    pub weight: u64,
    /// Whether asking twice does what asking once does, as far as the protocol knows.
    pub is_repeatable: bool,
    pub(super) items: Vec<Item>,
    /// Whether the client asks for one item, and not for a list that may have one.
    pub(super) is_single: bool,
}

impl Part {
    /// How many items it has; at least 1.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// The bytes that it holds.
    pub fn bytes(&self) -> usize {
        let held =
            |item: &Item| item.text.len() + item.id.as_ref().map_or(0, |id| id.len()) + size_of::<Item>();
        self.group.len() + self.items.iter().map(held).sum::<usize>()
    }
}

/// Why a request is not batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Its method is not the protocol's, or it has a body where there should be none.
    Method,
    /// Its path or query asks for something else, or for something that could be read in two ways.
    Path,
    /// Its body cannot be read, or not in one way only.
    Json(Flaw),
    /// Its body is no request of the protocol.
    Form,
    /// It asks for nothing.
    Empty,
    /// It is more by itself than a batch may be.
    Limit,
}

impl Why {
    /// Its name; the label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::Json(Flaw::Encoding) => "encoding",
            Self::Json(Flaw::Syntax) => "syntax",
            Self::Json(Flaw::Depth) => "depth",
            Self::Json(Flaw::Number) => "number",
            Self::Json(Flaw::Surrogate) => "surrogate",
            Self::Json(Flaw::Repeated) => "repeated",
            Self::Form => "form",
            Self::Empty => "empty",
            Self::Limit => "limit",
        }
    }
}

/// A request that goes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbatchable {
    /// Why.
    pub why: Why,
    /// How many bytes of the body are before the place that shows it; of the path, for [`Why::Path`].
    pub at: usize,
}

impl Unbatchable {
    /// Whether it is no request of the protocol at all; else it is one that goes by itself.
    pub fn is_malformed(&self) -> bool {
        matches!(self.why, Why::Json(_) | Why::Form)
    }
}

impl From<Fault> for Unbatchable {
    fn from(fault: Fault) -> Self {
        Self { why: Why::Json(fault.flaw), at: fault.at }
    }
}
