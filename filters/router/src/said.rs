//! What an upstream says of itself to who looks at the status page.
//!
//! Invariant: it is asked a few times in a second at most and changes nothing, so it may look through its tables. Trade-off: shares are those of the
//! policy with a hash, and of everybody in rotation; who is passed over gives its share to others, which the counters show.

use crate::upstream::Upstream;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::status::{EndpointView, SnapshotWriter, UpstreamView};

/// Whose endpoints have equal shares, whatever their weights are.
const UNWEIGHTED: [&str; 2] = ["round_robin", "random"];

impl Upstream {
    /// Says how it has its endpoints at this time; the origin of their list, if that is not the document.
    pub(crate) fn say(
        &self,
        name: &str,
        cluster: &str,
        (origin, now): (Option<(&str, Timestamp)>, Timestamp),
        into: &mut SnapshotWriter,
    ) {
        let (source, read_at) = origin.unwrap_or(("document", Timestamp::default()));
        let policy = self.policy();
        let endpoints = u32::try_from(self.endpoints().len()).unwrap_or(u32::MAX);
        into.upstream(&UpstreamView { name, cluster, policy, source, read_at, endpoints });
        let shares = self.shares(!UNWEIGHTED.contains(&policy));
        for (index, endpoint) in self.endpoints().iter().enumerate() {
            into.endpoint(&EndpointView {
                address: &endpoint.address,
                locality: endpoint.locality.as_deref().cloned().unwrap_or_default(),
                priority: endpoint.priority,
                weight: endpoint.weight.get(),
                share_ppm: shares.get(index).copied().unwrap_or_default(),
                health: self.health(index),
                in_flight: self.in_flight(index),
                expected: Duration::from_nanos(self.expected_nanos(index, now)),
            });
        }
    }
}
