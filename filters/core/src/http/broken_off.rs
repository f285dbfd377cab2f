//! What Envoy's router says of an attempt that broke off, in the answer that it makes in the endpoint's place.
//!
//! Envoy says so in `response.code_details` on a client's stream, and in the plain text of its answer to a call of ours, which has no
//! details. It has written so since 1.5.
//!
//! Invariant: of an attempt that is said to have reached nobody ([`BrokenOff::reached_nobody`]) nothing was done.
//! Trade-off: an endpoint that writes the same is an Envoy itself and means the same, but for itself: it may have tried before. Whoever
//! must know whether anything was done asks [`is_of_this_proxy`], too.
//! Source: Envoy's `source/common/router/router.cc` (`onUpstreamReset`, `sendNoHealthyUpstreamResponse`) and `source/common/http/utility.cc`
//! (`resetReasonToString`); RFC 9110, section 6.6.1: an origin server with a clock dates what it answers.

use crate::HeadView;

/// How an attempt ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenOff {
    /// No connection was made, or there was no endpoint to make one to.
    ConnectFailure,
    /// The endpoint refused the stream before it looked at it.
    RefusedStream,
    /// Envoy's own circuit breaker is open.
    Overflow,
    /// The connection or the stream broke.
    Reset,
    /// It took too long.
    Timeout,
}

impl BrokenOff {
    /// By the reason that Envoy gives for a reset; words are parted by spaces or underscores.
    pub(crate) fn by_reason(reason: &str) -> Self {
        let reason = reason.replace('_', " ");
        if reason.starts_with("overflow") {
            Self::Overflow
        } else if reason.contains("connection failure") {
            Self::ConnectFailure
        } else if reason.contains("refused stream") {
            Self::RefusedStream
        } else {
            Self::Reset
        }
    }

    /// By the text that Envoy answers in the endpoint's place; `None`: it is none of those.
    pub(crate) fn by_text(text: &str) -> Option<Self> {
        if let Some((_, reason)) = text.split_once("reset reason: ") {
            return Some(Self::by_reason(reason));
        }
        match text {
            "upstream request timeout" => Some(Self::Timeout),
            "no healthy upstream" => Some(Self::ConnectFailure),
            _ => None,
        }
    }

    /// Whether no endpoint has looked at the attempt.
    pub fn reached_nobody(self) -> bool {
        matches!(self, Self::ConnectFailure | Self::RefusedStream | Self::Overflow)
    }
}

/// Whether nothing was done of a call of ours that got this answer, with all of `body`: this Envoy made it, for a call that reached nobody.
pub fn is_of_nobody(answer: &impl HeadView, body: &[u8]) -> bool {
    let is_plain = answer.header("content-type") == Some(b"text/plain");
    let text = str::from_utf8(body).ok().filter(|text| is_plain && !text.contains("retried"));
    let broken_off = text.and_then(BrokenOff::by_text);
    broken_off.is_some_and(BrokenOff::reached_nobody) && is_of_this_proxy(answer)
}

/// Whether an answer may be this Envoy's own: those that come from elsewhere say when, or by whom, they were made.
fn is_of_this_proxy(answer: &impl HeadView) -> bool {
    ["date", "server", "via"].iter().all(|name| answer.header(name).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::PlainRequest;

    fn head() -> PlainRequest {
        PlainRequest::default().with(":status", "503").with("content-type", "text/plain")
    }

    const REFUSED: &[u8] = b"upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused";

    #[test]
    fn nothing_was_done_of_a_call_that_this_envoy_could_bring_to_nobody() {
        assert!(is_of_nobody(&head(), REFUSED));
        for reason in ["local connection failure", "remote refused stream reset", "overflow"] {
            let text =
                format!("upstream connect error or disconnect/reset before headers. reset reason: {reason}");
            assert!(is_of_nobody(&head(), text.as_bytes()), "{reason}");
        }
        assert!(is_of_nobody(&head(), b"no healthy upstream"));
    }

    #[test]
    fn something_may_have_been_done_of_any_other() {
        for reason in ["connection termination", "remote reset", "protocol error", "connection timeout"] {
            let text =
                format!("upstream connect error or disconnect/reset before headers. reset reason: {reason}");
            assert!(!is_of_nobody(&head(), text.as_bytes()), "{reason}");
        }
        let retried = b"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure";
        assert!(!is_of_nobody(&head(), retried));
        for name in ["date", "server", "via"] {
            assert!(!is_of_nobody(&head().with(name, "envoy"), REFUSED), "an Envoy behind this one: {name}");
        }
        let other = PlainRequest::default().with(":status", "503").with("content-type", "application/json");
        assert!(!is_of_nobody(&other, REFUSED));
        assert!(!is_of_nobody(&head(), b"upstream request timeout"));
        assert!(!is_of_nobody(&head(), b""));
    }
}
