//! What is asked of a source, and what it answers.

use crate::RequestView;
use crate::http;
use core::time::Duration;

/// The longest `etag` that is kept, in bytes.
const MOST_ETAG: usize = 1024;

/// How it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// For what is there.
    Get,
    /// With a question in the body.
    Post,
}

impl Method {
    /// As it stands in `:method`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One call to a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which of its poller's asks this is; its answer is handed in with that.
    pub number: u64,
    /// How.
    pub method: Method,
    /// Path and query.
    pub path: Box<str>,
    /// The authority.
    pub authority: Box<str>,
    /// Headers besides those.
    pub headers: Vec<(&'static str, Box<str>)>,
    /// The body; mostly empty.
    pub body: Vec<u8>,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

impl Ask {
    /// All headers of the call, those of HTTP/2 first.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let first =
            [(":method", self.method.name()), (":path", &*self.path), (":authority", &*self.authority)];
        first.into_iter().chain(self.headers.iter().map(|(name, value)| (*name, &**value)))
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `:status`; 0 if there is none.
    pub status: u16,
    /// `etag`.
    pub etag: Option<&'a str>,
    /// Consul's `x-consul-index`.
    pub index: Option<u64>,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// An answer with this head and this body.
    pub fn of(head: &'a impl RequestView, body: &'a [u8]) -> Self {
        Self {
            status: http::status(head).unwrap_or_default(),
            etag: head.header("etag").and_then(|value| str::from_utf8(value).ok()),
            index: head.header("x-consul-index").and_then(http::decimal),
            body,
        }
    }

    /// The `etag` for the next ask, if there is one that can be kept.
    pub(super) fn tag(&self) -> Option<Box<str>> {
        self.etag.filter(|etag| !etag.is_empty() && etag.len() <= MOST_ETAG).map(Into::into)
    }
}
