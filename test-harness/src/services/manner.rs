//! Manners of servers that batches must live with: limits on a call, ids that are written in another way or not at all, errors about the
//! caller.
//!
//! Invariant: a call that a manner refuses is not done: it counts as seen, and is answered at once.
//! Source: go-ethereum's `rpc/handler.go`; OpenAI's reference, "error codes".

use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::protocol::{Asked, List, json_rpc_error};
use super::server::usual;
use crate::upstream::body::Body;

/// A way in which a service answers calls with more than one item.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Numbers that tell answers apart come back as texts.
    NumbersAsTexts,
    /// Vectors have no index.
    WithoutIndex,
    /// Calls with more items are answered by 413.
    TooLarge(usize),
    /// Calls with more items are answered as go-ethereum does: the first by `batch too large`.
    BatchTooLarge(usize),
    /// Of calls with more items the others are answered by `response too large`, as go-ethereum does.
    ResponseTooLarge(usize),
    /// They are all answered by this status, these headers, and this body.
    Always(u16, Vec<(&'static str, &'static str)>, String),
}

impl Manner {
    /// Changes the reply to a call; if this is all of the answer, here it is.
    pub(super) fn of(&self, asked: &mut Asked) -> Option<Response<Body>> {
        let count = asked.tags.len();
        match self {
            Self::NumbersAsTexts => each(asked, |item| {
                for name in ["id", "index"] {
                    let text = item.get(name).filter(|number| number.is_number()).map(Value::to_string);
                    if let (Some(item), Some(text)) = (item.as_object_mut(), text) {
                        item.insert(name.to_owned(), json!(text));
                    }
                }
            }),
            Self::WithoutIndex => each(asked, |item| {
                item.as_object_mut().map(|item| item.remove("index"));
            }),
            Self::TooLarge(most) if count > *most => return Some(usual(413, Body::text("too large"))),
            Self::BatchTooLarge(most) if count > *most => {
                let first = asked.reply.items().and_then(|items| items.first()?.get("id").cloned());
                let error = json_rpc_error(-32600, "batch too large", &first.unwrap_or_default());
                return Some(usual(200, Body::text(json!([error]).to_string())));
            }
            Self::ResponseTooLarge(most) if count > *most => {
                for item in asked.reply.items().into_iter().flatten().skip(*most) {
                    let id = item.get("id").cloned().unwrap_or_default();
                    *item = json_rpc_error(-32003, "response too large", &id);
                }
            }
            Self::Always(status, headers, body) if count > 1 => {
                let mut response = usual(*status, Body::text(body.clone()));
                for (name, value) in headers {
                    let name = HeaderName::from_static(name);
                    response.headers_mut().insert(name, HeaderValue::from_static(value));
                }
                return Some(response);
            }
            _ => {}
        }
        None
    }
}

/// Changes every answer of a call, one by itself included.
fn each(asked: &mut Asked, change: impl Fn(&mut Value)) {
    match (asked.reply.list, asked.reply.body.as_mut()) {
        (List::Whole, Some(body)) => change(body),
        _ => asked.reply.items().into_iter().flatten().for_each(change),
    }
}
