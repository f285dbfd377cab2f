//! Which objects a path with query asks for.
//!
//! Invariant: what is taken for one id here is one id to the server. Only characters that mean nothing in a query, and
//! those that are percent-encoded, are let through; a parameter that is the list's name in another spelling is not.

use super::{IdForm, IdList};
use crate::batch::{Unbatchable, Why};

/// Ids as they stand in a path or query, and where.
type Ids<'a> = Vec<(&'a str, usize)>;

/// What a client asks for.
pub(super) struct Asked<'a> {
    /// Its ids.
    pub(super) ids: Ids<'a>,
    /// The list's path with the rest of the query.
    pub(super) group: String,
    /// Whether it is one object, and not a list.
    pub(super) is_single: bool,
}

impl IdList {
    /// What a path with query asks for.
    pub(super) fn asked<'a>(&self, target: &'a str) -> Result<Asked<'a>, Unbatchable> {
        let elsewhere = |at| Unbatchable { why: Why::Path, at };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let below = path.strip_prefix(&*self.path).ok_or(elsewhere(0))?;
        let (mut ids, rest) = self.query(query, path.len() + 1)?;
        let is_single = !below.is_empty();
        if is_single {
            let id = below.strip_prefix('/').filter(|_| self.takes_single && ids.is_empty());
            let id = id.filter(|id| *id != "." && *id != "..").ok_or(elsewhere(self.path.len()))?;
            ids = vec![(id, self.path.len() + 1)];
        }
        if ids.is_empty() {
            return Err(Unbatchable { why: Why::Empty, at: target.len() });
        }
        let question = if rest.is_empty() { "" } else { "?" };
        Ok(Asked { ids, group: [&self.path, question, &rest.join("&")].concat(), is_single })
    }

    /// The ids of a query that begins at this place, and its other parameters.
    fn query<'a>(&self, query: &'a str, mut at: usize) -> Result<(Ids<'a>, Vec<&'a str>), Unbatchable> {
        let (mut ids, mut rest) = (Vec::new(), Vec::new());
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name == &*self.parameter {
                let start = at + parameter.len() - value.len();
                match self.form {
                    IdForm::Repeated => ids.push((value, start)),
                    IdForm::Comma => ids.extend(at_commas(value).map(|(id, within)| (id, start + within))),
                }
            } else if is_named(name, &self.parameter) || parameter.contains(['#', ';']) {
                return Err(Unbatchable { why: Why::Path, at });
            } else if !parameter.is_empty() {
                rest.push(parameter);
            }
            at += parameter.len() + 1;
        }
        Ok((ids, rest))
    }
}

/// Whether a server could take this for the name of the list: `%69ds`, `IDS`, or `ids[]` and `ids[0]`.
fn is_named(name: &str, parameter: &str) -> bool {
    let Some(name) = unescaped(name) else { return true };
    let (front, rest) = name.split_at_checked(parameter.len()).unwrap_or_default();
    front.eq_ignore_ascii_case(parameter.as_bytes()) && matches!(rest.first(), None | Some(b'['))
}

/// A list parted at its commas, encoded ones as well, and where the pieces begin.
fn at_commas(list: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = Some((list, 0));
    core::iter::from_fn(move || {
        let (text, at) = rest?;
        let found =
            [",", "%2C", "%2c"].into_iter().filter_map(|comma| Some((text.find(comma)?, comma.len())));
        let next = found.min();
        let (end, length) = next.unwrap_or((text.len(), 0));
        rest = next.and_then(|_| Some((text.get(end + length..)?, at + end + length)));
        Some((text.get(..end)?, at))
    })
}

/// An id without percent-encoding. `None` if it is empty, is not written in visible ASCII characters alone, has a
/// comma, or has any character as it is that means something in a query.
pub(super) fn decoded(raw: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@%".contains(&byte);
    if raw.is_empty() || !raw.bytes().all(is_plain) {
        return None;
    }
    let bytes = unescaped(raw)?;
    let is_visible = bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',');
    if is_visible { String::from_utf8(bytes).ok() } else { None }
}

/// A text without percent-encoding; `None` if a `%` is not followed by two digits.
fn unescaped(raw: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' { digit(rest.next()?)? * 16 + digit(rest.next()?)? } else { byte });
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}
