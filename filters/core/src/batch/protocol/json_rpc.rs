//! JSON-RPC 2.0: calls of many clients as one batch array.
//!
//! Invariants: every call has a number of its own in the batch, and its client never sees it: the answer with that
//! number gets the client's id back, letter by letter, be it a string, a number or null. An answer whose number
//! nobody has, that two have, or that has none (an error with id null) breaks the whole.
//! A server that knows ids as texts may put the number into quotes.
//! Trade-offs: a client's own batch is answered in its own order, whatever the server's. A call that is missing from an
//! answer loses nothing but its own: asking again could do twice what the others asked for. A call with any member
//! besides the four is not batched, since servers that do not heed the case of names would take `ID` for the id.
//! Source: the JSON-RPC 2.0 specification, sections 4 to 6.

mod whole;

use super::weight::weight;
use super::{array, misplaced};
use crate::batch::json::{ANSWER_DEPTH, REQUEST_DEPTH, Value, quoted};
use crate::batch::part::Item;
use crate::batch::share::is_of_everybody;
use crate::batch::shares::{Piece, Shares, array as array_of};
use crate::batch::{Answer, Broken, Joined, Outcome, Part, Share, Unbatchable, Why};
use std::borrow::Cow;
use whole::CutOff;

/// What a call may have.
const MEMBERS: [&str; 4] = ["jsonrpc", "method", "params", "id"];
/// The first of the codes that are left to implementations (section 5.1).
const SERVER_ERROR: i32 = -32000;
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
/// What a client is told about a call that the server left out.
const LEFT_OUT: &str = "the server did not answer this call";

/// The JSON-RPC 2.0 protocol.
#[derive(Clone, Debug, Default)]
pub struct JsonRpc {
    /// Methods that may be called twice; one that ends in `*` stands for all that begin so. The protocol itself
    /// knows of none.
    pub repeatable: Vec<Box<str>>,
    /// Where in a call stands what it weighs by, a JSON pointer such as `/params/0`: the bytes of a text, decoded; the items
    /// of an array. `None`, or if there is neither: the bytes of the call without its id.
    pub weigh: Option<Box<str>>,
}

impl JsonRpc {
    pub(super) fn read(&self, body: &[u8]) -> Result<Part, Unbatchable> {
        let value = Value::read(body, REQUEST_DEPTH)?;
        let calls = value.items();
        let is_single = calls.is_none();
        let calls = calls.unwrap_or_else(|| vec![value]);
        if calls.is_empty() {
            return Err(Unbatchable { why: Why::Empty, at: value.at() });
        }
        let (mut items, mut is_repeatable, mut sum) = (Vec::with_capacity(calls.len()), true, 0_u64);
        for value in calls {
            let (item, method) = call(value)?;
            is_repeatable &= self.repeats(&method);
            sum = sum.saturating_add(weight(value, item.text.len(), self.weigh.as_deref()));
            items.push(item);
        }
        Ok(Part { group: Box::default(), weight: sum, is_repeatable, items, is_single })
    }

    fn repeats(&self, method: &str) -> bool {
        self.repeatable.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => method.starts_with(beginning),
            None => **pattern == *method,
        })
    }
}

/// A call without its id, and its method.
fn call(value: Value<'_>) -> Result<(Item, Cow<'_, str>), Unbatchable> {
    let object = value.object().ok_or(misplaced(value))?;
    object.is_unambiguous()?;
    if let Some(other) = object.fields.iter().find(|field| !MEMBERS.contains(&&*field.name)) {
        return Err(misplaced(other.key));
    }
    let version = object.get("jsonrpc")?.ok_or(misplaced(value))?;
    if version.text() != r#""2.0""# {
        return Err(misplaced(version));
    }
    let name = object.get("method")?.ok_or(misplaced(value))?;
    let method = name.string().ok_or(misplaced(name))?;
    let mut text = [r#""method":"#, name.text()].concat();
    if let Some(params) = object.get("params")? {
        if !params.is_object() && !params.is_array() {
            return Err(misplaced(params));
        }
        text.extend([r#","params":"#, params.text()]);
    }
    let id = object.get("id")?;
    match id {
        Some(id) if !id.is_string() && !id.is_number() && !id.is_null() => Err(misplaced(id)),
        _ => Ok((Item { text: text.into(), id: id.map(|id| id.text().into()) }, method)),
    }
}

/// All calls, in order. The first has number 1: some servers take 0 for none. Notifications have numbers, too, but do
/// not say so.
pub(super) fn join(parts: &[&Part]) -> Joined {
    let items = parts.iter().flat_map(|part| &part.items).zip(1_usize..);
    let calls = items.map(|(item, number)| match item.id {
        Some(_) => format!(r#"{{"jsonrpc":"2.0","id":{number},{}}}"#, item.text),
        None => format!(r#"{{"jsonrpc":"2.0",{}}}"#, item.text),
    });
    let calls: Vec<_> = calls.collect();
    Joined { path: None, body: array(calls.iter().map(|call| &**call)).into() }
}

pub(super) fn split(parts: &[&Part], answer: Answer<'_>) -> Result<Shares, Broken> {
    let ids: Vec<_> = parts.iter().flat_map(|part| &part.items).map(|item| item.id.as_deref()).collect();
    let calls = ids.iter().flatten().count();
    let says_nothing = calls == 0 && answer.body.trim_ascii().is_empty();
    let document = if says_nothing { None } else { Some(Value::read(answer.body, ANSWER_DEPTH)) };
    if let Some(Ok(document)) = document
        && let Some(refusal) = whole::refusal(document, calls)
        && (refusal == Broken::TooLarge || !is_of_everybody(answer.status))
    {
        return Err(refusal);
    }
    let answers = match document {
        None => answer.succeeds().map(|()| vec![None; ids.len()])?,
        Some(Ok(document)) if answer.succeeds().is_ok() => answers_to(&ids, document)?,
        // Each call has an error of its own, which the status only sums up.
        Some(Ok(document)) if is_of_everybody(answer.status) => answers_to(&ids, document)
            .ok()
            .filter(|answers| all_fail(&ids, answers))
            .ok_or(Broken::Status(answer.status))?,
        document => {
            answer.succeeds()?;
            return Err(document.and_then(Result::err).map_or(Broken::Form, Broken::Json));
        }
    };
    shared(parts, answers, answer.status)
}

/// What each client gets of what the server says to each call.
fn shared(parts: &[&Part], answers: Vec<Response>, status: u16) -> Result<Shares, Broken> {
    let is_too_much =
        |answer: &Response| answer.as_ref().and_then(|said| said.cut_off) == Some(CutOff::TooMuch);
    // Calls are made in order: of those behind it none was made, notifications included.
    let undone_from = answers.iter().position(is_too_much).unwrap_or(usize::MAX);
    if undone_from == 0 {
        return Err(Broken::TooLarge);
    }
    let mut shares = Shares::of(status, parts.len());
    let (mut answers, mut at) = (answers.into_iter(), 0);
    for part in parts {
        let own: Vec<_> = answers.by_ref().take(part.items.len()).collect();
        share(&mut shares, part, own, at >= undone_from);
        at += part.items.len();
    }
    Ok(shares)
}

/// What the server says to a call; `None`: nothing.
type Response = Option<Said>;

#[derive(Clone, Debug)]
struct Said {
    /// With the client's id in it.
    pieces: [Piece; 3],
    is_error: bool,
    cut_off: Option<CutOff>,
}

fn all_fail(ids: &[Option<&str>], answers: &[Response]) -> bool {
    ids.iter().zip(answers).all(|(id, said)| match said {
        Some(said) => said.is_error,
        None => id.is_none(),
    })
}

/// What the server says to each call.
fn answers_to(ids: &[Option<&str>], document: Value<'_>) -> Result<Vec<Response>, Broken> {
    let mut found = document.elements().ok_or(Broken::Form)?.peekable();
    if ids.iter().all(Option::is_none) && found.peek().is_some() {
        // Nobody wants an answer; but the server may say that it did not understand.
        return Err(Broken::OtherId);
    }
    let mut answers = vec![None; ids.len()];
    for response in found {
        let object = response.object_of_answer().ok_or(Broken::Form)?;
        let number = object.get("id")?.ok_or(Broken::NoId)?;
        if number.is_null() {
            return Err(Broken::NoId);
        }
        let place = number.number_or_text().and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
        let place = place.ok_or(Broken::OtherId)?;
        let id = ids.get(place).copied().flatten().ok_or(Broken::OtherId)?;
        let slot = answers.get_mut(place).ok_or(Broken::OtherId)?;
        let said = Said {
            pieces: Piece::replaced(response, number, id),
            is_error: object.get("error")?.is_some(),
            cut_off: whole::cut_off(&object),
        };
        if slot.replace(said).is_some() {
            return Err(Broken::SameId);
        }
    }
    Ok(answers)
}

/// What one client gets, of the answers to its calls; `is_undone`: none of them was made.
fn share(shares: &mut Shares, part: &Part, answers: Vec<Response>, is_undone: bool) {
    let calls = part.items.iter().zip(answers).filter_map(|(item, answer)| Some((item.id.as_ref()?, answer)));
    let calls: Vec<_> = calls.collect();
    let is_lost = |(_, answer): &(_, Response)| answer.as_ref().is_none_or(|said| said.cut_off.is_some());
    let is_answered = || !calls.iter().any(is_lost);
    let outcome = match is_undone {
        true => Outcome::Undone,
        false if is_answered() => Outcome::Answered,
        false => Outcome::Lost,
    };
    if calls.is_empty() {
        return shares.made(Share { outcome, ..Share::nothing() });
    }
    if part.is_single && calls.iter().all(|(_, answer)| answer.is_none()) {
        return shares.made(Share { outcome, ..failure(part, 502, LEFT_OUT) });
    }
    let mut calls = calls.into_iter().map(|(id, answer)| match answer {
        Some(said) => Vec::from(said.pieces),
        None => vec![Piece::Text(error(id, LEFT_OUT).into())],
    });
    let own = if part.is_single { calls.next().unwrap_or_default() } else { array_of(calls) };
    shares.cut(own, outcome);
}

/// An error for each call that wants an answer. Who wants none is told of a failure all the same, as by any server that fails.
pub(super) fn failure(part: &Part, status: u16, message: &str) -> Share {
    let errors: Vec<_> =
        part.items.iter().filter_map(|item| item.id.as_ref()).map(|id| error(id, message)).collect();
    match errors.as_slice() {
        [] => Share::json(status, error("null", message)),
        [only] if part.is_single => Share::json(status, only.as_bytes()),
        errors => Share::json(status, array(errors.iter().map(|error| &**error))),
    }
}

/// An error with id null, as the specification has it for what cannot be read (section 5.1).
pub(super) fn refusal(flaw: Unbatchable, message: &str) -> Share {
    let code = if matches!(flaw.why, Why::Json(_)) { PARSE_ERROR } else { INVALID_REQUEST };
    Share::json(400, coded_error("null", code, message))
}

fn error(id: &str, message: &str) -> String {
    coded_error(id, SERVER_ERROR, message)
}

fn coded_error(id: &str, code: i32, message: &str) -> String {
    let message = quoted(message);
    format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":{message}}},"id":{id}}}"#)
}
