//! The section `coalesce`: which requests share an answer, which answers are shared, and what followers bear.

use super::Mode;
pub(crate) use super::key::Key;
use crate::error::{Errors, Path};
use crate::read::{Read, expected, section, whole, words};
use crate::values::{ByteSize, Duration};
use serde_json::Value;

section! {
    /// Request coalescing by coalesce.wasm: of identical requests under way at the same time the first one leads and
    /// goes on; the others follow, wait, and get a copy of its answer.
    Coalesce {
        required {}
        optional {
            /// `shadow` counts what would have been collapsed, and holds nothing back. Default: the document's mode.
            mode: Mode,
            /// Whose requests share an answer. Default: proxy, which is worker where shared data or queues cannot be
            /// used.
            scope: Scope,
            /// What tells requests apart, besides the route, method, scheme, authority, path with query, and what Envoy knows of who
            /// asks.
            key: Key,
            /// Statuses whose answers are shared, 200 to 599 but for 206, and 304, which is shared where 200 is; answers with private, no-store,
            /// set-cookie or vary: * never are. Default: [200, 203, 204, 300, 301, 404, 405, 410, 414, 501].
            #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
            share_status: Vec<Option<Status>>,
            /// The longest body that is shared, 1 to 64MiB; the followers of a longer one go on by themselves. Default:
            /// 1MiB.
            max_body_bytes: ByteSize,
            /// The most followers that one flight has in one worker, 1 to 1000000; further requests go on by
            /// themselves. Default: 1024.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
            max_followers: u64,
            /// The most flights (leaders with their followers) of the route in one worker, 1 to 1000000; further
            /// requests go on by themselves. Default: 4096.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
            max_flights: u64,
            /// What answers of the route may take in one worker, the copies that clients have not read yet included (HTTP/1.1: of
            /// one answer); max_body_bytes to 1024MiB. Default: 64MiB.
            max_bytes_held: ByteSize,
            /// How long a follower waits, 10ms to 1h, and no less than max_leader_age; then it goes on by itself as soon as it
            /// is its turn, release_concurrency at a time, and at the latest when it has waited for twice as long. Default:
            /// 10s, or max_leader_age, if that is longer.
            max_wait: Duration,
            /// How long a leader's answer may take to begin, and to be whole, 100ms to 1h; then the oldest follower leads in its
            /// place, and whose answer begins first answers all. Default: 5s, or max_wait, if that is shorter.
            max_leader_age: Duration,
            /// How long the leader's body may stand still, as it does for a client that reads slowly, 100ms to 1h; then the
            /// oldest follower leads in its place. Default: 1s.
            stall_timeout: Duration,
            /// What becomes of the followers when the leader fails. Default: elect.
            on_error: OnError,
            /// Statuses of failures that followers get, 400 to 599 and none of share_status (on_error share, which
            /// needs them).
            #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
            share_errors: Vec<Option<Status>>,
            /// How often followers of one burst lead after a failure, a stall or an answer that took too long, 1 to
            /// 100; then the rest is released, or goes on waiting for the answers that take long. Default: 3.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
            max_elections: u64,
            /// How many released followers of a flight are under way at a time, in all its workers together, 1 to
            /// 10000. Default: 8.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
            release_concurrency: u64,
            /// How long the body of a POST may take to be whole, 10ms to 10s; then the request goes on by itself (key.body true).
            /// Default: 1s.
            body_timeout: Duration,
            /// For how long requests with a key whose answer may not be shared pass at once, up to 1h; 0s: they wait
            /// again. Default: 10s.
            pass_ttl: Duration,
            /// For how long an answer serves further requests, up to 10s. Default: 0s, not at all.
            hold: Duration,
            /// For how long, after hold, an answer serves in place of a failure, before on_error is asked; up to 1h.
            /// Default: 0s, not at all.
            stale_if_error: Duration,
            /// What answers that are kept for hold and stale_if_error take in one worker, 1 to 64MiB. Default: 8MiB.
            max_stored_bytes: ByteSize,
            /// A request with `cache-control: no-cache`, `max-age=0` or `pragma: no-cache` goes on by itself. Default:
            /// false.
            honour_no_cache: bool,
            /// Dangerous. Requests whose authorization or cookie is not in the key are coalesced all the same: a client
            /// gets the answer that another client's credentials obtained. Only for routes whose answers are the same
            /// for everybody. Default: false, they go on by themselves.
            i_know_that_clients_share_answers_across_credentials: bool,
        }
    }
}

words! {
    /// Whose requests share an answer, or a call.
    Scope {
        /// Those of one worker.
        Worker = "worker",
        /// Those of all workers.
        Proxy = "proxy",
    }
}

words! {
    /// What becomes of the followers when the leader fails.
    OnError {
        /// The oldest of them leads.
        Elect = "elect",
        /// They go on by themselves, release_concurrency at a time.
        Release = "release",
        /// They get the failure if its status is one of share_errors; else the oldest of them leads.
        Share = "share",
    }
}

/// One status; which of them a field takes is for the second stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status(pub(crate) u16);

impl Read for Status {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        let number = match value.as_str() {
            Some(text) => text.trim().parse().ok(),
            None => whole(value).and_then(|number| u16::try_from(number).ok()),
        };
        let status = number.filter(|number| (100..=599).contains(number)).map(Self);
        status.or_else(|| expected("one status; write it as in 503, from 100 to 599", value, at, errors))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Status {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"oneOf": [
            {"type": "integer", "minimum": 200, "maximum": 599, "not": {"enum": [206, 304]}},
            {"type": "string", "pattern": "^[2-5][0-9]{2}$", "examples": ["503"]}
        ]})
    }
}
