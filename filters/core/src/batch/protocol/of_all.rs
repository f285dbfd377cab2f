//! Errors about the caller or the path, which each of a batch's requests would get by itself: what the upstream wrote.
//!
//! Invariants: what is handed on is an error in the form of the protocol, and short; every other body is for nobody, for it may be
//! another server's page. A call of JSON-RPC gets it under its own id, a client's own array as it stands.
//! Trade-off: embeddings and the protocols without a form of their own for errors are told by an object that has an error in one of
//! the fields in which servers write them, and is no answer.
//! Source: JSON-RPC 2.0, section 5.1; OpenAI's reference, "error codes"; RFC 9457 (`title`); FastAPI's `detail`, as vLLM has it.

use super::Protocol;
use crate::batch::json::{ANSWER_DEPTH, Object, Value};
use crate::batch::part::Part;
use crate::batch::share::{Answer, Share};

/// The longest error that is handed on, in bytes: every client of a batch gets it at once.
const MOST: usize = 2 << 10;
/// Where servers write errors.
const FIELDS: [&str; 4] = ["error", "message", "detail", "title"];

/// What one client gets of such an answer; `None` if its body is none for it.
pub(super) fn share(protocol: &Protocol, part: &Part, answer: Answer<'_>) -> Option<Share> {
    if answer.body.len() > MOST {
        return None;
    }
    let document = Value::read(answer.body, ANSWER_DEPTH).ok()?;
    let object = document.object_of_answer()?;
    object.is_unambiguous().ok()?;
    let body = match protocol {
        Protocol::JsonRpc(_) => of_call(document, &object, part)?,
        Protocol::Embeddings(_) if object.get("data").ok()?.is_some() => return None,
        _ if !FIELDS.iter().any(|field| is_said(&object, field)) => return None,
        _ => document.text().to_owned(),
    };
    Some(Share::json(answer.status, body))
}

fn is_said(object: &Object<'_>, field: &str) -> bool {
    object.get(field).is_ok_and(|value| value.is_some_and(|value| !value.is_null()))
}

/// An error of JSON-RPC under the id of a client's only call.
fn of_call(document: Value<'_>, object: &Object<'_>, part: &Part) -> Option<String> {
    let error = object.get("error").ok()??.object_of_answer()?;
    let is_error = error.get("code").ok()??.is_number() && error.get("message").ok()??.is_string();
    if !is_error || object.get("result").ok()?.is_some() {
        return None;
    }
    let id = part.items.first().and_then(|item| item.id.as_deref()).filter(|_| part.is_single);
    let text = document.text();
    Some(match (id, object.get("id").ok()?) {
        (None, _) => text.to_owned(),
        (Some(id), Some(there)) => {
            let from = there.at().checked_sub(document.at())?;
            [text.get(..from)?, id, text.get(from + there.text().len()..)?].concat()
        }
        (Some(id), None) => [text.strip_suffix('}')?, ",\"id\":", id, "}"].concat(),
    })
}
