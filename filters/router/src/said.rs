//! What an upstream says of itself to who looks at the status page.
//!
//! Invariant: however many upstreams, endpoints and points of rings there are, to say something takes so long at most: what has no room is not looked at,
//! and of tables so much is looked through at a time, once ([`MOST_STEPS`]). Trade-off: shares are those of the
//! policy with a hash, and of everybody in rotation; who is passed over gives its share to others, which the counters show. Of many large tables
//! some are known at a later look only.

use crate::upstream::Upstream;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::status::{EndpointView, SnapshotWriter, UpstreamView};

/// Whose endpoints have equal shares, whatever their weights are.
const UNWEIGHTED: [&str; 2] = ["round_robin", "random"];

/// So many points and slots are looked through at a time: some milliseconds.
pub(crate) const MOST_STEPS: usize = 1 << 20;

impl Upstream {
    /// Says how it has its endpoints at this time, as far as there is room; the origin of their list, if that is not the document. `steps`: so many are
    /// left, of all upstreams.
    pub(crate) fn say(
        &self,
        (name, cluster): (&str, &str),
        (origin, now): (Option<(&str, Timestamp)>, Timestamp),
        steps: &mut usize,
        into: &mut SnapshotWriter,
    ) {
        let (source, read_at) = origin.unwrap_or(("document", Timestamp::default()));
        let policy = self.policy();
        let endpoints = u32::try_from(self.endpoints().len()).unwrap_or(u32::MAX);
        if !into.upstream(&UpstreamView { name, cluster, policy, source, read_at, endpoints }) {
            return;
        }
        let shares = self.shares(!UNWEIGHTED.contains(&policy), steps);
        for (index, endpoint) in self.endpoints().iter().enumerate() {
            let has_room = into.endpoint(&EndpointView {
                address: &endpoint.address,
                locality: endpoint.locality.as_deref().cloned().unwrap_or_default(),
                priority: endpoint.priority,
                weight: endpoint.weight.get(),
                share_ppm: shares.and_then(|shares| shares.get(index).copied()),
                health: self.health(index),
                in_flight: self.in_flight(index),
                expected: Duration::from_nanos(self.expected_nanos(index, now)),
            });
            if !has_room {
                return;
            }
        }
    }
}
