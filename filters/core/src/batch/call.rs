//! Heads of the call for a batch, and of what its clients get.
//!
//! Invariants: the call is as its first request was, but for what was meant for one hop, describes a body that is not sent,
//! steers retries or routes, or is about one request only; an answer's headers go to all, but for what describes a body that
//! nobody gets, was meant for one hop, or is one client's. Trade-offs: of several requests the first alone is traced, and
//! known by its address. What browsers are told about pages (`content-security-policy`) is handed on, whose names look
//! like those that describe a body.
//! Source: RFC 9110, sections 7.6.1, 8, 10.1.1, 13 and 14; RFC 9111, section 5; W3C Trace Context.

use super::Joined;
use super::key::is_identity;
use crate::HeadView;
use crate::contract::is_our_header;
use crate::deadline::{GRPC_TIMEOUT, TimeLeft};
use crate::http::{is_of_one_hop, is_sent_on};

const ACCEPT_ENCODING: &str = "accept-encoding";
const CONTENT_ENCODING: &str = "content-encoding";

/// The head of the call for a batch, made from that of its first request. The time that is left is told in `deadline_header`, and
/// in `grpc-timeout` if the first request did so. `None` if it cannot be written as text.
pub fn call_headers<'a>(
    first: &'a impl HeadView,
    joined: &'a Joined,
    left: &'a TimeLeft,
    deadline_header: Option<&'a str>,
) -> Option<Vec<(&'a str, &'a str)>> {
    let (mut pseudo, mut headers) = (Vec::with_capacity(24), Vec::with_capacity(20));
    for (name, value) in first.pairs() {
        let name = str::from_utf8(name).ok()?;
        let is_sent = || is_sent_on(name.as_bytes(), value, first.header_values("connection"));
        if deadline_header == Some(name) || is_of_one_request(name) || !is_sent() {
            continue;
        }
        match (name, &joined.path) {
            (":path", Some(path)) => pseudo.push((name, path.as_str())),
            _ if name.starts_with(':') => pseudo.push((name, str::from_utf8(value).ok()?)),
            _ => headers.push((name, str::from_utf8(value).ok()?)),
        }
    }
    headers.push((ACCEPT_ENCODING, "identity"));
    headers.extend(first.header(GRPC_TIMEOUT).map(|_| (GRPC_TIMEOUT, left.grpc())));
    headers.extend(left.clients());
    headers.extend(deadline_header.filter(|name| *name != GRPC_TIMEOUT).map(|name| (name, left.millis())));
    pseudo.append(&mut headers);
    Some(pseudo)
}

/// Whether an answer's body can be read as it is.
pub fn is_readable(answer: &impl HeadView) -> bool {
    answer.header("content-range").is_none() && answer.header_values(CONTENT_ENCODING).all(is_identity)
}

/// What clients get of an answer's headers. `mixed`: nobody can say that all of its requests are one client's, so what it
/// says to one of them is for nobody.
pub fn relayed(answer: &impl HeadView, mixed: bool) -> impl Iterator<Item = (&[u8], &[u8])> {
    answer.pairs().filter(move |(name, _)| {
        let connection = answer.header_values("connection");
        let is_left_out =
            is_of_one_answer(name) || mixed && is_of_one_client(name) || is_of_one_hop(name, connection);
        !is_left_out
    })
}

/// Whether a request's header is not the call's: it describes a body that is not sent, depends on what one client has, steers what
/// is behind this filter, or is written anew.
fn is_of_one_request(name: &str) -> bool {
    const OTHERS: [&str; 16] = [
        // Pseudo-headers of tunnels; the four of a request are kept.
        ":protocol",
        ACCEPT_ENCODING,
        CONTENT_ENCODING,
        "content-digest",
        "content-length",
        "content-md5",
        "content-range",
        "digest",
        "expect",
        GRPC_TIMEOUT,
        "host",
        "idempotency-key",
        "range",
        "repr-digest",
        "signature",
        "signature-input",
    ];
    OTHERS.contains(&name)
        || name.starts_with("if-")
        // What one Envoy tells the next of this request, or a client tells it to do.
        || name.starts_with("x-envoy-")
        || is_our_header(name.as_bytes())
}

/// Whether an answer's header is not for those who get a share: it describes the body, or one hop's work.
fn is_of_one_answer(name: &[u8]) -> bool {
    const ABOUT_THE_BODY: [&[u8]; 7] = [
        b"accept-ranges",
        b"digest",
        b"etag",
        b"last-modified",
        b"repr-digest",
        b"signature",
        b"signature-input",
    ];
    ABOUT_THE_BODY.contains(&name)
        || name.starts_with(b":")
        || name.starts_with(b"content-") && !name.starts_with(b"content-security-policy")
        || name.starts_with(b"x-envoy-")
        || is_our_header(name)
}

/// Whether an answer's header is for the client alone that asked: who it is from now on, or where it finds what it asked for, which
/// names what others asked for.
fn is_of_one_client(name: &[u8]) -> bool {
    matches!(name, b"set-cookie" | b"set-cookie2" | b"clear-site-data" | b"link" | b"location" | b"refresh")
}
