//! What a server says about a batch, and not about a call: that it is too large, that it is no request, or that the rest of it is
//! not done.
//!
//! Invariant: where this says that nothing was done, or nothing from some call on, the server has said so in words that it has for
//! nothing else. An error that may be an answer to a call is that.
//! Trade-off: codes differ from server to server, and some stand for other things elsewhere (EIP-1474 has -32003 for a rejected
//! transaction), so it is messages that are read.
//! Source: the JSON-RPC 2.0 specification, section 6: what is no batch is answered by a single response. go-ethereum's `rpc/handler.go`
//! (`batch too large` under the id of the first call; calls are made in order, and once answers have become too long, or have
//! taken too long, each that is left gets that as its error); Erigon's `batch limit 100 exceeded`; Besu's `Number of requests in batch exceeds
//! max batch size`; jsonrpsee's `The batch request was too large`, `Batched requests are not supported by this server`.

use crate::batch::Broken;
use crate::batch::json::{Object, Value};

const PARSE_ERROR: &str = "-32700";
const INVALID_REQUEST: &str = "-32600";
/// The longest message in which it is looked for: what is longer may quote a client.
const MOST: usize = 200;
/// What is said of a batch that is too large.
const TOO_LARGE: [&str; 6] = ["too large", "too big", "too many", "limit", "exceed", "maximum"];
/// And of one where there should be none.
const UNKNOWN: [&str; 3] = ["not supported", "not allowed", "disabled"];

/// Why nothing of a batch with so many calls was done, if the answer says so.
pub(super) fn refusal(document: Value<'_>, calls: usize) -> Option<Broken> {
    let only = document.elements().and_then(|mut all| all.next().filter(|_| all.next().is_none()));
    let object = only.unwrap_or(document).object_of_answer()?;
    let is_of_one = object.get("id").ok()?.is_some_and(|id| !id.is_null());
    // In an array it may be the answer to the only call.
    if only.is_some() && is_of_one && calls < 2 {
        return None;
    }
    let (code, message) = error(&object)?;
    if message.contains("batch") && !message.contains("response") {
        if TOO_LARGE.iter().any(|words| message.contains(words)) {
            return Some(Broken::TooLarge);
        }
        if UNKNOWN.iter().any(|words| message.contains(words)) {
            return Some(Broken::Refused);
        }
    }
    let is_no_request = matches!(code, PARSE_ERROR | INVALID_REQUEST);
    (only.is_none() && !is_of_one && is_no_request).then_some(Broken::Refused)
}

/// Why a call has no answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CutOff {
    /// Answers before it were too long: neither it nor what follows was done.
    TooMuch,
    /// The batch had taken too long; it may have been begun.
    TooLate,
}

/// Whether a call's error is about the batch.
pub(super) fn cut_off(response: &Object<'_>) -> Option<CutOff> {
    let (code, message) = error(response)?;
    match (code, &*message) {
        ("-32003", "response too large") => Some(CutOff::TooMuch),
        ("-32002", "request timed out") => Some(CutOff::TooLate),
        _ => None,
    }
}

/// The code and the message of an error, in lower case; no long one.
fn error<'a>(response: &Object<'a>) -> Option<(&'a str, String)> {
    let error = response.get("error").ok()??.object_of_answer()?;
    let message = error.get("message").ok()??;
    let message = message.string().filter(|text| text.len() <= MOST)?;
    Some((error.get("code").ok()??.text(), message.to_ascii_lowercase()))
}
