//! How an upstream treats requests: as a server should, or in one of the ways in which real ones fail.
//!
//! In JSON, for the control path: `{"kind": "answer", "status": 503}`, `{"kind": "stall"}`, …

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What happens to a request from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Behaviour {
    /// An answer. Without a body, JSON that names the upstream, its address and the request's path.
    Answer {
        /// The status code.
        #[serde(default = "ok")]
        status: u16,
        /// Headers besides `x-upstream` and `x-upstream-address`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body.
        #[serde(default)]
        body: Option<String>,
        /// How long to think first.
        #[serde(default)]
        delay_ms: u64,
    },
    /// An answer to the letter: these headers in this order, duplicates too, and no others.
    Exact {
        /// The status code.
        #[serde(default = "ok")]
        status: u16,
        /// Names and values.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: Vec<u8>,
        /// Without `content-length`.
        #[serde(default)]
        chunked: bool,
        /// Names and values of what follows a body that is `chunked`; HTTP/2 only.
        #[serde(default)]
        trailers: Vec<(String, String)>,
    },
    /// Answers 200 with what it was asked, in JSON: `{"method": …, "path": …, "body": …, "headers": {…}}`.
    Echo {
        /// The request headers that are told, in lower case; their first values.
        headers: Vec<String>,
        /// How long to think first.
        #[serde(default)]
        delay_ms: u64,
    },
    /// Reads the request and never answers; ends when the caller gives up.
    Stall,
    /// Reads the request and does nothing until it is released ([`super::Upstream::release`]), then does this.
    Held {
        /// What follows; held again, it waits for another release.
        then: Box<Behaviour>,
    },
    /// Refuses the stream before it looks at it (HTTP/2 REFUSED_STREAM); on HTTP/1 closes the connection.
    RefuseStream,
    /// Closes the connection with a TCP reset, without an answer.
    Reset,
    /// Nobody listens: connections are refused, and those that were open are reset. In-process only.
    Refuse,
    /// Answers 200 with `total` bytes of body, `bytes` at a time.
    Drip {
        /// Bytes per piece.
        bytes: usize,
        /// Milliseconds between pieces.
        every_ms: u64,
        /// Bytes in all.
        total: usize,
    },
    /// Promises `promised` bytes, sends `sent`, and closes the connection.
    Truncate {
        /// The content-length.
        promised: usize,
        /// Bytes really sent, fewer than promised.
        sent: usize,
    },
    /// Answers 200 with a body that tells of an error.
    Lie,
    /// Answers `percent` of the requests with `status`, spread evenly, and the others as usual.
    FailShare {
        /// 0 to 100.
        percent: u8,
        /// The status of those that fail.
        #[serde(default = "unavailable")]
        status: u16,
    },
    /// A gRPC answer, with no message or one: HTTP 200 and this `grpc-status`.
    GrpcStatus {
        /// The gRPC status code.
        status: u8,
        /// The grpc-message.
        #[serde(default)]
        message: String,
        /// In trailers after the headers; else in the headers that end the stream (trailers-only).
        #[serde(default)]
        trailers: bool,
        /// The message that comes first, framed by its length.
        #[serde(default)]
        data: Option<String>,
    },
    /// Answers 200 with server-sent events, `data: 0`, `data: 1`, …, and ends after the last.
    Sse {
        /// How many.
        events: u64,
        /// Milliseconds between events.
        every_ms: u64,
    },
}

fn ok() -> u16 {
    200
}

fn unavailable() -> u16 {
    503
}

impl Default for Behaviour {
    fn default() -> Self {
        Self::status(ok())
    }
}

impl Behaviour {
    /// Answers with this status and the usual body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: BTreeMap::new(), body: None, delay_ms: 0 }
    }

    /// Answers 200 with this body.
    #[must_use]
    pub fn body(body: &str) -> Self {
        Self::Answer { status: 200, headers: BTreeMap::new(), body: Some(body.to_owned()), delay_ms: 0 }
    }

    /// Waits until it is released, and does this.
    #[must_use]
    pub fn held(then: Self) -> Self {
        Self::Held { then: Box::new(then) }
    }

    /// Answers 200 as usual, after `delay_ms` milliseconds.
    #[must_use]
    pub fn slow(delay_ms: u64) -> Self {
        Self::Answer { status: 200, headers: BTreeMap::new(), body: None, delay_ms }
    }
}
