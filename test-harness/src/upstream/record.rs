//! What an upstream has seen.
//!
//! Invariant: every request is counted, the last [`CAPACITY`] are kept. A request's headers are one string,
//! since 100,000 header maps would hold on to the read buffers that they were parsed from.
//!
//! Upstreams that were started together share one order and one clock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;

/// Requests kept per upstream.
pub const CAPACITY: usize = 100_000;
/// Bytes of a request's body that are kept.
pub const BODY_CAPACITY: usize = 64 * 1024;

/// One request as it arrived.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// Its place in the order of all requests to all upstreams of this process, from 0.
    pub order: u64,
    /// When its headers had arrived, in milliseconds since the first of these upstreams was started.
    pub at_ms: u64,
    /// The TCP connection it came on, numbered from 0 per upstream.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// All headers, one `name: value` a line, names in lower case. Not UTF-8: replaced.
    pub headers: String,
    /// The first 64 KiB of the body. Not UTF-8: replaced.
    pub body: String,
}

impl Recorded {
    /// The first value of a header; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The order and the clock of requests.
pub(crate) struct Sequence {
    started: Instant,
    next: AtomicU64,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), next: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) kept: VecDeque<Recorded>,
    pub(super) total: u64,
}

impl Log {
    pub(super) fn push(&mut self, request: Recorded) {
        if self.kept.len() == CAPACITY {
            self.kept.pop_front();
        }
        self.kept.push_back(request);
        self.total += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Client;
    use crate::upstream::Upstreams;

    #[test]
    fn the_log_forgets_the_oldest_and_counts_all() {
        let request = |order| Recorded {
            order,
            at_ms: order / 10,
            connection: 0,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: "host: a\nx-user: \nx-user-id: 7\n".to_owned(),
            body: String::new(),
        };
        let mut log = Log::default();
        for order in 0..=CAPACITY as u64 {
            log.push(request(order));
        }
        assert_eq!((log.kept.len(), log.total), (CAPACITY, CAPACITY as u64 + 1));
        assert_eq!(log.kept.front().map(|first| first.order), Some(1));
        assert_eq!(log.kept[0].header("x-user-id"), Some("7"));
        assert_eq!(log.kept[0].header("x-user"), Some(""));
        assert_eq!(log.kept[0].header("user"), None);
    }

    #[tokio::test]
    async fn requests_to_upstreams_started_together_have_one_clock() -> anyhow::Result<()> {
        let upstreams = Upstreams::start(2).await?;
        for upstream in [&upstreams[1], &upstreams[0], &upstreams[1]] {
            Client::to(upstream.address()).get("/").send().await?;
        }
        let mut seen: Vec<_> = upstreams.iter().flat_map(|upstream| upstream.requests()).collect();
        seen.sort_by_key(|request| request.order);
        assert_eq!(seen.len(), 3);
        assert!(seen.is_sorted_by_key(|request| request.at_ms), "{seen:?}");
        Ok(())
    }
}
