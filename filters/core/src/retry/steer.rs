//! The router's engine: a policy told to Envoy's own router in `x-envoy-*` request headers.
//!
//! Envoy's words are coarser than ours; each of ours becomes the narrowest of Envoy's that covers it, and the configuration
//! refuses what has none. Source: Envoy's documentation of the router filter's headers, and how 1.40 merges them with a
//! route's policy (`retry_on` by OR, `x-envoy-max-retries` replaces).
//!
//! Trade-off: a list of statuses is parsed by Envoy with every request, 100 of them for about as long as this filter's own work takes. So
//! where a word of Envoy's means exactly the same (`5xx`, `gateway-error`), it is said in place of the statuses.
//!
//! Invariant: whatever a client sent in one of [`STEERING_HEADERS`] is replaced or removed.

use super::settings::{RetryOn, Settings};
use crate::contract::{REQUEST_TIMEOUT_HEADER, TRY_TIMEOUT_HEADER};
use core::fmt::Write as _;
use core::ops::RangeInclusive;
use core::time::Duration;

/// The request headers that steer retries; a client's own never count.
pub const STEERING_HEADERS: [&str; 8] = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    MAX_RETRIES,
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    TRY_TIMEOUT_HEADER,
    "x-envoy-hedge-on-per-try-timeout",
    REQUEST_TIMEOUT_HEADER,
];

const MAX_RETRIES: &str = "x-envoy-max-retries";
const HEDGE: &str = "x-envoy-hedge-on-per-try-timeout";

/// A policy in Envoy's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// For requests that may be sent twice.
    idempotent: Vec<(&'static str, Box<str>)>,
    /// For those that may be sent again only if no endpoint has seen them.
    unseen: Vec<(&'static str, Box<str>)>,
    /// Without retries.
    none: Vec<(&'static str, Box<str>)>,
}

impl Steering {
    /// The policy of `settings` in Envoy's words.
    pub fn new(settings: &Settings) -> Self {
        let retry_on = &settings.retry_on;
        let mut limits = Vec::new();
        if let Some(limit) = settings.per_try_timeout {
            limits.push((TRY_TIMEOUT_HEADER, millis(limit).into()));
        }
        let retries: Box<str> = settings.num_retries.to_string().into();
        // Where the per-try timeout begins a hedge, it must not end an attempt that has none.
        let hedging = settings.hedge_on_per_try_timeout;
        let with = |words: Vec<&str>, more: Vec<(&'static str, Box<str>)>| {
            let hedged = more.iter().any(|(name, _)| *name == HEDGE);
            let limits = if hedging && !hedged { Vec::new() } else { limits.clone() };
            if (words.is_empty() && more.is_empty()) || settings.num_retries == 0 {
                return [vec![(MAX_RETRIES, "0".into())], limits].concat();
            }
            let mut first = vec![(MAX_RETRIES, retries.clone())];
            if !words.is_empty() {
                first.push(("x-envoy-retry-on", words.join(",").into()));
            }
            [first, more, limits].concat()
        };
        let mut more = lists(retry_on);
        if hedging {
            more.push((HEDGE, "true".into()));
        }
        Self {
            idempotent: with(every(retry_on), more),
            unseen: with(unseen(retry_on), Vec::new()),
            none: with(Vec::new(), Vec::new()),
        }
    }

    /// The headers of a request that may be sent again so often, if its policy says no less, and of one that is not `idempotent`;
    /// `timeout` is what the request has left, if that is less than what the route gives.
    pub fn headers(
        &self,
        idempotent: bool,
        retries: u8,
        timeout: Option<Duration>,
    ) -> impl Iterator<Item = (&'static str, Box<str>)> {
        let list = match (retries, idempotent) {
            (0, _) => &self.none,
            (_, true) => &self.idempotent,
            (_, false) => &self.unseen,
        };
        let fewer = move |(name, value): (&'static str, Box<str>)| {
            let is_less = name == MAX_RETRIES && value.parse().is_ok_and(|most: u8| retries < most);
            (name, if is_less { retries.to_string().into() } else { value })
        };
        let timeout = timeout.map(|left| (REQUEST_TIMEOUT_HEADER, millis(left).into()));
        list.iter().cloned().map(fewer).chain(timeout)
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}

/// The conditions that prove that nobody has seen the request.
fn unseen(retry_on: &RetryOn) -> Vec<&'static str> {
    let words = [("connect-failure", retry_on.connect_failure), ("refused-stream", retry_on.refused_stream)];
    words.into_iter().filter(|(_, wanted)| *wanted).map(|(word, _)| word).collect()
}

fn every(retry_on: &RetryOn) -> Vec<&'static str> {
    let mut words = unseen(retry_on);
    if retry_on.reset {
        words.push("reset");
    }
    words.extend(word_for_statuses(retry_on).map(|(word, _)| word));
    if listed(retry_on).next().is_some() {
        words.push("retriable-status-codes");
    }
    if !retry_on.headers.is_empty() {
        words.push("retriable-headers");
    }
    words
}

/// Envoy's word for some of the statuses, and for which. Its words mean broken attempts, too, so they need a policy that has these.
fn word_for_statuses(retry_on: &RetryOn) -> Option<(&'static str, RangeInclusive<u16>)> {
    let broken = retry_on.connect_failure && retry_on.refused_stream && retry_on.reset;
    let wanted = |status| retry_on.statuses.iter().any(|range| range.contains(&status));
    [("5xx", 500..=599), ("gateway-error", 502..=504)]
        .into_iter()
        .find(|(_, statuses)| broken && statuses.clone().all(wanted))
}

/// The statuses that no word stands for.
fn listed(retry_on: &RetryOn) -> impl Iterator<Item = u16> {
    let said = word_for_statuses(retry_on).map(|(_, statuses)| statuses);
    let is_said = move |status: &u16| said.as_ref().is_some_and(|statuses| statuses.contains(status));
    retry_on.statuses.iter().cloned().flatten().filter(move |status| !is_said(status))
}

/// Envoy's word for a gRPC status; it has one for five of them.
fn grpc_word(status: u8) -> Option<&'static str> {
    match status {
        1 => Some("cancelled"),
        4 => Some("deadline-exceeded"),
        8 => Some("resource-exhausted"),
        13 => Some("internal"),
        14 => Some("unavailable"),
        _ => None,
    }
}

/// What has a header of its own: gRPC statuses, HTTP statuses one by one, header names.
fn lists(retry_on: &RetryOn) -> Vec<(&'static str, Box<str>)> {
    let mut lists = Vec::new();
    let grpc: Vec<_> = retry_on.grpc_statuses.iter().filter_map(|status| grpc_word(*status)).collect();
    if !grpc.is_empty() {
        lists.push(("x-envoy-retry-grpc-on", grpc.join(",").into()));
    }
    let mut text = String::new();
    for status in listed(retry_on) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}{status}", if text.is_empty() { "" } else { "," });
    }
    if !text.is_empty() {
        lists.push(("x-envoy-retriable-status-codes", text.into()));
    }
    if !retry_on.headers.is_empty() {
        let names: Vec<&str> = retry_on.headers.iter().map(|header| &*header.name).collect();
        lists.push(("x-envoy-retriable-header-names", names.join(",").into()));
    }
    lists
}
