//! The poller of a source, under a virtual clock: what it asks, what it believes, what it tells.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod groups;
mod steps;
mod storms;
mod world;

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::discovery::{Http, Registry, Source, Wanted};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A source that answers with a list of texts.
pub(crate) fn source() -> Source {
    Source {
        cluster: "registry".into(),
        host: None,
        interval: 5 * SECOND,
        timeout: SECOND,
        allow_empty: false,
        max_body: 1 << 20,
        registry: Registry::Http(Http {
            path: "/".into(),
            list: "".into(),
            address: "".into(),
            port: None,
            weight: None,
            priority: None,
            hash_key: None,
            region: None,
            zone: None,
        }),
    }
}

pub(crate) fn wanted(upstream: usize, cluster: &str, source: Source) -> Wanted {
    Wanted { upstream, cluster: cluster.into(), source }
}
