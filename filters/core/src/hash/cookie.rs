//! Cookies that carry a key: finding one in a request, and the text that sets a new one.
//!
//! Invariant: read and written as Envoy does (`source/common/http/utility.cc`), so that a client may move
//! between a native cookie hash policy and ours. The value of a new cookie is drawn at random, where Envoy
//! hashes the connection's addresses: two clients behind one address do not share a key.

use super::{Cookie, SameSite};
use core::fmt::Write as _;

/// A cookie that the response must set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCookie {
    /// Its value: 16 hexadecimal digits.
    pub value: String,
    /// What was asked for: its name and attributes. A lifetime below one second lasts until the client's session ends.
    pub asked: Cookie,
}

impl NewCookie {
    /// The cookie that is asked for, with a value made from `random`.
    pub(super) fn new(asked: &Cookie, random: u64) -> Self {
        Self { value: format!("{random:016x}"), asked: asked.clone() }
    }

    /// The value of the `set-cookie` header, its attributes in Envoy's order.
    pub fn header_value(&self) -> String {
        let Cookie { name, ttl, path, domain, same_site, secure } = &self.asked;
        let mut text = format!("{name}=\"{}\"", self.value);
        // Writing to a String cannot fail.
        if let Some(seconds) = ttl.map(|ttl| ttl.as_secs()).filter(|seconds| *seconds > 0) {
            let _ = write!(text, "; Max-Age={seconds}");
        }
        let same_site = same_site.map(SameSite::name);
        let named = [("Path", path.as_deref()), ("Domain", domain.as_deref()), ("SameSite", same_site)];
        for (attribute, value) in named {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                let _ = write!(text, "; {attribute}={value}");
            }
        }
        text.push_str(if *secure { "; Secure" } else { "" });
        text.push_str("; HttpOnly");
        text
    }
}

/// The value of the first cookie `name` in `headers` (the values of the `cookie` headers) that has one, without quotes.
pub(super) fn find<'a>(mut headers: impl Iterator<Item = &'a [u8]>, name: &str) -> Option<&'a [u8]> {
    headers.find_map(|header| {
        header.split(|byte| *byte == b';').find_map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (key, value) = pair.split_at_checked(equals)?;
            let start = key.iter().position(|byte| *byte != b' ').unwrap_or(key.len());
            let value = value.strip_prefix(b"=").unwrap_or(value);
            let value = (key.get(start..) == Some(name.as_bytes())).then(|| unquoted(value));
            value.filter(|value| !value.is_empty())
        })
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}
