//! Cookies that carry a key: finding one in a request, and the text that sets a new one.
//!
//! Invariant: read and written as Envoy does (`source/common/http/utility.cc`), so that a client may move
//! between a native cookie hash policy and ours. The value of a new cookie is drawn at random, where Envoy
//! hashes the connection's addresses: two clients behind one address do not share a key.

use super::Cookie;
use core::fmt::Write as _;
use core::time::Duration;

/// A cookie that the response must set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCookie {
    /// Its name.
    pub name: Box<str>,
    /// Its value: 16 hexadecimal digits.
    pub value: String,
    /// Its lifetime; below one second: until the client's session ends.
    pub ttl: Duration,
    /// Its `Path` attribute.
    pub path: Option<Box<str>>,
}

impl NewCookie {
    /// The cookie that `cookie` asks for, with a lifetime of `ttl` and a value made from `random`.
    pub(super) fn new(cookie: &Cookie, ttl: Duration, random: u64) -> Self {
        let value = format!("{random:016x}");
        Self { name: cookie.name.clone(), value, ttl, path: cookie.path.clone() }
    }

    /// The value of the `set-cookie` header.
    pub fn header_value(&self) -> String {
        let mut text = format!("{}=\"{}\"", self.name, self.value);
        // Writing to a String cannot fail.
        if self.ttl.as_secs() > 0 {
            let _ = write!(text, "; Max-Age={}", self.ttl.as_secs());
        }
        if let Some(path) = self.path.as_deref().filter(|path| !path.is_empty()) {
            let _ = write!(text, "; Path={path}");
        }
        text.push_str("; HttpOnly");
        text
    }
}

/// The value of the first cookie `name` in `headers` (the values of the `cookie` headers), without quotes.
pub(super) fn find<'a>(mut headers: impl Iterator<Item = &'a [u8]>, name: &str) -> Option<&'a [u8]> {
    headers.find_map(|header| {
        header.split(|byte| *byte == b';').find_map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (key, value) = pair.split_at_checked(equals)?;
            let start = key.iter().position(|byte| *byte != b' ').unwrap_or(key.len());
            let value = value.strip_prefix(b"=").unwrap_or(value);
            (key.get(start..) == Some(name.as_bytes())).then(|| unquoted(value))
        })
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}
