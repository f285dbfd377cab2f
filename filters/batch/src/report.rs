//! What batch.wasm counts. Names and labels are in docs/batch.md.
//!
//! Trade-off: counters are kept by route and label, since a request counts something and its name would be put together anew.

use crate::plan::Batched;
use core::time::Duration;
use hashbrown::HashMap;
use switchyard_core::batch::gather::{End, Event, Pass, Policy, Repeat, Trigger};
use switchyard_frame::metrics::{Counter, Histogram, Registry, series_name};
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
        let labels = [("route", name)];
        match event {
            Event::Left(_, items) => {
                let define = || registry.histogram(host, &series_name("batch_size", &labels));
                route.sizes.get_or_insert_with(define).record(host, items.into());
            }
            Event::Waited(waited) => {
                let define = || registry.histogram(host, &series_name("batch_wait_ms", &labels));
                route.waits.get_or_insert_with(define).record(host, millis(waited));
            }
            _ => {}
        }
        let Some((metric, label, value)) = named(event) else { return };
        let counter = route.counters.entry((metric, value)).or_insert_with(|| {
            let labels: Vec<_> =
                labels.into_iter().chain((!label.is_empty()).then_some((label, value))).collect();
            registry.counter(host, &series_name(metric, &labels))
        });
        counter.increment();
    }

    /// Tells what has changed in this worker. What a batch takes and may be is nearly the same in all of them: the gauges
    /// are what the last one to learn something says.
    pub(crate) fn gauge(&mut self, registry: &Registry, batched: &Batched, host: &impl MetricSink) {
        let policy = &batched.policy;
        tell_held(registry, batched, (policy.requests().into(), policy.held()));
        let Some(route) = self.routes.get_mut(policy.route()) else { return };
        let labels = [("route", policy.route())];
        let Some(model) = policy.model() else { return };
        let now = (micros(model.fixed), micros(model.per_item), policy.limit(Duration::ZERO).into());
        let gauges = [
            ("batch_call_us", &mut route.told.0, now.0),
            ("batch_item_us", &mut route.told.1, now.1),
            ("batch_limit", &mut route.told.2, now.2),
        ];
        for (metric, before, after) in gauges {
            if *before != after {
                registry.set_gauge(host, &series_name(metric, &labels), after);
                *before = after;
            }
        }
    }
}

/// Tells how many requests are held under a policy, and how many bytes they hold. Several configurations of one route may have
/// some: each adds to the gauges what is its own, and takes that off again.
pub(crate) fn tell_held(registry: &Registry, batched: &Batched, (requests, bytes): (u64, u64)) {
    let told = batched.told.replace((requests, bytes));
    let labels = [("route", batched.policy.route())];
    let gauges = [("batch_active", told.0, requests), ("batch_bytes_held", told.1, bytes)];
    for (metric, before, after) in gauges.into_iter().filter(|(_, before, after)| before != after) {
        let signed = |value| i64::try_from(value).unwrap_or(i64::MAX);
        registry.adjust_gauge(&series_name(metric, &labels), signed(after) - signed(before));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// An event's counter, and its label and value; `None` if it is not counted by itself.
fn named(event: Event) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match event {
        Event::Passed(why) => ("batch_passed", "reason", pass(why)),
        Event::Left(why, _) => ("batch_departures", "reason", trigger(why)),
        Event::Waited(_) => return None,
        Event::Ended(how) => ("batch_requests", "result", end(how)),
        Event::Failed(why) => ("batch_failures", "reason", why.name()),
        Event::Repeated(how) => ("batch_repeats", "result", repeat(how)),
        Event::Withheld => ("batch_withheld", "", ""),
        Event::Degraded => ("batch_degraded", "", ""),
        Event::Stalled => ("batch_stalled", "", ""),
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
