//! Which answers are shared, with how many, and what followers bear. Which requests are alike is
//! [`super::coalesce_key`].
//!
//! Invariant: a bound on what is never done is refused, not left out in silence.
//! Trade-off: a default that goes with another field gives way to it; only what is written is ever wrong. Of times only
//! max_wait and max_leader_age are compared: without anybody who leads anew before it, all who wait would ask one by one. A
//! max_wait below stall_timeout turns that off, and that may be meant.
//! Source: RFC 9111, section 3; RFC 9110, sections 15.3.7 (206) and 15.4.5 (304).

use super::coalesce_key::{bad_body, check_methods, has_body, key};
use super::{bounded, narrow, refuse_duplicates, size, within};
use crate::error::{Errors, Fault, Path};
use crate::raw::coalesce as raw;
use crate::raw::{Mode, Route};
use core::time::Duration;
use switchyard_core::coalesce::{OnError, Scope, Settings};

/// The largest body that is shared; every follower gets a copy.
const MOST_BODY: u64 = 64 << 20;
/// A worker's memory for answers, beyond which a VM of 32 bits comes into reach.
const MOST_HELD: u64 = 1 << 30;
/// Nobody counts more followers or flights.
const MOST_REQUESTS: u64 = 1_000_000;

/// What a follower waits: no shorter than a worker's clock can tell, no longer than any client bears.
const WAITS: (Duration, Duration) = (Duration::from_millis(10), HOUR);
/// What a leader takes: no shorter than several messages between workers under load, else all of them would lead.
const LEADS: (Duration, Duration) = (Duration::from_millis(100), HOUR);
const HOUR: Duration = Duration::from_secs(3600);
/// How long a body may take: well below what Envoy gives a whole request.
pub(super) const BODIES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));
/// Whoever keeps answers for longer wants a cache.
const MOST_HOLD: Duration = Duration::from_secs(10);

/// How the identical requests of a route share answers, if they do.
pub(super) fn resolve(route: &Route, shadow: bool, at: &Path<'_>, errors: &mut Errors) -> Option<Settings> {
    let raw = route.coalesce.as_ref()?;
    check_methods(raw, route, at, errors);
    let mut settings = Settings {
        shadow: raw.mode.map_or(shadow, |mode| mode == Mode::Shadow),
        scope: match raw.scope {
            Some(raw::Scope::Worker) => Scope::Worker,
            Some(raw::Scope::Proxy) | None => Scope::Proxy,
        },
        key: key(raw, at, errors),
        honour_no_cache: raw.honour_no_cache.unwrap_or_default(),
        ..Settings::default()
    };
    shared(raw, &mut settings, at, errors);
    failures(raw, &mut settings, at, errors);
    followers(raw, &mut settings, at, errors);
    kept(raw, &mut settings, at, errors);
    Some(settings)
}

/// Which answers are shared, and how much of them is held.
fn shared(raw: &raw::Coalesce, settings: &mut Settings, at: &Path<'_>, errors: &mut Errors) {
    if let Some(list) = raw.share_status.as_deref() {
        settings.share_status = statuses(list, &at.field("share_status"), errors, |status| match status {
            206 => {
                Some("206 is partial content, for the client that asked for that part; remove it".to_owned())
            }
            304 => {
                Some("304 is shared where 200 is, among requests with one condition; remove it".to_owned())
            }
            200.. => None,
            _ => Some(format!("{status} is out of range; it takes 200 to 599")),
        });
    }
    let longest = settings.max_body_bytes;
    let longest = size(raw.max_body_bytes, longest, (1, MOST_BODY), &at.field("max_body_bytes"), errors);
    let held_at = at.field("max_bytes_held");
    let held = size(raw.max_bytes_held, settings.max_bytes_held, (1, MOST_HELD), &held_at, errors);
    // What is out of range, or could not be read, is no measure for others.
    if (1..longest).contains(&held) && longest <= MOST_BODY && !raw.bad.contains(&"max_body_bytes") {
        let problem = "is less than max_body_bytes (1MiB by default), so the longest answer would not fit; raise it \
                       or lower that";
        errors.add(&held_at, problem);
    }
    settings.max_body_bytes = longest;
    settings.max_bytes_held = held;
}

/// Statuses, each of them once; `wrong` says what is wrong with one.
fn statuses(
    list: &[Option<raw::Status>],
    at: &Path<'_>,
    errors: &mut Errors,
    wrong: impl Fn(u16) -> Option<String>,
) -> Vec<u16> {
    if list.is_empty() {
        errors.add(at, "is empty; name a status or remove it");
    }
    let read = || list.iter().enumerate().filter_map(|(index, status)| Some((index, (*status)?.0)));
    refuse_duplicates(read(), |index, status, first| {
        errors.add_as(
            Fault::Duplicate,
            &at.index(index),
            format!("{status} is status {first} already; remove one of them"),
        );
    });
    for (index, status) in read() {
        if let Some(problem) = wrong(status) {
            errors.add(&at.index(index), problem);
        }
    }
    read().map(|(_, status)| status).collect()
}

/// What becomes of the followers when the leader fails.
fn failures(raw: &raw::Coalesce, settings: &mut Settings, at: &Path<'_>, errors: &mut Errors) {
    let list_at = at.field("share_errors");
    let shares = raw.on_error == Some(raw::OnError::Share);
    if raw.share_errors.is_some() && !shares && !raw.bad.contains(&"on_error") {
        errors.add(&list_at, "belongs to on_error: share; add that or remove it");
    }
    if shares && raw.share_errors.is_none() && !raw.bad.contains(&"share_errors") {
        let problem = "needs share_errors; add the statuses that followers get, as in [502, 503, 504]";
        errors.add(&at.field("on_error"), problem);
    }
    let known = !raw.bad.contains(&"share_status");
    let list = raw.share_errors.as_deref().map(|list| {
        statuses(list, &list_at, errors, |status| match status {
            400.. if known && settings.share_status.contains(&status) => {
                Some(format!("{status} is in share_status, so it is no failure; remove it here or there"))
            }
            400.. => None,
            _ => Some(format!("{status} is out of range; it takes 400 to 599")),
        })
    });
    settings.on_error = match raw.on_error {
        Some(raw::OnError::Share) => OnError::Share(list.unwrap_or_default()),
        Some(raw::OnError::Release) => OnError::Release,
        Some(raw::OnError::Elect) | None => OnError::Elect,
    };
}

/// How many requests wait, for how long, and how they go on.
fn followers(raw: &raw::Coalesce, settings: &mut Settings, at: &Path<'_>, errors: &mut Errors) {
    let counts = [
        ("max_followers", raw.max_followers, &mut settings.max_followers, MOST_REQUESTS),
        ("max_flights", raw.max_flights, &mut settings.max_flights, MOST_REQUESTS),
        ("max_elections", raw.max_elections, &mut settings.max_elections, 100),
        ("release_concurrency", raw.release_concurrency, &mut settings.release_concurrency, 10_000),
    ];
    for (name, value, count, most) in counts {
        *count = narrow(bounded(value, (*count).into(), 1, most, &at.field(name), errors));
    }
    waits(raw, settings, at, errors);
    let times = [
        ("max_wait", raw.max_wait, &mut settings.max_wait, WAITS),
        ("max_leader_age", raw.max_leader_age, &mut settings.max_leader_age, LEADS),
        ("stall_timeout", raw.stall_timeout, &mut settings.stall_timeout, LEADS),
        ("body_timeout", raw.body_timeout, &mut settings.body_timeout, BODIES),
        ("pass_ttl", raw.pass_ttl, &mut settings.pass_ttl, (Duration::ZERO, HOUR)),
    ];
    for (name, value, time, bounds) in times {
        *time = within(value, *time, bounds, &at.field(name), errors);
    }
}

/// How long followers wait, and for what.
fn waits(raw: &raw::Coalesce, settings: &mut Settings, at: &Path<'_>, errors: &mut Errors) {
    match (raw.max_wait, raw.max_leader_age) {
        (Some(wait), Some(age)) => {
            let in_range =
                |time: Duration, (least, most): (Duration, Duration)| least <= time && time <= most;
            if wait.0 < age.0 && in_range(wait.0, WAITS) && in_range(age.0, LEADS) {
                let problem = "is less than max_leader_age, so nobody would lead in the place of a leader that takes too \
                               long before all ask for themselves; raise it or lower that";
                errors.add(&at.field("max_wait"), problem);
            }
        }
        (Some(wait), None) => settings.max_leader_age = settings.max_leader_age.min(wait.0).max(LEADS.0),
        (None, Some(age)) => settings.max_wait = settings.max_wait.max(age.0).min(WAITS.1),
        (None, None) => {}
    }
    if raw.body_timeout.is_some() && !has_body(raw) && !bad_body(raw) {
        errors.add(&at.field("body_timeout"), "belongs to key.body: true; add that or remove it");
    }
}

/// Answers that are kept for later requests.
fn kept(raw: &raw::Coalesce, settings: &mut Settings, at: &Path<'_>, errors: &mut Errors) {
    let (hold_at, stale_at, stored_at) =
        (at.field("hold"), at.field("stale_if_error"), at.field("max_stored_bytes"));
    settings.hold = within(raw.hold, settings.hold, (Duration::ZERO, MOST_HOLD), &hold_at, errors);
    settings.stale_if_error =
        within(raw.stale_if_error, settings.stale_if_error, (Duration::ZERO, HOUR), &stale_at, errors);
    let kept = !settings.hold.is_zero() || !settings.stale_if_error.is_zero();
    let read = !raw.bad.contains(&"hold") && !raw.bad.contains(&"stale_if_error");
    if raw.max_stored_bytes.is_some() && read && !kept {
        errors.add(&stored_at, "belongs to hold and stale_if_error; add one of them or remove it");
    }
    settings.max_stored_bytes =
        size(raw.max_stored_bytes, settings.max_stored_bytes, (1, MOST_BODY), &stored_at, errors);
}
