//! What outcomes look like on the wire: as Envoy passes them to a client's stream, and as answers to calls.

use crate::weather::Outcome;
use fastrand::Rng;
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::Failure;
use switchyard_core::retry::exchanges::Answer;

/// The most bytes of a body that are kept or judged here.
pub(crate) const MOST_BODY: u64 = 1_000;

/// A JSON body that says that it failed.
pub(crate) const SAYS_FAILURE: &[u8] = br#"{"error": "later"}"#;
const SAYS_NOTHING: &[u8] = br#"{"items": []}"#;
/// One gRPC message of three bytes.
const FRAME: &[u8] = &[0, 0, 0, 0, 3, 1, 2, 3];

/// An answer, and who made it as Envoy says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) answer: Answer<PlainRequest>,
    pub(crate) details: &'static str,
}

impl Message {
    /// Whether it ends with its head.
    pub(crate) fn is_headless(&self) -> bool {
        self.answer.body.is_empty() && self.answer.trailers.headers.is_empty()
    }

    /// Whether it is held back for its JSON body.
    pub(crate) fn is_json(&self) -> bool {
        self.answer.headers.headers.iter().any(|(_, value)| value == b"application/json")
    }
}

fn head(status: u16) -> PlainRequest {
    PlainRequest::default().with(":status", status.to_string())
}

fn local(status: u16, words: &str, grpc: bool) -> Answer<PlainRequest> {
    if grpc {
        let headers = head(200).with("content-type", "application/grpc").with("grpc-status", "14");
        return Answer { headers: headers.with("grpc-message", words), ..Answer::default() };
    }
    let headers = head(status).with("content-type", "text/plain");
    Answer { headers, body: words.as_bytes().to_vec(), ..Answer::default() }
}

fn grpc(status: u8, rng: &mut Rng) -> Answer<PlainRequest> {
    let headers = head(200).with("content-type", "application/grpc");
    let status = PlainRequest::default().with("grpc-status", status.to_string());
    if rng.u8(0..4) == 0 && status.headers[0].1 != b"0" {
        let headers = headers.with("grpc-status", &status.headers[0].1);
        return Answer { headers, ..Answer::default() };
    }
    Answer { headers, body: FRAME.to_vec(), trailers: status }
}

fn good(json: bool, rng: &mut Rng) -> Answer<PlainRequest> {
    if json {
        let headers = head(200).with("content-type", "application/json");
        return Answer { headers, body: SAYS_NOTHING.to_vec(), ..Answer::default() };
    }
    let body = if rng.bool() { b"hello".to_vec() } else { Vec::new() };
    Answer { headers: head(200).with("content-type", "text/plain"), body, ..Answer::default() }
}

/// How an outcome looks to a request of this kind.
pub(crate) fn message(outcome: Outcome, (is_grpc, json): (bool, bool), rng: &mut Rng) -> Message {
    let reset = |reason: &str| format!("upstream connect error or disconnect. reset reason: {reason}");
    let (answer, details) = match outcome {
        Outcome::Good if is_grpc => (grpc(0, rng), "via_upstream"),
        Outcome::Good => (good(json, rng), "via_upstream"),
        Outcome::Says => {
            let mut answer = good(true, rng);
            answer.body = SAYS_FAILURE.to_vec();
            (answer, "via_upstream")
        }
        Outcome::Bad(failure, asked) => match failure {
            Failure::Status(status) => {
                let mut headers = head(status);
                if let Some(asked) = asked {
                    headers = headers.with("retry-after", asked.as_secs().to_string());
                }
                let body = if rng.bool() && !is_grpc { b"sorry".to_vec() } else { Vec::new() };
                (Answer { headers, body, ..Answer::default() }, "via_upstream")
            }
            Failure::Grpc(status) => (grpc(status, rng), "via_upstream"),
            Failure::ConnectFailure => (
                local(503, &reset("remote connection failure"), is_grpc),
                "upstream_reset_before_response_started{remote_connection_failure}",
            ),
            Failure::RefusedStream => (
                local(503, &reset("remote refused stream reset"), is_grpc),
                "upstream_reset_before_response_started{remote_refused_stream_reset}",
            ),
            Failure::Reset => (
                local(503, &reset("connection termination"), is_grpc),
                "upstream_reset_before_response_started{connection_termination}",
            ),
            Failure::Timeout => (local(504, "upstream request timeout", is_grpc), "response_timeout"),
        },
    };
    Message { answer, details }
}
