//! What batch.wasm counts. What each metric says is in the catalogue, and in docs/metrics.md.
//!
//! Trade-off: counters are kept by route and label, since a request counts something and its name would be put together anew.

use crate::plan::Batched;
use core::time::Duration;
use hashbrown::HashMap;
use switchyard_core::batch::gather::{End, Event, Pass, Policy, Repeat, Trigger};
use switchyard_frame::metrics::catalogue::{
    BATCH_ACTIVE, BATCH_BYTES_HELD, BATCH_CALL, BATCH_DEGRADED, BATCH_DEPARTURES, BATCH_FAILURES, BATCH_ITEM,
    BATCH_LIMIT, BATCH_PASSED, BATCH_REPEATS, BATCH_REQUESTS, BATCH_SIZE, BATCH_STALLED, BATCH_WAIT,
    BATCH_WITHHELD, Metric,
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
    counters: HashMap<(&'static str, &'static str), Counter>,
    waits: Option<Histogram>,
    sizes: Option<Histogram>,
    /// What the gauges say of batches: microseconds per call and per item, and the most items.
    told: (u64, u64, u64),
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
        match event {
            Event::Left(_, items) => {
                let define = || registry.histogram(host, &BATCH_SIZE, [name]);
                route.sizes.get_or_insert_with(define).record(host, items.into());
            }
            Event::Waited(waited) => {
                let define = || registry.histogram(host, &BATCH_WAIT, [name]);
                route.waits.get_or_insert_with(define).record(host, millis(waited));
            }
            _ => {}
        }
        let Some(counted) = counted(event) else { return };
        let define = || match counted {
            Counted::Plain(metric) => registry.counter(host, metric, [name]),
            Counted::Labelled(metric, value) => registry.counter(host, metric, [name, value]),
        };
        route.counters.entry(counted.key()).or_insert_with(define).increment();
    }

    /// Tells what has changed in this worker. What a batch takes and may be is nearly the same in all of them: the gauges
    /// are what the last one to learn something says.
    pub(crate) fn gauge(&mut self, registry: &Registry, batched: &Batched, host: &impl MetricSink) {
        let policy = &batched.policy;
        tell_held(registry, batched, (policy.requests().into(), policy.held()));
        let Some(route) = self.routes.get_mut(policy.route()) else { return };
        let Some(model) = policy.model() else { return };
        let now = (micros(model.fixed), micros(model.per_item), policy.limit(Duration::ZERO).into());
        let gauges = [
            (&BATCH_CALL, &mut route.told.0, now.0),
            (&BATCH_ITEM, &mut route.told.1, now.1),
            (&BATCH_LIMIT, &mut route.told.2, now.2),
        ];
        for (metric, before, after) in gauges {
            if *before != after {
                registry.set_gauge(host, metric, [policy.route()], after);
                *before = after;
            }
        }
    }
}

/// Tells how many requests are held under a policy, and how many bytes they hold. Several configurations of one route may have
/// some: each adds to the gauges what is its own, and takes that off again.
pub(crate) fn tell_held(registry: &Registry, batched: &Batched, (requests, bytes): (u64, u64)) {
    let told = batched.told.replace((requests, bytes));
    let route = batched.policy.route();
    let gauges = [(&BATCH_ACTIVE, told.0, requests), (&BATCH_BYTES_HELD, told.1, bytes)];
    for (metric, before, after) in gauges.into_iter().filter(|(_, before, after)| before != after) {
        let signed = |value| i64::try_from(value).unwrap_or(i64::MAX);
        registry.adjust_gauge(metric, [route], signed(after) - signed(before));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// An event's counter: of the route alone, or with the value of another label.
#[derive(Clone, Copy)]
enum Counted {
    Plain(&'static Metric<Counter, 1>),
    Labelled(&'static Metric<Counter, 2>, &'static str),
}

impl Counted {
    /// What no other counter of a route has.
    fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Plain(metric) => (metric.name, ""),
            Self::Labelled(metric, value) => (metric.name, value),
        }
    }
}

/// An event's counter; `None` if it is not counted by itself.
fn counted(event: Event) -> Option<Counted> {
    Some(match event {
        Event::Passed(why) => Counted::Labelled(&BATCH_PASSED, pass(why)),
        Event::Left(why, _) => Counted::Labelled(&BATCH_DEPARTURES, trigger(why)),
        Event::Waited(_) => return None,
        Event::Ended(how) => Counted::Labelled(&BATCH_REQUESTS, end(how)),
        Event::Failed(why) => Counted::Labelled(&BATCH_FAILURES, why.name()),
        Event::Repeated(how) => Counted::Labelled(&BATCH_REPEATS, repeat(how)),
        Event::Withheld => Counted::Plain(&BATCH_WITHHELD),
        Event::Degraded => Counted::Plain(&BATCH_DEGRADED),
        Event::Stalled => Counted::Plain(&BATCH_STALLED),
    })
}

pub(crate) fn pass(why: Pass) -> &'static str {
    match why {
        Pass::Bypass(bypass) => bypass.name(),
        Pass::Unbatchable(why) => why.name(),
        Pass::Body => "body",
        Pass::NoBody => "no_body",
        Pass::Stream => "stream",
        Pass::BodyTimeout => "body_timeout",
        Pass::Limit => "limit",
        Pass::Requests => "max_requests",
        Pass::Held => "max_bytes_held",
        Pass::Shadow => "shadow",
    }
}

fn trigger(why: Trigger) -> &'static str {
    match why {
        Trigger::Idle => "idle",
        Trigger::Returned => "returned",
        Trigger::Items => "max_items",
        Trigger::Adaptive => "adaptive",
        Trigger::Bytes => "max_bytes",
        Trigger::Weight => "max_weight",
        Trigger::Delay => "max_delay",
        Trigger::Deadline => "deadline",
        Trigger::Short => "short_deadline",
        Trigger::Repeat => "repeat",
        Trigger::NoBatches => "no_batches",
    }
}

pub(crate) fn end(how: End) -> &'static str {
    match how {
        End::Answered => "answered",
        End::Alone => "alone",
        End::Lost => "lost",
        End::Failed => "failed",
        End::TimedOut => "timed_out",
        End::Refused => "refused",
        End::Gone => "gone",
    }
}

fn repeat(how: Repeat) -> &'static str {
    match how {
        Repeat::Whole => "whole",
        Repeat::Half => "half",
        Repeat::Alone => "alone",
        Repeat::Denied => "denied",
    }
}
