//! When a batch leaves, and how long that may take.
//!
//! Invariant: a request that has waited for as long as it may has time left for the call, by its timeout and by the
//! target.
//! Trade-off: how long calls take, nobody here can know; a target that no call meets is not found out.

use crate::error::{Errors, Path};
use crate::raw::batch as raw;
use crate::resolve::coalesce::BODIES;
use crate::resolve::within;
use core::time::Duration;
use switchyard_core::batch::{Adaptive, Estimator, Leaves, Settings};

/// How long requests wait: no shorter than a worker's clock can tell, no longer than any client bears.
const DELAYS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(10));
/// How long what is under way may stand still: no shorter than a call under load, no longer than any client bears.
const STALLS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));
/// How long answers may take.
const TARGETS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(3600));

/// Reads waits and policy into `settings`, whose deadline is there already.
pub(super) fn resolve(raw: &raw::Batch, settings: &mut Settings, at: &Path<'_>, errors: &mut Errors) {
    let delay_at = at.field("max_delay");
    settings.max_delay = within(raw.max_delay, settings.max_delay, DELAYS, &delay_at, errors);
    let stall_at = at.field("stall_timeout");
    settings.stall_timeout = within(raw.stall_timeout, settings.stall_timeout, STALLS, &stall_at, errors);
    let body_at = at.field("body_timeout");
    settings.body_timeout = within(raw.body_timeout, settings.body_timeout, BODIES, &body_at, errors);
    // What is out of range, or could not be read, is no measure for others. A timeout of zero is none.
    let is_known = !raw.bad.contains(&"max_delay") && is_within(settings.max_delay, DELAYS);
    let delay = is_known.then_some(settings.max_delay);
    let timeout = settings.deadline.timeout;
    let timeout = (!timeout.is_zero() && !raw.bad.contains(&"timeout")).then_some(timeout);
    if let (Some(delay), Some(timeout)) = (delay, timeout)
        && delay >= timeout
    {
        let problem = "leaves no time for the call within timeout (15s by default); lower it or raise that";
        errors.add(&delay_at, problem);
    }
    let adaptive_at = at.field("adaptive");
    let adaptive =
        raw.adaptive.as_ref().and_then(|raw| adaptive(raw, (delay, timeout), &adaptive_at, errors));
    settings.leaves = match (raw.leaves, adaptive) {
        (Some(raw::Leaves::Adaptive), Some(adaptive)) => Leaves::Adaptive(adaptive),
        (Some(raw::Leaves::FixedDelay), _) => Leaves::FixedDelay,
        // Adaptive without its section is refused.
        (Some(raw::Leaves::Adaptive | raw::Leaves::WhileBusy) | None, _) => Leaves::WhileBusy,
    };
}

fn is_within(duration: Duration, (least, most): (Duration, Duration)) -> bool {
    (least..=most).contains(&duration)
}

/// Sizes that keep answers in time; `None` if the target could not be read.
fn adaptive(
    raw: &raw::Adaptive,
    (delay, timeout): (Option<Duration>, Option<Duration>),
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Adaptive> {
    let at = at.field("target");
    let target = within(Some(raw.target?), Duration::ZERO, TARGETS, &at, errors);
    if is_within(target, TARGETS) {
        if delay.is_some_and(|delay| target <= delay) {
            let problem = "is no longer than max_delay (20ms by default), for which a request may wait alone; raise it \
                           or lower that";
            errors.add(&at, problem);
        }
        if timeout.is_some_and(|timeout| target > timeout) {
            errors.add(&at, "is longer than timeout (15s by default); lower it or raise that");
        }
    }
    let estimator = match raw.estimator {
        Some(raw::Estimator::Aimd) => Estimator::Aimd,
        Some(raw::Estimator::LeastSquares) | None => Estimator::LeastSquares,
    };
    Some(Adaptive { target, estimator })
}
