//! What comes of a batch: the request that is sent, its answer, and each client's share of that.
//!
//! Invariant: an answer is split into exactly one share for each part, or is broken for all of them.

use super::json::{ANSWER_DEPTH, Fault, Flaw, Value, quoted};

/// The request that asks for all items of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its path with query, if it is another than that of its parts.
    pub path: Option<String>,
    /// Its body; empty if it has none.
    pub body: Vec<u8>,
}

/// What the upstream says to a batch.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body, whole and not encoded.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The document that it is.
    pub(super) fn document(self) -> Result<Value<'a>, Broken> {
        self.succeeds()?;
        Ok(Value::read(self.body, ANSWER_DEPTH)?)
    }

    /// Whether its status is 2xx.
    pub(super) fn succeeds(self) -> Result<(), Broken> {
        match self.status {
            200..300 => Ok(()),
            // Content, target or fields are more than the server takes: it has looked at none of it.
            413 | 414 | 431 => Err(Broken::TooLarge),
            status => Err(Broken::Status(status)),
        }
    }
}

/// Whether a status says something about who calls or what is called, and nothing about an item: each request would get it by itself.
pub(super) fn is_of_everybody(status: u16) -> bool {
    matches!(status, 401..=405 | 407 | 429)
}

/// How a client's share came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The upstream said so.
    Answered,
    /// The upstream said nothing about some of it, or nothing at all; the client gets an error in its place.
    Lost,
    /// The upstream has done nothing of it: what it had to say to the batch had become too much before.
    Undone,
}

/// What one client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its status.
    pub status: u16,
    /// What its body is; `None` if it has none.
    pub content_type: Option<&'static str>,
    /// Its body.
    pub body: Vec<u8>,
    /// How it came about.
    pub outcome: Outcome,
}

impl Share {
    /// A JSON document that the upstream's answer has.
    pub(super) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let content_type = Some("application/json");
        Self { status, content_type, body: body.into(), outcome: Outcome::Answered }
    }

    /// Nothing, where nothing was asked for.
    pub(super) fn nothing() -> Self {
        Self { status: 204, content_type: None, body: Vec::new(), outcome: Outcome::Answered }
    }

    /// An error, for protocols that have no form of their own for it.
    pub(super) fn plain_error(status: u16, message: &str) -> Self {
        let message = quoted(message);
        Self::json(status, format!(r#"{{"error":{{"status":{status},"message":{message}}}}}"#))
    }
}

/// What is wrong with a whole answer: nobody may have a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Its status is not 2xx.
    Status(u16),
    /// The batch is more than the server takes; nothing of it was done.
    TooLarge,
    /// The server takes it for no request of the protocol; nothing of it was done.
    Refused,
    /// Its body cannot be read, or not in one way only.
    Json(Fault),
    /// Its body is no answer of the protocol.
    Form,
    /// It has more or fewer items than were asked for.
    Length {
        /// As many were asked for.
        expected: usize,
        /// As many are there.
        found: usize,
    },
    /// Something in it has no id.
    NoId,
    /// Something in it is there twice.
    SameId,
    /// Something in it was not asked for; or was, and is not there under the name it was asked by.
    OtherId,
}

impl Broken {
    /// Its name; the label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::Json(Fault { flaw: Flaw::Repeated, .. }) => "repeated",
            Self::Json(_) => "syntax",
            Self::Form => "form",
            Self::Length { .. } => "length",
            Self::NoId => "no_id",
            Self::SameId => "same_id",
            Self::OtherId => "other_id",
        }
    }
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Json(fault)
    }
}
