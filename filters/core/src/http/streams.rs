//! Messages whose end nobody can wait for: their other side acts before it comes, or it never comes.
//!
//! Invariant: what is said here is known from a head alone. Trade-off: a kind that is mostly endless counts as endless
//! where it is not: such an answer is not shared, such a request goes on by itself.
//! Source: the WHATWG's HTML (`text/event-stream`, `multipart/x-mixed-replace`); gRPC over HTTP/2 and gRPC-Web; Connect's
//! streaming RPCs (`application/connect+…`); nginx's `x-accel-buffering: no`, by which servers say that an answer is a stream;
//! RFC 9110, section 10.1.1 (`expect`).

use super::grpc::speaks_grpc;
use super::media::essence;
use crate::RequestView;

/// Kinds of answers that are streams, by their media type without parameters.
const ENDLESS: [&str; 12] = [
    "text/event-stream",
    "multipart/x-mixed-replace",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/jsonlines",
    "application/json-seq",
    "application/stream+json",
    "application/x-json-stream",
    "application/vnd.amazon.eventstream",
    "text/x-ndjson",
];
/// How the media types of Connect's streams begin; its other calls have plain ones.
const CONNECT: &[u8] = b"application/connect+";

/// Whether a media type without parameters is one of streams.
pub(super) fn is_endless(essence: &[u8]) -> bool {
    ENDLESS.iter().any(|one| essence.eq_ignore_ascii_case(one.as_bytes()))
}

/// Whether an answer is a stream: what comes of it is of use before its end.
pub fn is_stream(answer: &impl RequestView) -> bool {
    let endless = |kind: &[u8]| is_connect(kind) || is_endless(essence(kind));
    let unbuffered = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"no");
    answer.header_values("content-type").any(endless)
        || answer.header_values("x-accel-buffering").any(unbuffered)
}

/// Whether the end of a request's body may be waiting for the answer: calls that stream, and a client that wants to be
/// told to go on. Envoy says that itself, and takes the header off, unless it proxies 100 Continue.
pub fn awaits_its_answer(request: &impl RequestView) -> bool {
    request.header_values("content-type").any(|kind| speaks_grpc(kind) || is_connect(kind))
        || request.header("expect").is_some()
}

fn is_connect(kind: &[u8]) -> bool {
    kind.trim_ascii_start().get(..CONNECT.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(CONNECT))
}
