//! What coalesce.wasm counts. What each metric says is in the catalogue, and in docs/metrics.md.
//!
//! Trade-off: counters are kept by route and event, since a request counts something and its name would be put together anew.

use crate::plan::Coalesced;
use core::time::Duration;
use hashbrown::HashMap;
use switchyard_core::coalesce::{Event, Exit, Pass, Policy, Served, Why};
use switchyard_frame::metrics::catalogue::{
    COALESCE_BYTES_HELD, COALESCE_DEGRADED, COALESCE_EXITS, COALESCE_FOLLOWERS, COALESCE_HIT_FOR_PASS_KEYS,
    COALESCE_HITS, COALESCE_LEADERS, COALESCE_NOT_SHARED, COALESCE_PASSED, COALESCE_SUCCESSIONS,
    COALESCE_WAIT,
};
use switchyard_frame::metrics::{Counter, Histogram, Registry};
use switchyard_host::MetricSink;

/// The counters of one VM.
#[derive(Default)]
pub(crate) struct Reports {
    routes: HashMap<Box<str>, Route>,
}

#[derive(Default)]
struct Route {
    counters: HashMap<Event, Counter>,
    waits: Option<Histogram>,
}

impl Reports {
    /// Counts an event.
    pub(crate) fn count(
        &mut self,
        registry: &Registry,
        policy: &Policy,
        event: Event,
        host: &impl MetricSink,
    ) {
        let name = policy.route();
        let known = self.routes.get_mut(name);
        let route = match known {
            Some(route) => route,
            None => self.routes.entry(name.into()).or_default(),
        };
        let kind = match event {
            Event::Left(exit, waited) => {
                let define = || registry.histogram(host, &COALESCE_WAIT, [name]);
                let waits = route.waits.get_or_insert_with(define);
                waits.record(host, u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
                Event::Left(exit, Duration::ZERO)
            }
            other => other,
        };
        let counter = route.counters.entry(kind).or_insert_with(|| counter(registry, name, kind, host));
        counter.increment();
    }
}

/// Tells how many bytes are held under a policy, and how many keys pass. Several configurations of one route may have some: each adds
/// to the gauges what is its own, and takes that off again.
pub(crate) fn tell_held(registry: &Registry, coalesced: &Coalesced, (bytes, passes): (u64, u64)) {
    let told = coalesced.told.replace((bytes, passes));
    let route = coalesced.policy.route();
    let gauges = [(&COALESCE_BYTES_HELD, told.0, bytes), (&COALESCE_HIT_FOR_PASS_KEYS, told.1, passes)];
    for (metric, before, after) in gauges.into_iter().filter(|(_, before, after)| before != after) {
        let signed = |value| i64::try_from(value).unwrap_or(i64::MAX);
        registry.adjust_gauge(metric, [route], signed(after) - signed(before));
    }
}

/// An event's counter.
fn counter(registry: &Registry, route: &str, event: Event, host: &impl MetricSink) -> Counter {
    let labelled = |metric, value| registry.counter(host, metric, [route, value]);
    match event {
        Event::Led => registry.counter(host, &COALESCE_LEADERS, [route]),
        Event::Followed { remote } => labelled(&COALESCE_FOLLOWERS, if remote { "remote" } else { "local" }),
        Event::Passed(why) => labelled(&COALESCE_PASSED, pass(why)),
        Event::Kept(served) => labelled(&COALESCE_HITS, self::served(served)),
        Event::Left(exit, _) => labelled(&COALESCE_EXITS, self::exit(exit)),
        Event::Succeeded(why) => labelled(&COALESCE_SUCCESSIONS, self::why(why)),
        Event::NotShared(why) => labelled(&COALESCE_NOT_SHARED, why.name()),
        Event::Degraded => registry.counter(host, &COALESCE_DEGRADED, [route]),
    }
}

pub(crate) fn pass(why: Pass) -> &'static str {
    match why {
        Pass::Bypass(bypass) => bypass.name(),
        Pass::HitForPass => "hit_for_pass",
        Pass::Followers => "max_followers",
        Pass::Flights => "max_flights",
        Pass::Memory => "memory",
        Pass::Shadow => "shadow",
        Pass::Stream => "stream",
        Pass::NoBody => "no_body",
        Pass::BodyTimeout => "body_timeout",
    }
}

pub(crate) fn served(served: Served) -> &'static str {
    match served {
        Served::Collapsed => "collapsed",
        Served::Hit => "hit",
        Served::Stale => "stale",
        Served::Shared => "shared_error",
    }
}

pub(crate) fn exit(exit: Exit) -> &'static str {
    match exit {
        Exit::Answered(served) => self::served(served),
        Exit::Led => "led",
        Exit::Released => "released",
        Exit::Vary => "vary",
        Exit::MaxWait => "max_wait",
        Exit::Overdue => "overdue",
        Exit::Gone => "gone",
    }
}

fn why(why: Why) -> &'static str {
    match why {
        Why::Gone => "gone",
        Why::Failed => "failed",
        Why::Age => "max_leader_age",
        Why::Stall => "stall",
        Why::Lost => "worker_lost",
    }
}
