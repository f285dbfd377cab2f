//! Messages whose end nobody can wait for: their other side acts before it comes, or it never comes.
//!
//! Invariant: what is said here is known from a head alone. Trade-off: a kind that is mostly endless counts as endless
//! where it is not: such an answer is not shared, such a request goes on by itself.
//! Source: gRPC over HTTP/2 and gRPC-Web; Connect's
//! streaming RPCs (`application/connect+…`); nginx's `x-accel-buffering: no`, by which servers say that an answer is a stream;
//! RFC 9110, section 10.1.1 (`expect`).

use super::grpc::speaks_grpc;
use super::media::{essence, is_endless};
use crate::RequestView;

/// How the media types of Connect's streams begin; its other calls have plain ones.
const CONNECT: &[u8] = b"application/connect+";

/// Whether an answer is a stream: what comes of it is of use before its end.
pub fn is_stream(answer: &impl RequestView) -> bool {
    let endless = |kind: &[u8]| is_connect(kind) || is_endless(essence(kind));
    let unbuffered = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"no");
    answer.header_values("content-type").any(endless)
        || answer.header_values("x-accel-buffering").any(unbuffered)
}

/// Whether a request asks for a stream, or would take one: whoever answers it may be silent until there is something to tell.
pub fn asks_for_stream(request: &impl RequestView) -> bool {
    let mut accepted =
        request.header_values("accept").flat_map(|value| value.split(|byte| *byte == b',')).map(essence);
    accepted.any(is_endless) || request.header_values("content-type").any(is_connect)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::PlainRequest;

    #[test]
    fn a_request_that_would_take_a_stream_asks_for_one() {
        let asks =
            |name: &str, value: &str| asks_for_stream(&PlainRequest::get("/").with(name, value.as_bytes()));
        for accepted in [
            "text/event-stream",
            "application/json, text/event-stream",
            "Text/Event-Stream;q=0.9",
            "application/x-ndjson",
        ] {
            assert!(asks("accept", accepted), "{accepted}");
        }
        assert!(asks("content-type", "application/connect+proto"));
        for plain in ["*/*", "", "text/html, application/xml", "text/event-streams"] {
            assert!(!asks("accept", plain), "{plain}");
        }
        assert!(!asks("content-type", "application/grpc"), "most of its calls have one answer");
    }
}
