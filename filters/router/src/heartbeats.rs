//! Heartbeats: active health checks of endpoints, sent by the one worker that holds the lease for them.
//!
//! A heartbeat is a request of the filter's own, through the upstream's cluster, to one endpoint by name, with the holder's
//! mark. outlier.wasm, in another VM, recognises the mark and judges the attempt; so the answer is not waited for here.
//!
//! Invariants: only a VM that has served a request sends any: the main thread ticks, too, and must not; one worker at a time;
//! at most [`MOST_PER_TICK`] per tick.

use crate::plan::Plan;
use crate::upstream::Upstream;
use core::time::Duration;
use hashbrown::HashMap;
use switchyard_core::Timestamp;
use switchyard_core::contract::{CANDIDATES_HEADER, HEARTBEAT_HEADER, heartbeat_mark};
use switchyard_core::health::Health;
use switchyard_frame::shared::heartbeat_lease;
use switchyard_host::{HttpCalls, SharedData};

/// Heartbeats per tick: a thousand endpoints are spread over a second, not sent at once.
const MOST_PER_TICK: usize = 32;
/// A lease is renewed when a third of it is over.
const RENEW: Duration = Duration::from_secs(1);

/// The heartbeats of one root.
#[derive(Default)]
pub(crate) struct Heartbeats {
    holder: u64,
    holds: bool,
    asked: Timestamp,
    due: HashMap<(usize, usize), Timestamp>,
}

/// What is left of one tick.
struct Turn {
    /// Heartbeats that may be sent yet.
    left: usize,
    /// In how long the next is due.
    next: Duration,
}

impl Heartbeats {
    /// Heartbeats whose lease and mark are `holder` (random, not 0).
    pub(crate) fn new(holder: u64) -> Self {
        Self { holder: holder.max(1), ..Self::default() }
    }

    /// Sends what is due, if this worker holds the lease; `decides` tells which upstreams are this root's. In how long to look again, though
    /// no request comes: by then the role may be free, an endpoint be ejected, or the next heartbeat be due. `None`: for no upstream's sake.
    pub(crate) fn tick(
        &mut self,
        plan: &Plan,
        now: Timestamp,
        decides: impl Fn(&str) -> bool,
        host: &(impl SharedData + HttpCalls),
    ) -> Option<Duration> {
        let mut wanted = false;
        plan.each_named(|_, names, upstream| wanted |= decides(names.name()) && has_heartbeat(upstream));
        if !wanted {
            // A configuration that was replaced lets the lease go; it must not keep it from the new one.
            self.holds = false;
            return None;
        }
        if now.is_due(self.asked, RENEW) {
            self.asked = now;
            self.holds = heartbeat_lease::claim(host, self.holder, now);
        }
        if !self.holds {
            return Some(RENEW);
        }
        let mut turn = Turn { left: MOST_PER_TICK, next: RENEW };
        plan.each_named(|index, names, upstream| {
            if decides(names.name()) {
                self.beat(index, names.cluster(), upstream, now, &mut turn, host);
            }
        });
        Some(turn.next)
    }

    fn beat(
        &mut self,
        index: usize,
        cluster: &str,
        upstream: &mut Upstream,
        now: Timestamp,
        turn: &mut Turn,
        host: &impl HttpCalls,
    ) {
        let Some(policy) = upstream.ejection().and_then(|ejection| ejection.settings.heartbeat.clone())
        else {
            return;
        };
        let mark = heartbeat_mark(self.holder);
        for (endpoint, known) in upstream.endpoints().iter().enumerate() {
            let place = (index, endpoint);
            // Whoever was taken out by hand is left alone.
            let watched = match upstream.health(endpoint) {
                Health::Healthy => policy.watch_all,
                health => health != Health::Withdrawn,
            };
            if !watched {
                self.due.remove(&place);
                continue;
            }
            let due = self.due.entry(place).or_insert(now);
            let sends = now >= *due && turn.left > 0;
            if sends {
                *due = now.plus(policy.interval);
            }
            turn.next = turn.next.min(due.since(now));
            if !sends {
                continue;
            }
            turn.left -= 1;
            let headers = [
                (":method", "GET"),
                (":path", &*policy.path),
                (":authority", policy.host.as_deref().unwrap_or(cluster)),
                ("user-agent", "switchyard-heartbeat"),
                (CANDIDATES_HEADER, &*known.address),
                (HEARTBEAT_HEADER, &mark),
            ];
            // A cluster that cannot be reached answers nothing; then time alone readmits.
            let _ = host.dispatch(cluster, &headers, policy.timeout);
        }
    }
}

fn has_heartbeat(upstream: &mut Upstream) -> bool {
    upstream.ejection().is_some_and(|ejection| ejection.settings.heartbeat.is_some())
}
