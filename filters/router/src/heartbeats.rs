//! Heartbeats: active health checks of endpoints, sent by the one worker that holds the lease for them.
//!
//! A heartbeat is a request of the filter's own, through the upstream's cluster, to one endpoint by name, with the holder's
//! mark. outlier.wasm, in another VM, recognises the mark and judges the attempt; so most answers are not waited for here. Those that must be
//! read to be judged, or come from a port where no attempt goes, are judged here ([`Heartbeats::answered`]).
//!
//! Invariants: only a VM that has served a request sends any: the main thread ticks, too, and must not; one worker at a time;
//! at most [`MOST_PER_TICK`] per tick.

use crate::plan::Plan;
use crate::upstream::Upstream;
use core::time::Duration;
use hashbrown::{HashMap, HashSet};
use switchyard_core::contract::{CANDIDATES_HEADER, HEARTBEAT_HEADER, heartbeat_mark};
use switchyard_core::health::Health;
use switchyard_core::http::{decimal, status};
use switchyard_core::outlier::{Check, DESTINATION_HEADER, EndpointKey, GRPC_HEALTH_PATH, Heartbeat};
use switchyard_core::{Endpoints, Timestamp};
use switchyard_frame::shared::heartbeat_lease;
use switchyard_host::{Call, CallAnswers, HttpCalls, SharedData};

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
    due: HashMap<Place, Timestamp>,
    /// Heartbeats by their calls, whose answers are judged here; as many as endpoints, since none takes longer than its interval.
    asked_by: HashMap<u32, Place>,
}

/// An upstream and one of its endpoints.
type Place = (usize, EndpointKey);

/// The longest body of an answer that is read: the answer to a health check has a few bytes.
const MOST_BODY: usize = 4096;

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

    /// The endpoint whose heartbeat this call was, and whether its answer is good; `None`: that is not for this one to say.
    pub(crate) fn answered(
        &mut self,
        (call, headers, body): (u32, usize, usize),
        plan: &Plan,
        host: &impl CallAnswers,
    ) -> Option<(Place, bool)> {
        let place = self.asked_by.remove(&call)?;
        let policy = plan.with_upstream(place.0, |upstream| heartbeat(upstream).cloned()).flatten()?;
        Some((place, headers > 0 && is_good(&policy, body, host)))
    }

    /// The upstream has other endpoints: those that are gone have no heartbeat any more.
    pub(crate) fn endpoints_change(&mut self, index: usize, endpoints: &Endpoints) {
        let keys: HashSet<_> = endpoints.iter().map(|endpoint| EndpointKey::of(&endpoint.address)).collect();
        self.due.retain(|(upstream, key), _| *upstream != index || keys.contains(key));
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
        plan.each_named(|_, names, upstream| {
            wanted |= decides(names.name()) && heartbeat(upstream).is_some()
        });
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
        let Some(policy) = heartbeat(upstream).cloned() else { return };
        let mark = heartbeat_mark(self.holder);
        for (endpoint, known) in upstream.endpoints().iter().enumerate() {
            let place: Place = (index, EndpointKey::of(&known.address));
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
            // The clock may have been set back.
            *due = now.plus(policy.interval).min(*due);
            let sends = now >= *due && turn.left > 0;
            if sends {
                *due = now.plus(policy.interval);
            }
            turn.next = turn.next.min(due.since(now));
            if !sends {
                continue;
            }
            turn.left -= 1;
            // A cluster that cannot be reached answers nothing; then time alone readmits.
            let call = ask(&policy, cluster, &known.address, &mark, host);
            if let Some(call) = call.filter(|_| policy.is_judged_by_sender()) {
                self.asked_by.insert(call, place);
            }
        }
    }
}

/// Sends a heartbeat; its call.
fn ask(policy: &Heartbeat, cluster: &str, endpoint: &str, mark: &str, host: &impl HttpCalls) -> Option<u32> {
    let (method, path, kind) = match &policy.check {
        Check::Http { path, .. } => ("GET", &**path, None),
        Check::Grpc { .. } => {
            ("POST", GRPC_HEALTH_PATH, Some([("content-type", "application/grpc"), ("te", "trailers")]))
        }
    };
    let elsewhere = policy.elsewhere.as_ref().map(|elsewhere| (elsewhere, elsewhere.address(endpoint)));
    let (cluster, steered) = match &elsewhere {
        Some((elsewhere, address)) => (&*elsewhere.cluster, [(DESTINATION_HEADER, &**address)].to_vec()),
        None => (cluster, [(CANDIDATES_HEADER, endpoint), (HEARTBEAT_HEADER, mark)].to_vec()),
    };
    let mut headers = vec![
        (":method", method),
        (":path", path),
        (":authority", policy.host.as_deref().unwrap_or(cluster)),
        ("user-agent", "switchyard-heartbeat"),
    ];
    headers.extend(kind.into_iter().flatten());
    headers.extend(policy.headers.iter().map(|(name, value)| (&**name, &**value)));
    headers.extend(steered);
    let body = policy.body();
    host.call(&Call { cluster, headers: &headers, body: body.as_deref(), timeout: policy.timeout }).ok()
}

/// Whether the answer that has come is a good one; what cannot be read is none.
fn is_good(policy: &Heartbeat, body: usize, host: &impl CallAnswers) -> bool {
    let Ok(headers) = host.call_headers() else { return false };
    let Some(status) = status(&headers) else { return false };
    if matches!(policy.check, Check::Http { .. }) {
        return policy.is_good(status, None, &[]);
    }
    let trailers = host.call_trailers().unwrap_or_default();
    let grpc_status = trailers.values("grpc-status").chain(headers.values("grpc-status")).next();
    let body = if body > MOST_BODY { Vec::new() } else { host.call_body(body).unwrap_or_default() };
    policy.is_good(status, grpc_status.and_then(decimal), &body)
}

fn heartbeat(upstream: &mut Upstream) -> Option<&Heartbeat> {
    upstream.ejection()?.settings.heartbeat.as_ref()
}
