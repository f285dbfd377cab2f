//! Who tries again, how often, when, and within which budget.
//!
//! Which failures are tried again is [`super::retry_on`]; what a client gets when nothing helps, [`super::fallback`].
//!
//! Invariant: what only one engine can do is refused on the other one, never left out in silence.

use super::{
    at_least, bounded, check_header_name, deadline, fallback, narrow, refuse_duplicates, retry_on, size,
    within,
};
use crate::error::{Errors, Fault, Path, cut, show};
use crate::raw::retry as raw;
use crate::raw::{Mode, Route};
use crate::resolve::coalesce::BODIES;
use core::time::Duration;
use switchyard_core::budget::BudgetPolicy;
use switchyard_core::request_key::Pattern;
use switchyard_core::retry::{
    BackOff, Engine, Fallback, Hedge, Jitter, ResetFormat, ResetHeader, RetryRequest, Settings,
};

/// The largest body that is kept; a worker keeps many of them.
const MOST_BODY: u64 = 1 << 20;

/// Headers by which an endpoint asks for a wait that are heard whether they are named or not.
const HEARD_ANYWAY: [&str; 2] = ["retry-after-ms", "retry-after"];

/// The retries of a route, if it has any; `upstream` finds another upstream by its name.
pub(super) fn resolve(
    route: &Route,
    shadow: bool,
    upstream: impl FnOnce(&str, &Path<'_>, &mut Errors) -> Option<usize>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Settings> {
    let raw = route.retry.as_ref()?;
    // An engine that cannot be read may be either.
    let known = !raw.bad.contains(&"engine");
    let engine = if raw.engine == Some(raw::Engine::Filter) { Engine::Filter } else { Engine::Router };
    check_engine(raw, known.then_some(engine), at, errors);
    check_hedges(raw, route, at, errors);
    let header = raw.deadline_header.as_deref();
    let deadline = deadline::resolve((raw.timeout, header, raw.deadline_floor), &raw.bad, at, errors);
    let on = raw
        .retry_on
        .as_ref()
        .map(|raw| retry_on::resolve(raw, known && engine == Engine::Router, &at.field("retry_on"), errors));
    let back_off = raw.back_off.as_ref().map(|raw| back_off(raw, &at.field("back_off"), errors));
    let fallback = raw.fallback.as_ref();
    let fallback = fallback.map(|raw| fallback::resolve(raw, upstream, &at.field("fallback"), errors));
    Some(Settings {
        shadow: raw.mode.map_or(shadow, |mode| mode == Mode::Shadow),
        engine,
        retry_on: on.unwrap_or_default(),
        num_retries: narrow(bounded(raw.num_retries, 2, 0, 10, &at.field("num_retries"), errors)),
        per_try_timeout: per_try_timeout(raw, deadline.timeout, at, errors),
        hedge_on_per_try_timeout: raw.hedge_on_per_try_timeout.unwrap_or_default(),
        non_idempotent: raw.non_idempotent.unwrap_or_default(),
        back_off: back_off.unwrap_or_default(),
        budget: raw.budget.as_ref().map(|raw| budget(raw, &at.field("budget"), errors)).unwrap_or_default(),
        max_body: size(raw.max_body, 64 << 10, (0, MOST_BODY), &at.field("max_body"), errors),
        body_timeout: within(
            raw.body_timeout,
            Settings::default().body_timeout,
            BODIES,
            &at.field("body_timeout"),
            errors,
        ),
        hedge: raw.hedge.as_ref().map(|raw| hedge(raw, &at.field("hedge"), errors)),
        fallback: without_time_left(fallback.unwrap_or_default(), deadline.header.as_deref()),
        deadline,
    })
}

/// How much time is left is another in every request, and says nothing about the answer: it is in no key of old answers.
fn without_time_left(mut fallback: Fallback, header: Option<&str>) -> Fallback {
    if let (Some(stale), Some(header)) = (fallback.stale.as_mut(), header) {
        stale.key.ignore_headers.push(Pattern::new(header));
    }
    fallback
}

/// Refuses what the engine cannot do.
fn check_engine(raw: &raw::Retry, engine: Option<Engine>, at: &Path<'_>, errors: &mut Errors) {
    let hedge_at = at.field("hedge_on_per_try_timeout");
    let wanted = raw.hedge_on_per_try_timeout == Some(true);
    match engine {
        Some(Engine::Router) => {
            if raw.hedge.is_some() {
                let problem = "belongs to engine: filter; the router's engine has hedge_on_per_try_timeout";
                errors.add(&at.field("hedge"), problem);
            }
            if raw.body_timeout.is_some() {
                let problem = "Envoy's router waits for bodies itself; use engine: filter or remove it";
                errors.add(&at.field("body_timeout"), problem);
            }
            if raw.back_off.is_some() {
                errors.add(
                    &at.field("back_off"),
                    "Envoy's router waits by the route's retry_policy.retry_back_off; use engine: filter or remove it",
                );
            }
        }
        Some(Engine::Filter) if wanted => {
            errors.add(&hedge_at, "belongs to engine: router; the filter's engine has the section hedge");
            return;
        }
        Some(Engine::Filter) | None => {}
    }
    if wanted && raw.per_try_timeout.is_none() && !raw.bad.contains(&"per_try_timeout") {
        errors.add(&hedge_at, "needs a per_try_timeout; add one or remove it");
    }
}

/// A hedge sends a request twice although nothing has failed: only requests that may be sent twice may be hedged.
fn check_hedges(raw: &raw::Retry, route: &Route, at: &Path<'_>, errors: &mut Errors) {
    let kinds = [
        ("hedge", raw.hedge.is_some()),
        ("hedge_on_per_try_timeout", raw.hedge_on_per_try_timeout == Some(true)),
    ];
    for (name, _) in kinds.into_iter().filter(|(_, wanted)| *wanted) {
        let at = at.field(name);
        if raw.non_idempotent == Some(true) {
            let problem = "hedging sends a request twice; that is for idempotent requests only: remove it or \
                           non_idempotent";
            errors.add(&at, problem);
        } else if let Some(methods) = never_idempotent(route) {
            let problem = format!(
                "hedging sends a request twice; the route's methods are not idempotent ({methods}): remove it"
            );
            errors.add(&at, problem);
        }
        if raw.num_retries == Some(0) {
            errors.add(&at, "is one of num_retries, which is 0; raise that or remove it");
        }
    }
}

/// The methods of a route, if none of them is idempotent.
fn never_idempotent(route: &Route) -> Option<String> {
    let list = route.r#match.as_ref()?.methods.as_deref().filter(|list| !list.is_empty())?;
    let repeatable = |method: &str| RetryRequest { method, has_idempotency_key: false }.is_idempotent();
    let methods: Option<Vec<&str>> = list.iter().map(Option::as_deref).collect();
    // A method that could not be read may be idempotent.
    let methods = methods.filter(|methods| !methods.iter().any(|method| repeatable(method)))?;
    Some(cut(&methods.join(", ")))
}

fn per_try_timeout(
    raw: &raw::Retry,
    timeout: Duration,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Duration> {
    raw.per_try_timeout?;
    let at = at.field("per_try_timeout");
    let limit = at_least(raw.per_try_timeout, 0, 0, &at, errors);
    if !timeout.is_zero() && limit > timeout && !raw.bad.contains(&"timeout") {
        errors.add(&at, "is longer than timeout (15s by default); lower it or raise that");
    }
    Some(limit)
}

fn back_off(raw: &raw::BackOff, at: &Path<'_>, errors: &mut Errors) -> BackOff {
    let default = BackOff::default();
    let base = at_least(raw.base, 25, 0, &at.field("base"), errors);
    let max = raw.max.map_or(default.max.max(base), |max| max.0);
    // What could not be read is no measure for others.
    if max < base && !raw.bad.contains(&"base") {
        errors.add(&at.field("max"), "is shorter than base (25ms by default); raise it or lower that");
    }
    let ceiling = at_least(raw.retry_after_ceiling, 5_000, 0, &at.field("retry_after_ceiling"), errors);
    let heard = raw.retry_after != Some(false);
    let idle = [
        ("retry_after_ceiling", raw.retry_after_ceiling.is_some()),
        ("reset_headers", raw.reset_headers.is_some()),
    ];
    for (name, _) in idle.into_iter().filter(|(_, set)| *set && !heard) {
        errors.add(&at.field(name), "is not looked at with retry_after: false; remove one of them");
    }
    let headers = raw.reset_headers.as_deref().unwrap_or_default();
    BackOff {
        base,
        max,
        jitter: match raw.jitter {
            Some(raw::Jitter::Decorrelated) => Jitter::Decorrelated,
            Some(raw::Jitter::Full) | None => Jitter::Full,
        },
        retry_after_ceiling: heard.then_some(ceiling),
        reset_headers: reset_headers(headers, &at.field("reset_headers"), errors),
    }
}

fn reset_headers(list: &[raw::ResetHeader], at: &Path<'_>, errors: &mut Errors) -> Vec<ResetHeader> {
    let names = list.iter().enumerate().filter_map(|(index, raw)| Some((index, raw.name.as_deref()?)));
    refuse_duplicates(names, |index, name, first| {
        let problem = format!("{:?} is reset header {first} already; remove one of them", cut(name));
        errors.add_as(Fault::Duplicate, &at.index(index).field("name"), problem);
    });
    let resolved = list.iter().enumerate().filter_map(|(index, raw)| {
        let name = raw.name.as_deref()?;
        let at = at.index(index);
        if let Some(name) = HEARD_ANYWAY.iter().find(|heard| name.eq_ignore_ascii_case(heard)) {
            errors.add(&at.field("name"), format!("{name:?} is heard first in any case; remove it"));
        } else {
            check_header_name(name, &at.field("name"), errors);
        }
        let format = match raw.format? {
            raw::ResetFormat::Seconds => ResetFormat::Seconds,
            raw::ResetFormat::UnixTimestamp => ResetFormat::UnixTimestamp,
            raw::ResetFormat::Milliseconds => ResetFormat::Milliseconds,
            raw::ResetFormat::Duration => ResetFormat::Duration,
        };
        Some(ResetHeader { name: name.into(), format })
    });
    resolved.collect()
}

/// A budget, of a route or an upstream.
pub(super) fn budget(raw: &raw::Budget, at: &Path<'_>, errors: &mut Errors) -> BudgetPolicy {
    let per_second = bounded(raw.min_per_second, 10, 0, 1_000_000, &at.field("min_per_second"), errors);
    let concurrent = bounded(raw.max_concurrent, 1024, 1, 1_000_000, &at.field("max_concurrent"), errors);
    let ratio = raw.ratio.unwrap_or(0.2);
    if !(0.0..=1.0).contains(&ratio) {
        errors.add_as(
            Fault::OutOfRange,
            &at.field("ratio"),
            format!("{} is out of range; it takes 0 to 1", show(&ratio.into())),
        );
    }
    let window = at_least(raw.window, 10_000, 1_000, &at.field("window"), errors);
    if window > Duration::from_secs(3600) {
        errors.add_as(Fault::OutOfRange, &at.field("window"), "is longer than 1h; write \"1h\" or less");
    }
    BudgetPolicy {
        ratio_ppm: (ratio * 1e6).round() as u32,
        min_per_second: narrow(per_second),
        window,
        max_concurrent: narrow(concurrent),
    }
}

fn hedge(raw: &raw::Hedge, at: &Path<'_>, errors: &mut Errors) -> Hedge {
    Hedge {
        quantile: narrow(bounded(raw.quantile, 95, 1, 99, &at.field("quantile"), errors)),
        min_delay: raw.min_delay.map_or(Hedge::default().min_delay, |delay| delay.0),
        initial_delay: at_least(raw.initial_delay, 100, 0, &at.field("initial_delay"), errors),
    }
}
