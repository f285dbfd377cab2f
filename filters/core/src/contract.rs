//! What filters tell each other without sharing memory: headers, properties, and keys of shared data.
//!
//! Filters may be in VMs of their own, and of different versions; all that they have in common is what stands here. Operators see
//! some of it, too: the headers of answers, and what their Envoy takes off requests.
//!
//! Invariant: a name stands here once, and nowhere else in a filter. Every header of ours begins with `x-switchyard-`
//! ([`is_our_header`]), every key of shared data with `switchyard.`, so they bear strangers under the same `vm_id`.
//! Trade-off: a name is never used for anything else than it was in an earlier version; what has another layout has a version in it.
//! Source: the names of Envoy's own headers are from its documentation ("HTTP header manipulation", "Router").

/// The endpoints of a request, best first, `ip:port`s with commas between: router.wasm or retry.wasm to Envoy's `override_host`.
pub const CANDIDATES_HEADER: &str = "x-gateway-destination-endpoint";
/// The cluster of a request: router.wasm to Envoy's `cluster_header`.
pub const CLUSTER_HEADER: &str = "x-switchyard-cluster";
/// Why a request goes where it goes: router.wasm to whoever asked.
pub const EXPLAIN_HEADER: &str = "x-switchyard-explain";
/// The size of the batch that an answer came with, and the place in it.
pub const BATCH_HEADER: &str = "x-switchyard-batch";
/// The `traceparent` of the call that answered a request of another trace.
pub const BATCH_TRACE_HEADER: &str = "x-switchyard-batch-traceparent";
/// What a client got in place of an answer: `stale`, `answer` or `upstream`.
pub const FALLBACK_HEADER: &str = "x-switchyard-fallback";
/// Marks a heartbeat ([`heartbeat_mark`]): router.wasm to outlier.wasm.
pub const HEARTBEAT_HEADER: &str = "x-switchyard-heartbeat";
/// Of a call that retry.wasm or batch.wasm makes: how much time its client gives it, in milliseconds, where that is what bounds it; to
/// outlier.wasm. A router in front of requests tells the same by [`CLIENT_LIMIT_PROPERTY`].
pub const CLIENT_LIMIT_HEADER: &str = "x-switchyard-client-limit";
/// The property of an attempt that was given up because another one answered: retry.wasm to outlier.wasm.
pub const CANCELLED_PROPERTY: &str = "switchyard_cancelled";
/// The property of a request whose client gives it only so much time, in milliseconds, or [`NO_LIMIT`]. router.wasm or batch.wasm to
/// outlier.wasm.
pub const CLIENT_LIMIT_PROPERTY: &str = "switchyard_client_limit";
/// The client gives no limit, whatever the headers say that batch.wasm has written.
pub const NO_LIMIT: &str = "none";
/// The property of a request that asks for a stream, which may be silent: router.wasm to outlier.wasm.
pub const STREAM_PROPERTY: &str = "switchyard_stream";
/// The property that has what was decided for a request ([`crate::decisions`]), which Envoy's logs know as the filter state
/// `wasm.switchyard`.
pub const DECISIONS_PROPERTY: &str = "switchyard";

/// Envoy's number of an attempt, and in an answer how many there were.
pub const ATTEMPT_COUNT_HEADER: &str = "x-envoy-attempt-count";
/// The milliseconds that Envoy's router gives an attempt.
pub const EXPECTED_TIMEOUT_HEADER: &str = "x-envoy-expected-rq-timeout-ms";
/// The milliseconds that a filter or a client gives a request, with all its attempts.
pub const REQUEST_TIMEOUT_HEADER: &str = "x-envoy-upstream-rq-timeout-ms";
/// The milliseconds that a filter or a client gives each attempt.
pub const TRY_TIMEOUT_HEADER: &str = "x-envoy-upstream-rq-per-try-timeout-ms";

/// Whether a header (in lower case) is what one filter tells another, or Envoy: nothing of it goes from one request to another.
///
/// ```
/// use switchyard_core::contract::{CANDIDATES_HEADER, CLUSTER_HEADER, is_our_header};
/// assert!(is_our_header(CLUSTER_HEADER.as_bytes()) && is_our_header(CANDIDATES_HEADER.as_bytes()));
/// ```
pub fn is_our_header(name: &[u8]) -> bool {
    name.starts_with(b"x-switchyard-") || name == CANDIDATES_HEADER.as_bytes()
}

/// The mark of the heartbeats of whoever holds the lease for them ([`keys::HEARTBEAT_LEASE`]) by this number.
pub fn heartbeat_mark(holder: u64) -> String {
    format!("{holder:x}")
}

/// The property in which a module says what it has decided. Each of the single modules has one of its own: none can read another's and
/// write both.
///
/// ```
/// use switchyard_core::contract::decisions_property;
/// assert_eq!(decisions_property("switchyard"), "switchyard");
/// assert_eq!(decisions_property("router"), "switchyard_router");
/// ```
pub fn decisions_property(module: &str) -> String {
    match module {
        DECISIONS_PROPERTY => module.to_owned(),
        _ => format!("{DECISIONS_PROPERTY}_{module}"),
    }
}

/// Keys of shared data, and names of queues.
pub mod keys {
    /// Written whenever somebody learns what all workers should know at once; its compare-and-swap number says so.
    pub const EPOCH: &str = "switchyard.outlier.epoch";
    /// Which worker sends heartbeats.
    pub const HEARTBEAT_LEASE: &str = "switchyard.outlier.prober";
    /// What the documents in force say of ejection.
    pub const SETTINGS: &str = "switchyard.outlier.settings";
    /// Written whenever somebody publishes some.
    pub const SETTINGS_NUMBER: &str = "switchyard.outlier.settings.number";

    /// Written whenever somebody has read a list of endpoints that differs from the one before.
    pub const ROSTERS_NUMBER: &str = "switchyard.endpoints.number";

    /// The document of a filter that is in force, by what asks for it: its revision and its text.
    pub fn document(filter: &str, asked: u64) -> String {
        format!("switchyard.document.{filter}.{asked:x}")
    }

    /// Written whenever that document is another.
    pub fn document_number(filter: &str, asked: u64) -> String {
        format!("switchyard.document.{filter}.{asked:x}.number")
    }

    /// Which worker asks for it.
    pub fn document_asker(filter: &str, asked: u64) -> String {
        format!("switchyard.document.{filter}.{asked:x}.asker")
    }

    /// The clusters that are followed under the document with this number.
    pub fn clusters(configuration: u64) -> String {
        format!("switchyard.clusters.{configuration:x}")
    }

    /// The list of endpoints of an upstream, by what asks for it.
    pub fn roster(upstream: &str, asked: u64) -> String {
        format!("switchyard.endpoints.{upstream}.{asked:x}")
    }

    /// Which worker asks for these lists.
    pub fn asker(asked: u64) -> String {
        format!("switchyard.endpoints.asker.{asked:x}")
    }

    /// The queue by which it hears that endpoints may have changed.
    pub fn asker_queue(asked: u64) -> String {
        format!("switchyard.endpoints.asker.{asked:x}.queue")
    }

    /// The states of the endpoints of an upstream.
    pub fn ledger(upstream: &str) -> String {
        format!("switchyard.outlier.ledger.{upstream}")
    }

    /// The windows of the endpoints of an upstream.
    pub fn tally(upstream: &str) -> String {
        format!("switchyard.outlier.tally.{upstream}")
    }

    /// The retry budget of a route or an upstream (`kind`).
    pub fn budget(kind: &str, name: &str) -> String {
        format!("switchyard.retry.{kind}.{name}")
    }

    /// How many workers of this filter have ever asked for a number.
    pub fn workers(filter: &str) -> String {
        format!("switchyard.{filter}.workers")
    }

    /// The queue of a worker of this filter.
    pub fn queue(filter: &str, number: u32) -> String {
        format!("switchyard.{filter}.worker.{number}")
    }

    /// What a VM of this filter adds to gauges.
    pub fn gauges(filter: &str, slot: u32) -> String {
        format!("switchyard.{filter}.gauges.{slot:02x}")
    }

    /// The last transitions of endpoints, for the status page.
    pub const TRANSITIONS: &str = "switchyard.status.transitions";

    /// Which configurations the roots of this module have taken and refused, for the status page.
    pub fn configurations(module: &str) -> String {
        format!("switchyard.status.configurations.{module}")
    }

    /// What a worker of this module says of itself to the status page, by the place of its number.
    pub fn snapshot(module: &str, place: u32) -> String {
        format!("switchyard.status.worker.{module}.{place:02x}")
    }

    /// What the workers of a module are called by whom the status page wakes them: in [`workers`] and [`queue`].
    pub fn looked_at(module: &str) -> String {
        format!("status.{module}")
    }

    /// Which worker gathers the keys of a slot.
    pub fn gatherer(slot: u32) -> String {
        format!("switchyard.batch.gatherer.{slot:02x}")
    }

    /// The flights of a bucket.
    pub fn board(bucket: u32) -> String {
        // Three times per request, so put together by hand: formatting costs more than the digits.
        const BEGINNING: &str = "switchyard.coalesce.board.";
        let mut key = String::with_capacity(BEGINNING.len() + 8);
        key.push_str(BEGINNING);
        let digits = (0..3).rev().filter_map(|place| char::from_digit(bucket >> (4 * place) & 0xf, 16));
        key.extend(digits);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Filters of two versions may be side by side while one is replaced, and operators have some of these in their Envoy's configuration.
    #[test]
    fn names_are_what_they_were() {
        let headers = [
            CANDIDATES_HEADER,
            CLUSTER_HEADER,
            EXPLAIN_HEADER,
            BATCH_HEADER,
            BATCH_TRACE_HEADER,
            FALLBACK_HEADER,
            HEARTBEAT_HEADER,
            CLIENT_LIMIT_HEADER,
        ];
        let before = [
            "x-gateway-destination-endpoint",
            "x-switchyard-cluster",
            "x-switchyard-explain",
            "x-switchyard-batch",
        ];
        let rest = [
            "x-switchyard-batch-traceparent",
            "x-switchyard-fallback",
            "x-switchyard-heartbeat",
            "x-switchyard-client-limit",
        ];
        assert_eq!(headers.to_vec(), [&before[..], &rest].concat());
        assert!(headers.iter().all(|name| is_our_header(name.as_bytes())));
        assert!(!is_our_header(ATTEMPT_COUNT_HEADER.as_bytes()));
        assert_eq!((CANCELLED_PROPERTY, heartbeat_mark(0xab).as_str()), ("switchyard_cancelled", "ab"));
        assert_eq!(
            (CLIENT_LIMIT_PROPERTY, STREAM_PROPERTY),
            ("switchyard_client_limit", "switchyard_stream")
        );
    }

    #[test]
    fn keys_are_what_they_were_and_each_another_one() {
        let keys = [
            (keys::EPOCH.to_owned(), "switchyard.outlier.epoch"),
            (keys::HEARTBEAT_LEASE.to_owned(), "switchyard.outlier.prober"),
            (keys::ledger("web"), "switchyard.outlier.ledger.web"),
            (keys::tally("web"), "switchyard.outlier.tally.web"),
            (keys::budget("route", "all"), "switchyard.retry.route.all"),
            (keys::workers("batch"), "switchyard.batch.workers"),
            (keys::queue("batch", 7), "switchyard.batch.worker.7"),
            (keys::gauges("batch", 10), "switchyard.batch.gauges.0a"),
            (keys::gatherer(255), "switchyard.batch.gatherer.ff"),
            (keys::board(2047), "switchyard.coalesce.board.7ff"),
            (keys::board(10), "switchyard.coalesce.board.00a"),
            (keys::document("router", 10), "switchyard.document.router.a"),
            (keys::document_number("router", 10), "switchyard.document.router.a.number"),
            (keys::document_asker("router", 10), "switchyard.document.router.a.asker"),
            (keys::clusters(10), "switchyard.clusters.a"),
            (keys::ROSTERS_NUMBER.to_owned(), "switchyard.endpoints.number"),
            (keys::roster("web", 10), "switchyard.endpoints.web.a"),
            (keys::asker(10), "switchyard.endpoints.asker.a"),
            (keys::asker_queue(10), "switchyard.endpoints.asker.a.queue"),
            (keys::TRANSITIONS.to_owned(), "switchyard.status.transitions"),
            (keys::configurations("router"), "switchyard.status.configurations.router"),
            (keys::snapshot("router", 10), "switchyard.status.worker.router.0a"),
            (keys::queue(&keys::looked_at("router"), 7), "switchyard.status.router.worker.7"),
        ];
        for (key, before) in keys {
            assert_eq!(key, before);
        }
    }
}
