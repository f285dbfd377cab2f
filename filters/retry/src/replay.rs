//! A request made again from what the filter saw of it.
//!
//! What the route adds or rewrites behind this filter is not in it; docs/retry.md says what an endpoint sees differently.

use core::time::Duration;
use switchyard_core::contract::{
    ATTEMPT_COUNT_HEADER, CANDIDATES_HEADER, CLIENT_LIMIT_HEADER, CLUSTER_HEADER, EXPECTED_TIMEOUT_HEADER,
};
use switchyard_core::deadline::{GRPC_TIMEOUT, TimeLeft};
use switchyard_core::http::{is_about_the_connection, is_sent_on};
use switchyard_core::retry::STEERING_HEADERS;
use switchyard_host::HeaderMap;

/// Headers that belong to one attempt, and are not sent again.
const OWN_OF_AN_ATTEMPT: [&str; 8] = [
    CANDIDATES_HEADER,
    CLIENT_LIMIT_HEADER,
    CLUSTER_HEADER,
    "content-length",
    "expect",
    ATTEMPT_COUNT_HEADER,
    EXPECTED_TIMEOUT_HEADER,
    GRPC_TIMEOUT,
];

/// The headers of one attempt.
pub(crate) struct Replay {
    number: String,
    address: String,
    left: TimeLeft,
}

impl Replay {
    /// Attempt `number`, to `address` (empty: whichever the cluster chooses), which has so much time left; `is_clients`: by its client's own
    /// limit.
    pub(crate) fn new(number: u32, address: &str, left: Duration, is_clients: bool) -> Self {
        Self {
            number: number.to_string(),
            address: address.to_owned(),
            left: TimeLeft::new(left, is_clients),
        }
    }

    /// The headers, made from those of the request; the remaining time replaces what the request said in
    /// `deadline_header` or `grpc-timeout`. `None` if one cannot be written as text.
    pub(crate) fn headers<'a>(
        &'a self,
        head: &'a HeaderMap,
        deadline_header: Option<&str>,
    ) -> Option<Vec<(&'a str, &'a str)>> {
        let mut headers = Vec::with_capacity(head.len() + 2);
        for (name, value) in head.iter() {
            let name = core::str::from_utf8(name).ok()?;
            if deadline_header == Some(name) {
                headers.push((name, self.left.millis()));
            } else if !OWN_OF_AN_ATTEMPT.contains(&name)
                && !STEERING_HEADERS.contains(&name)
                && is_sent_on(name.as_bytes(), value, head.values("connection"))
            {
                headers.push((name, core::str::from_utf8(value).ok()?));
            }
        }
        if head.contains(GRPC_TIMEOUT) {
            headers.push((GRPC_TIMEOUT, self.left.grpc()));
        }
        headers.extend(self.left.clients());
        headers.push((ATTEMPT_COUNT_HEADER, &self.number));
        if !self.address.is_empty() {
            headers.push((CANDIDATES_HEADER, &self.address));
        }
        Some(headers)
    }
}

/// The headers of an answer as a client gets them: without its status, and without what Envoy writes anew.
pub(crate) fn reply_headers(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    // An endpoint that is an Envoy itself may have counted its own attempts.
    const WRITTEN_ANEW: [&str; 3] = [":status", "content-length", ATTEMPT_COUNT_HEADER];
    headers.iter().filter(|(name, _)| {
        !is_about_the_connection(name) && !WRITTEN_ANEW.iter().any(|one| one.as_bytes() == *name)
    })
}

/// The headers of the answer to a call as they take the place of those of a held one.
pub(crate) fn kept_of_call(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let is_of_the_call =
        |name: &[u8]| is_about_the_connection(name) || name == ATTEMPT_COUNT_HEADER.as_bytes();
    headers.iter().filter(move |(name, _)| !is_of_the_call(name))
}
