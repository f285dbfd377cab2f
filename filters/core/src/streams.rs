//! Messages whose end nobody can wait for: their other side acts before it comes, or it never comes.
//!
//! Invariant: what is said here is known from a head alone. Trade-off: a kind that is mostly endless counts as endless
//! where it is not: such an answer is not shared, such a request goes on by itself.
//! Source: the WHATWG's HTML (`text/event-stream`, `multipart/x-mixed-replace`); gRPC over HTTP/2 and gRPC-Web; Connect's
//! streaming RPCs (`application/connect+…`); nginx's `x-accel-buffering: no`, by which servers say that an answer is a stream;
//! RFC 9110, section 10.1.1 (`expect`).

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
/// How the media types of gRPC begin, those of gRPC-Web among them.
const GRPC: &[u8] = b"application/grpc";
/// How those of Connect's streams begin; its other calls have plain ones.
const CONNECT: &[u8] = b"application/connect+";

/// Whether a message is gRPC's, whose outcome is in its trailers.
pub fn is_grpc(message: &impl RequestView) -> bool {
    message.header_values("content-type").any(|kind| begins(kind, GRPC))
}

/// Whether an answer is a stream: what comes of it is of use before its end.
pub fn is_stream(answer: &impl RequestView) -> bool {
    let endless = |kind: &[u8]| {
        let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        begins(kind, CONNECT) || ENDLESS.iter().any(|one| essence.eq_ignore_ascii_case(one.as_bytes()))
    };
    let unbuffered = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"no");
    answer.header_values("content-type").any(endless)
        || answer.header_values("x-accel-buffering").any(unbuffered)
}

/// Whether the end of a request's body may be waiting for the answer: calls that stream, and a client that wants to be
/// told to go on. Envoy says that itself, and takes the header off, unless it proxies 100 Continue.
pub fn awaits_its_answer(request: &impl RequestView) -> bool {
    is_grpc(request)
        || request.header_values("content-type").any(|kind| begins(kind, CONNECT))
        || request.header("expect").is_some()
}

fn begins(kind: &[u8], with: &[u8]) -> bool {
    kind.trim_ascii_start().get(..with.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(with))
}
