//! Whether an answer is a failure that is worth another attempt.
//!
//! Invariant: an answer that neither an endpoint nor Envoy's router made (a rate limiter's, an authoriser's) is never one.
//!
//! Envoy answers in the endpoint's place when an attempt breaks off. On a client's stream it says so in
//! `response.code_details`. A call of our own has no such thing: its local replies are known by their plain text
//! ([`crate::http::BrokenOff`]); an endpoint that writes the same is an Envoy itself and means the same.

use super::world::World;
use crate::http::{BrokenOff, decimal, duration, millis, seconds};
use crate::retry::attempts::Verdict;
use crate::retry::backoff::retry_after;
use crate::retry::classify::{Failure, Reason};
use crate::retry::settings::{BackOff, ResetFormat, ResetHeader, RetryOn, Settings};
use crate::{HeadView, Timestamp};
use core::time::Duration;

/// How a gRPC server asks for a wait (gRFC A6, "Pushback").
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The head of an answer.
pub(super) struct AnswerHead<'a, H> {
    pub(super) headers: &'a H,
    /// Its gRPC status is looked at: the request was gRPC.
    pub(super) grpc: bool,
}

/// Who made an answer.
enum Maker {
    Endpoint,
    /// Envoy's router, for this reason.
    Router(Failure),
    Other,
}

impl<H: HeadView> AnswerHead<'_, H> {
    /// The HTTP status; 0 if there is none.
    pub(super) fn status(&self) -> u16 {
        number(self.headers.header(":status")).unwrap_or_default()
    }

    /// The gRPC status, if it is in the headers.
    pub(super) fn grpc_status(&self) -> Option<u8> {
        if self.grpc { number(self.headers.header("grpc-status")) } else { None }
    }

    /// Why this would be worth another attempt, had an endpoint sent it.
    fn as_endpoints(&self, retry_on: &RetryOn) -> Option<(Failure, Reason)> {
        let status = Failure::Status(self.status());
        let grpc = self.grpc_status().filter(|status| *status != 0).map(Failure::Grpc);
        let header = || {
            let says = retry_on.headers.iter().any(|header| header.matches(self.headers));
            says.then_some((status, Reason::Header))
        };
        let known = |failure: Failure| Some((failure, retry_on.reason(failure)?));
        grpc.and_then(known).or_else(|| known(status)).or_else(header)
    }

    /// The verdict on the first attempt's answer. Asks the world only of one that might be a failure.
    pub(super) fn of_first(&self, settings: &Settings, world: &mut impl World<H>) -> Verdict {
        let endpoints = self.as_endpoints(&settings.retry_on);
        let suspicious = self.status() >= 500 || self.grpc_status().is_some_and(|status| status != 0);
        if endpoints.is_none() && !suspicious {
            return Verdict::Final;
        }
        let maker = maker(&world.response_details());
        self.verdict(maker, endpoints, settings, || world.now())
    }

    /// The verdict on the answer to a call of ours; `body` is its beginning.
    pub(super) fn of_call(&self, body: &[u8], settings: &Settings, now: Timestamp) -> Verdict {
        let maker =
            if is_empty(self.headers) { Maker::Router(Failure::Reset) } else { maker_of_call(self, body) };
        self.verdict(maker, self.as_endpoints(&settings.retry_on), settings, || now)
    }

    fn verdict(
        &self,
        maker: Maker,
        endpoints: Option<(Failure, Reason)>,
        settings: &Settings,
        now: impl FnOnce() -> Timestamp,
    ) -> Verdict {
        let found = match maker {
            Maker::Endpoint => endpoints,
            Maker::Router(failure) => settings.retry_on.reason(failure).map(|reason| (failure, reason)),
            Maker::Other => None,
        };
        let Some((failure, reason)) = found else { return Verdict::Final };
        Verdict::Failed { failure, reason, asked: self.asked(&settings.back_off, now) }
    }

    /// How long the endpoint asked to be left alone: by the first of its headers that says something, and of several copies of that by the
    /// one that asks for most.
    pub(super) fn asked(&self, back_off: &BackOff, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
        back_off.retry_after_ceiling?;
        if let Some(asked) = self.longest("retry-after-ms", millis) {
            return Some(asked);
        }
        let resets = &back_off.reset_headers;
        let is_there = |name: &str| self.headers.header(name).is_some();
        let is_said = is_there("retry-after") || resets.iter().any(|one| is_there(&one.name));
        let now = is_said.then(now)?;
        let after = |value: &[u8]| retry_after(core::str::from_utf8(value).ok()?.trim(), now);
        self.longest("retry-after", after).or_else(|| {
            let until =
                |one: &ResetHeader| self.longest(&one.name, |value| until_reset(one.format, value, now));
            resets.iter().find_map(until)
        })
    }

    fn longest(&self, name: &str, read: impl Fn(&[u8]) -> Option<Duration>) -> Option<Duration> {
        self.headers.header_values(name).filter_map(read).max()
    }
}

/// How long it is until the moment that a reset header says.
fn until_reset(format: ResetFormat, value: &[u8], now: Timestamp) -> Option<Duration> {
    match format {
        ResetFormat::Seconds => seconds(value),
        ResetFormat::Milliseconds => millis(value),
        ResetFormat::Duration => duration(value),
        ResetFormat::UnixTimestamp => {
            seconds(value).map(|moment| moment.saturating_sub(Duration::from_nanos(now.as_nanos())))
        }
    }
}

/// A failure by what the body says.
pub(super) fn by_body(status: u16, asked: Option<Duration>) -> Verdict {
    Verdict::Failed { failure: Failure::Status(status), reason: Reason::Body, asked }
}

/// This verdict on the first attempt's answer, if an endpoint made that. Asks the world only of a failure.
pub(super) fn if_endpoints<H>(verdict: Verdict, world: &mut impl World<H>) -> Verdict {
    if verdict == Verdict::Final || matches!(maker(&world.response_details()), Maker::Endpoint) {
        verdict
    } else {
        Verdict::Final
    }
}

/// A failure by gRPC trailers.
pub(super) fn by_grpc_trailers(trailers: &impl HeadView, retry_on: &RetryOn) -> Verdict {
    let status = number(trailers.header("grpc-status")).unwrap_or_default();
    let failure = Failure::Grpc(status);
    match retry_on.reason(failure).filter(|_| status != 0) {
        Some(reason) => Verdict::Failed { failure, reason, asked: trailers.header(PUSHBACK).map(pushback) },
        None => Verdict::Final,
    }
}

/// What a server says with [`PUSHBACK`]: so many milliseconds, or, with anything else, not to try again.
fn pushback(value: &[u8]) -> Duration {
    millis(value).unwrap_or(Duration::MAX)
}

/// Envoy's response code details: `via_upstream`, or what its router says of an attempt without an answer.
fn maker(details: &[u8]) -> Maker {
    let details = core::str::from_utf8(details).unwrap_or_default();
    if details == "via_upstream" {
        return Maker::Endpoint;
    }
    if let Some(reason) = details.strip_prefix("upstream_reset_before_response_started{") {
        return reset(BrokenOff::by_reason(reason));
    }
    match details {
        "upstream_response_timeout" | "upstream_per_try_timeout" | "response_timeout" => {
            Maker::Router(Failure::Timeout)
        }
        // Nobody was there to see it.
        "no_healthy_upstream" => Maker::Router(Failure::ConnectFailure),
        _ => Maker::Other,
    }
}

fn reset(broken_off: BrokenOff) -> Maker {
    match broken_off {
        // Envoy's own circuit breaker, or a request that it could not encode: trying again is no cure.
        BrokenOff::Overflow => Maker::Other,
        BrokenOff::ConnectFailure => Maker::Router(Failure::ConnectFailure),
        BrokenOff::RefusedStream => Maker::Router(Failure::RefusedStream),
        BrokenOff::Reset => Maker::Router(Failure::Reset),
        BrokenOff::Timeout => Maker::Router(Failure::Timeout),
    }
}

fn maker_of_call<H: HeadView>(head: &AnswerHead<'_, H>, body: &[u8]) -> Maker {
    let plain = head.headers.header("content-type") == Some(b"text/plain");
    let text = match (head.grpc, head.headers.header("grpc-message")) {
        (true, Some(message)) => core::str::from_utf8(message).unwrap_or_default(),
        _ if plain && head.status() >= 500 => core::str::from_utf8(body).unwrap_or_default(),
        _ => return Maker::Endpoint,
    };
    BrokenOff::by_text(text).map_or(Maker::Endpoint, reset)
}

/// Whether there are no headers, and so no answer.
pub(super) fn is_empty(headers: &impl HeadView) -> bool {
    headers.pairs().next().is_none()
}

/// The number that a header's value is.
pub(super) fn number<T: TryFrom<u64>>(value: Option<&[u8]>) -> Option<T> {
    decimal(value?)
}
