//! What a client gets of this filter: an answer in the place of the one that was held, or a reply in Envoy's name.
//!
//! Invariant: an answer over HTTP that the first attempt did not give is marked with the attempt that did, or with what stands in for it.

use crate::replay::{kept_of_call, reply_headers};
use switchyard_core::contract::{ATTEMPT_COUNT_HEADER, FALLBACK_HEADER};
use switchyard_core::local_reply::LocalReply;
use switchyard_core::retry::exchanges::{Delivery, Reply};
use switchyard_core::retry::{StaticAnswer, StoredAnswer};
use switchyard_host::{HeaderMap, Host, HostError, Replies};

/// Puts an answer in the place of the held one. What other filters add to answers is added to this one, too, and the answer to a HEAD
/// keeps its length; a reply in Envoy's name has neither.
pub(crate) fn put_in_place(delivery: &Delivery<'_, HeaderMap>, host: &impl Host) -> Result<(), HostError> {
    let answer = delivery.answer;
    let count = delivery.number.to_string();
    let mut headers: Vec<_> = kept_of_call(&answer.headers).collect();
    if delivery.grpc {
        let trailers: Vec<_> = answer.trailers.iter().collect();
        host.set_response_trailers(&trailers)?;
    } else {
        headers.extend(marks(delivery, &count));
    }
    host.set_response_headers(&headers)?;
    if answer.body.is_empty() { Ok(()) } else { host.set_response_body(&answer.body) }
}

/// Answers in Envoy's name.
pub(crate) fn reply(reply: &Reply<'_, HeaderMap>, host: &impl Replies) -> Result<(), HostError> {
    match reply {
        Reply::Delivered(delivery) => deliver(delivery, host),
        Reply::Stale(answer, age) => reply_stale(answer, age.as_secs(), host),
        Reply::Configured(answer) => reply_configured(answer, host),
        Reply::Refused { status, words, grpc } => {
            // Envoy makes the words the status and message of a gRPC call, and a content type of ours would spoil the one
            // that its client looks for.
            const PLAIN: (&[u8], &[u8]) = (b"content-type", b"text/plain");
            // Of the words that there are, those with this status alone are about time.
            let what = if *status == 504 { LocalReply::Deadline } else { LocalReply::NoRoom };
            host.send_response(what, *status, Some(PLAIN).filter(|_| !grpc).as_slice(), words)
        }
    }
}

/// What the answer to an attempt of ours is marked with; `count`: the attempt's number.
fn marks<'a>(
    delivery: &Delivery<'_, HeaderMap>,
    count: &'a str,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let substitute = delivery.substitute.then_some((FALLBACK_HEADER.as_bytes(), &b"upstream"[..]));
    [(ATTEMPT_COUNT_HEADER.as_bytes(), count.as_bytes())].into_iter().chain(substitute)
}

fn deliver(delivery: &Delivery<'_, HeaderMap>, host: &impl Replies) -> Result<(), HostError> {
    let answer = delivery.answer;
    let count = delivery.number.to_string();
    let headers: Vec<_> = marks(delivery, &count).chain(reply_headers(&answer.headers)).collect();
    let what = if delivery.substitute { LocalReply::FallbackUpstream } else { LocalReply::Attempt };
    host.send_response(what, answer.status(), &headers, &answer.body)
}

fn reply_stale(answer: &StoredAnswer, age: u64, host: &impl Replies) -> Result<(), HostError> {
    let age = age.to_string();
    let headers = answer.headers.iter().map(|(name, value)| (name.as_bytes(), &**value));
    let marked: Vec<(&[u8], &[u8])> = headers
        .filter(|(name, _)| *name != b"age")
        .chain([(FALLBACK_HEADER.as_bytes(), &b"stale"[..]), (b"age", age.as_bytes())])
        .collect();
    host.send_response(LocalReply::FallbackStale, answer.status, &marked, &answer.body)
}

fn reply_configured(answer: &StaticAnswer, host: &impl Replies) -> Result<(), HostError> {
    let headers = answer.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let marked: Vec<(&[u8], &[u8])> = headers.chain([(FALLBACK_HEADER.as_bytes(), &b"answer"[..])]).collect();
    host.send_response(LocalReply::FallbackAnswer, answer.status, &marked, answer.body.as_bytes())
}
