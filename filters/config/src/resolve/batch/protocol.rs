//! How requests are joined, and their answer is split.
//!
//! Invariants: a section has one protocol; a JSON pointer is one, so none is looked up that leads nowhere by its form.
//! Trade-off: whether a field or a pointer is the upstream's, nobody here can know.
//! Source: RFC 6901 (JSON pointer), section 3; RFC 3986, sections 2.3 (unreserved characters) and 3.3 (paths).

use crate::error::{Errors, Fault, Path, cut};
use crate::raw::batch as raw;
use crate::resolve::{bounded, check_pointer, narrow, refuse_duplicates};
use switchyard_core::batch::{Embeddings, IdForm, IdList, JsonArray, JsonRpc, Protocol, Sends};

/// Nobody sends more inputs in a request.
const MOST_INPUTS: u64 = 10_000;
/// No request has more tokens.
const MOST_TOKENS: u64 = 1_000_000_000;

/// The protocol; `None` if it is not known which one is meant. What is wrong in any of them is added to `errors`.
pub(super) fn resolve(raw: &raw::Protocol, at: &Path<'_>, errors: &mut Errors) -> Option<Protocol> {
    let json_rpc = raw.json_rpc.as_ref().map(|raw| json_rpc(raw, &at.field("json_rpc"), errors));
    let json_array = raw.json_array.as_ref().map(|raw| json_array(raw, &at.field("json_array"), errors));
    let embeddings = raw.embeddings.as_ref().map(|raw| embeddings(raw, &at.field("embeddings"), errors));
    let id_list = raw.id_list.as_ref().map(|raw| id_list(raw, &at.field("id_list"), errors));
    let found = [
        json_rpc.map(Protocol::JsonRpc),
        json_array.map(Protocol::JsonArray),
        embeddings.map(Protocol::Embeddings),
        id_list.map(Protocol::IdList),
    ];
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    if found.len() > 1 {
        let names: Vec<_> = found.iter().map(Protocol::name).collect();
        errors.add(at, format!("has several protocols ({}); keep one", names.join(", ")));
        return None;
    }
    if found.is_empty() && raw.bad.is_empty() {
        errors.add(at, "names no protocol; add one of json_rpc, json_array, embeddings, id_list");
    }
    // One that could not be read may be the one that is meant.
    found.pop().filter(|_| raw.bad.is_empty())
}

fn json_rpc(raw: &raw::JsonRpc, at: &Path<'_>, errors: &mut Errors) -> JsonRpc {
    if let Some(list) = raw.repeatable.as_deref() {
        check_methods(list, &at.field("repeatable"), errors);
    }
    if let Some(weigh) = raw.weigh.as_deref() {
        check_pointer(weigh, &at.field("weigh"), errors);
    }
    let methods = raw.repeatable.iter().flatten().flatten();
    JsonRpc {
        repeatable: methods.map(|method| method.as_str().into()).collect(),
        weigh: raw.weigh.as_deref().map(Into::into),
    }
}

fn check_methods(list: &[Option<String>], at: &Path<'_>, errors: &mut Errors) {
    if list.is_empty() {
        errors.add(at, "is empty; name a method or remove it");
    }
    let methods = || list.iter().enumerate().filter_map(|(index, method)| Some((index, method.as_deref()?)));
    refuse_duplicates(methods(), |index, method, first| {
        let problem = format!("{:?} is method {first} already; remove one of them", cut(method));
        errors.add_as(Fault::Duplicate, &at.index(index), problem);
    });
    for (index, method) in methods() {
        if method.is_empty() {
            errors.add(&at.index(index), "is empty; name a method");
        } else if method.strip_suffix('*').unwrap_or(method).contains('*') {
            let problem = format!("{:?} has a * before its end, where it stands for nothing", cut(method));
            errors.add(&at.index(index), problem + "; write what methods begin with, as in \"eth_get*\"");
        }
    }
}

fn json_array(raw: &raw::JsonArray, at: &Path<'_>, errors: &mut Errors) -> JsonArray {
    if let Some(weigh) = raw.weigh.as_deref() {
        check_pointer(weigh, &at.field("weigh"), errors);
    }
    JsonArray {
        field: field(raw.field.as_deref(), &at.field("field"), errors),
        answers: field(raw.answers.as_deref(), &at.field("answers"), errors),
        sends: match raw.sends {
            Some(raw::Sends::Items) => Sends::Items,
            Some(raw::Sends::Item) | None => Sends::Item,
        },
        is_repeatable: raw.repeatable == Some(true),
        weigh: raw.weigh.as_deref().map(Into::into),
    }
}

fn embeddings(raw: &raw::Embeddings, at: &Path<'_>, errors: &mut Errors) -> Embeddings {
    let default = Embeddings::default();
    let inputs = u64::try_from(default.max_items).unwrap_or(MOST_INPUTS);
    let mut bounds =
        |name: &'static str, value, default, most| bounded(value, default, 1, most, &at.field(name), errors);
    let max_items = narrow(bounds("max_items", raw.max_items, inputs, MOST_INPUTS));
    let max_tokens = bounds("max_tokens", raw.max_tokens, default.max_tokens, MOST_TOKENS);
    let longest = default.max_item_tokens.min(max_tokens);
    let longest = bounds("max_item_tokens", raw.max_item_tokens, longest, MOST_TOKENS);
    let bytes_per_token = bounds("bytes_per_token", raw.bytes_per_token, default.bytes_per_token, 16);
    // What is out of range, or could not be read, is no measure for others.
    let known = raw.max_tokens.is_none_or(|tokens| tokens == max_tokens) && !raw.bad.contains(&"max_tokens");
    if longest > max_tokens && known {
        let problem = "is more than max_tokens (300000 by default), so no such input fits a request; lower it or \
                       raise that";
        errors.add(&at.field("max_item_tokens"), problem);
    }
    let is_ordered = raw.ordered == Some(true);
    Embeddings { max_items, max_item_tokens: longest, max_tokens, bytes_per_token, is_ordered }
}

fn id_list(raw: &raw::IdList, at: &Path<'_>, errors: &mut Errors) -> IdList {
    let single = raw.single == Some(true);
    if let Some(path) = raw.path.as_deref() {
        check_path(path, single, &at.field("path"), errors);
    }
    if let Some(parameter) = raw.parameter.as_deref() {
        check_parameter(parameter, &at.field("parameter"), errors);
    }
    if let Some(id) = raw.id.as_deref() {
        check_pointer(id, &at.field("id"), errors);
    }
    IdList {
        path: raw.path.as_deref().unwrap_or_default().into(),
        parameter: raw.parameter.as_deref().unwrap_or_default().into(),
        form: match raw.form {
            Some(raw::IdForm::Repeated) => IdForm::Repeated,
            Some(raw::IdForm::Comma) | None => IdForm::Comma,
        },
        takes_single: single,
        field: field(raw.field.as_deref(), &at.field("field"), errors),
        id_pointer: raw.id.as_deref().unwrap_or("/id").into(),
    }
}

fn check_path(path: &str, single: bool, at: &Path<'_>, errors: &mut Errors) {
    let foreign = |letter: &char| !letter.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=:@%/".contains(*letter);
    if !path.starts_with('/') {
        errors.add(at, format!("{:?} begins with no slash, so no request has it; add one", cut(path)));
    } else if path.contains(['?', '#']) {
        errors.add(at, format!("{:?} holds ? or #; write it without its query", cut(path)));
    } else if let Some(letter) = path.chars().find(foreign) {
        let problem = format!("{:?} holds {letter:?}, which no path has as it is", cut(path));
        errors.add(at, problem + "; write it percent-encoded, as requests do");
    } else if single && path.ends_with('/') {
        let problem = format!("{:?} ends in a slash, below which single finds no id; remove it", cut(path));
        errors.add(at, problem);
    }
}

fn check_parameter(parameter: &str, at: &Path<'_>, errors: &mut Errors) {
    if parameter.is_empty() {
        errors.add(at, "is empty; name the parameter, as in \"ids\"");
    } else if !parameter.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._~".contains(letter)) {
        let problem = format!("{:?} is no plain name of a parameter", cut(parameter));
        errors.add(at, problem + "; use letters, digits and - . _ ~");
    }
}

/// The name of a field of a JSON object.
fn field(name: Option<&str>, at: &Path<'_>, errors: &mut Errors) -> Option<Box<str>> {
    if name == Some("") {
        errors.add(at, "is empty; name a field, or remove it if there is only the array");
    }
    name.map(Into::into)
}
