//! The protocols that have requests for several things at once.
//!
//! Invariants: what a part's share says is what the upstream says of that part's items, and nothing of another's; a
//! share has the form that an answer to the client's request alone would have. An answer from which it cannot be
//! told whose each piece is, is broken.
//! Trade-off: a request that could be read in more than one way goes by itself, even if its upstream would know.

mod apportion;
mod embeddings;
mod id_list;
mod json_array;
mod json_rpc;
mod of_all;
mod weight;

pub use embeddings::Embeddings;
pub use id_list::{IdForm, IdList};
pub use json_array::{JsonArray, Sends};
pub use json_rpc::JsonRpc;

use super::json::{Fault, Flaw, Object, Value, quoted};
use super::shares::{Piece, Shares};
use super::{Answer, Broken, Joined, Part, Share, Unbatchable, Why};
use core::borrow::Borrow;

/// How requests are joined, and their answer is split.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// JSON-RPC 2.0.
    JsonRpc(JsonRpc),
    /// Items of a JSON array, answered in their order.
    JsonArray(JsonArray),
    /// Embeddings as OpenAI's interface has them.
    Embeddings(Embeddings),
    /// Objects by their ids.
    IdList(IdList),
}

impl Protocol {
    /// Its name in a configuration; the label of metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::JsonRpc(_) => "json_rpc",
            Self::JsonArray(_) => "json_array",
            Self::Embeddings(_) => "embeddings",
            Self::IdList(_) => "id_list",
        }
    }

    /// Whether a part's group stands for path and query, which the batch key then leaves out.
    pub fn groups_by_path(&self) -> bool {
        matches!(self, Self::IdList(_))
    }

    /// A client's request as a part of a batch; `path` is with its query, `body` whole and not encoded.
    ///
    /// # Errors
    /// Why it must go by itself.
    pub fn read(&self, method: &[u8], path: &[u8], body: &[u8]) -> Result<Part, Unbatchable> {
        let is_get = matches!(self, Self::IdList(_));
        let fits = if is_get { method == b"GET" && body.is_empty() } else { method == b"POST" };
        if !fits {
            return Err(Unbatchable { why: Why::Method, at: 0 });
        }
        match self {
            Self::JsonRpc(protocol) => protocol.read(body),
            Self::JsonArray(protocol) => protocol.read(body),
            Self::Embeddings(protocol) => protocol.read(body),
            Self::IdList(protocol) => protocol.read(path),
        }
    }

    /// The request that asks for what all `parts` ask for. They are of one group, and there is at least one.
    pub fn join<P: Borrow<Part>>(&self, parts: &[P]) -> Joined {
        let parts: Vec<&Part> = parts.iter().map(Borrow::borrow).collect();
        match self {
            Self::JsonRpc(_) => json_rpc::join(&parts),
            Self::JsonArray(protocol) => protocol.join(&parts),
            Self::Embeddings(_) => embeddings::join(&parts),
            Self::IdList(protocol) => protocol.join(&parts),
        }
    }

    /// What each of `parts`, in the order that they were joined in, gets of the answer to them.
    ///
    /// # Errors
    /// Why nobody gets anything of it.
    pub fn split<P: Borrow<Part>>(&self, parts: &[P], answer: Answer<'_>) -> Result<Shares, Broken> {
        let parts: Vec<&Part> = parts.iter().map(Borrow::borrow).collect();
        match self {
            Self::JsonRpc(_) => json_rpc::split(&parts, answer),
            Self::JsonArray(protocol) => protocol.split(&parts, answer),
            Self::Embeddings(protocol) => protocol.split(&parts, answer),
            Self::IdList(protocol) => protocol.split(&parts, answer),
        }
    }

    /// Whether a client wants an answer to its part; who only tells something wants none.
    pub fn wants_answer(&self, part: &Part) -> bool {
        !matches!(self, Self::JsonRpc(_)) || part.items.iter().any(|item| item.id.is_some())
    }

    /// What the upstream says to each of a batch's requests, by what it says to the batch with a status that is about the caller: as
    /// it wrote it, if that has the protocol's form.
    pub fn said_to_all(&self, part: &Part, answer: Answer<'_>) -> Option<Share> {
        of_all::share(self, part, answer)
    }

    /// A refusal in the client's own protocol, for a request that is none of it.
    pub fn refusal(&self, flaw: Unbatchable) -> Share {
        let message = format!("no request of {}: {} at byte {}", self.name(), flaw.why.name(), flaw.at);
        match self {
            Self::JsonRpc(_) => json_rpc::refusal(flaw, &message),
            Self::Embeddings(_) => embeddings::failure(400, &message),
            Self::JsonArray(_) | Self::IdList(_) => Share::plain_error(400, &message),
        }
    }

    /// An error in the client's own protocol, for a part that gets no share.
    pub fn failure(&self, part: &Part, status: u16, message: &str) -> Share {
        match self {
            Self::JsonRpc(_) => json_rpc::failure(part, status, message),
            Self::Embeddings(_) => embeddings::failure(status, message),
            Self::JsonArray(_) | Self::IdList(_) => Share::plain_error(status, message),
        }
    }
}

/// This value is not what the protocol has here.
fn misplaced(value: Value<'_>) -> Unbatchable {
    Unbatchable { why: Why::Form, at: value.at() }
}

/// Texts as an array of JSON.
fn array<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.collect();
    ["[", &texts.join(","), "]"].concat()
}

/// The texts of all items, in the order of a batch.
fn texts<'a>(parts: &'a [&'a Part]) -> impl Iterator<Item = &'a str> {
    parts.iter().flat_map(|part| &part.items).map(|item| &*item.text)
}

/// The fields of an object but this one, as they stand there, in the order of their names; that order means nothing.
///
/// # Errors
/// A name is there twice, or is this one in other letters, which some parsers take for the same.
fn siblings(object: &Object<'_>, name: &str) -> Result<String, Fault> {
    object.is_unambiguous()?;
    let mut others: Vec<_> = object.fields.iter().filter(|field| field.name != name).collect();
    if let Some(alike) = others.iter().find(|field| field.name.eq_ignore_ascii_case(name)) {
        return Err(Fault { at: alike.key.at(), flaw: Flaw::Repeated });
    }
    crate::sort::sort_by(&mut others, |one, other| one.name.cmp(&other.name));
    let others = others.iter().map(|field| [field.key.text(), ":", field.value.text()].concat());
    Ok(others.collect::<Vec<_>>().join(","))
}

/// The group of all parts, where it is a text.
fn group<'a>(parts: &[&'a Part]) -> &'a str {
    parts.first().map_or("", |part| str::from_utf8(&part.group).unwrap_or_default())
}

/// An object that has this field, and beside it what all parts have; space around that is not of it.
fn with_siblings(parts: &[&Part], field: &str, value: &str) -> String {
    let group = group(parts).trim_ascii();
    let comma = if group.is_empty() { "" } else { "," };
    ["{", group, comma, &quoted(field), ":", value, "}"].concat()
}

/// What stands around the value of one field of an answer, whose fields otherwise go to everybody, as it does in the answer.
fn around(object: &Object<'_>, own: impl Fn(&str) -> Option<Piece>) -> Vec<Piece> {
    let mut pieces = vec![Piece::Sign("{")];
    for field in &object.fields {
        pieces.extend((pieces.len() > 1).then_some(Piece::Sign(",")));
        let value = own(&field.name).unwrap_or_else(|| Piece::of(field.value));
        pieces.extend([Piece::of(field.key), Piece::Sign(":"), value]);
    }
    pieces.push(Piece::Sign("}"));
    pieces
}
