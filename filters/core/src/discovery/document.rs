//! JSON that a source answers: where it is none, and what its values are.
//!
//! Invariant: a document is read to its end before anything of it is believed. Trade-off: it is gone through several times, and no tree of
//! it is ever made.

use super::listing::Gathered;
use super::member::{MOST_NAME, NoMember};
use super::refusal::Refusal;
use crate::batch::json::Value;
use std::borrow::Cow;

/// How deep an answer may be; none of a registry comes near.
const DEPTH: usize = 64;

/// The value that this body is.
pub(super) fn read(body: &[u8]) -> Result<Value<'_>, Refusal> {
    Value::read(body, DEPTH).map_err(|fault| Refusal::Syntax { at: fault.at })
}

/// A field that is there and not `null`.
pub(super) fn field<'a>(value: Value<'a>, name: &str) -> Option<Value<'a>> {
    let [field] = fields(value, [name]);
    field
}

/// The same for several fields at a time, which is as quick as for one.
pub(super) fn fields<'a, const N: usize>(value: Value<'a>, names: [&str; N]) -> [Option<Value<'a>>; N] {
    value.fields_named(names).map(|value| value.filter(|value| !value.is_null()))
}

/// The text of a field; `None`: it is not there.
pub(super) fn text<'a>(value: Value<'a>, name: &str) -> Option<Cow<'a, str>> {
    field(value, name)?.string()
}

/// Whether a field is `true`.
pub(super) fn is_true(value: Value<'_>, name: &str) -> bool {
    value.field(name).is_some_and(|value| value.text() == "true")
}

/// The whole number that a value is, in quotes or without, and where there is none `None`.
pub(super) fn number(value: Option<Value<'_>>) -> Result<Option<u64>, NoMember> {
    value.map(|value| value.number_or_text().ok_or(NoMember::Malformed)).transpose()
}

/// The priority that a value is, and where there is none 0.
pub(super) fn priority(value: Option<Value<'_>>) -> Result<u32, NoMember> {
    u32::try_from(number(value)?.unwrap_or_default()).map_err(|_| NoMember::Malformed)
}

/// The text that a value is, and where there is none the empty one.
pub(super) fn name(value: Option<Value<'_>>) -> Result<Box<str>, NoMember> {
    let Some(value) = value else { return Ok(Box::default()) };
    // An escape is six bytes at most; nothing is copied that is too long anyhow.
    let is_bounded = value.text().len() <= 6 * MOST_NAME + 2;
    value.string().filter(|_| is_bounded).map(Into::into).ok_or(NoMember::Malformed)
}

/// A list that `None` stands for an empty one of; what is there and no list is refused.
pub(super) fn list<'a>(
    value: Option<Value<'a>>,
    what: &'static str,
) -> Result<impl Iterator<Item = Value<'a>>, Refusal> {
    let elements = value.map(|value| value.elements().ok_or(Refusal::Shape(what))).transpose()?;
    Ok(elements.into_iter().flatten())
}

/// All members of a list.
pub(super) fn gathered<'a>(
    entries: impl Iterator<Item = Value<'a>>,
    mut member: impl FnMut(Value<'a>, &mut Gathered),
) -> Gathered {
    let mut gathered = Gathered::default();
    entries.for_each(|entry| member(entry, &mut gathered));
    gathered
}
