//! How long to wait before an attempt.
//!
//! Invariants: a wait is never longer than the policy's greatest bound, unless the endpoint itself asked for more; what it asks for is
//! never longer than the ceiling, and never waited for less. On top of that comes at most half as much, or the first bound, at random:
//! all that were told the same moment shall not come back in it.
//! Source: RFC 9110, section 10.2.3; Envoy's `RateLimitedRetryBackOff` spreads what was asked for by up to half, too.

use super::settings::{BackOff, Jitter};
use crate::Timestamp;
use crate::http::seconds;
use core::time::Duration;
use fastrand::Rng;

impl BackOff {
    /// The wait before retry number `retry` (0 is the first), after one of `before`.
    ///
    /// Full jitter as Envoy draws it: below `base`, `2·base`, `4·base`, … and `max`.
    pub fn wait(&self, retry: u32, before: Duration, rng: &mut Rng) -> Duration {
        let base = micros(self.base).max(1);
        let most = micros(self.max).max(base);
        let drawn = match self.jitter {
            Jitter::Full => {
                let bound = base.saturating_mul(1_u64.checked_shl(retry).unwrap_or(u64::MAX)).min(most);
                rng.u64(0..bound)
            }
            Jitter::Decorrelated => {
                let bound = micros(before).saturating_mul(3).clamp(base, most);
                rng.u64(base..=bound)
            }
        };
        Duration::from_micros(drawn)
    }

    /// The wait that the endpoint asked for: `Ok(None)` if it asked for none or is not heard, `Err` if it asked for
    /// more than the ceiling, so that trying again is against its word.
    ///
    /// # Errors
    /// How long it asked for.
    pub fn asked(&self, asked: Option<Duration>) -> Result<Option<Duration>, Duration> {
        match (self.retry_after_ceiling, asked) {
            (Some(ceiling), Some(asked)) if asked > ceiling => Err(asked),
            (Some(_), asked) => Ok(asked),
            (None, _) => Ok(None),
        }
    }

    /// What is waited longer than `asked`, at random, where no more than `room` is left.
    pub fn spread(&self, asked: Duration, room: Duration, rng: &mut Rng) -> Duration {
        let most = (asked / 2).max(self.base).min(room);
        Duration::from_micros(rng.u64(0..micros(most).max(1)))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What `retry-after` means (RFC 9110, section 10.2.3): seconds, with a fraction or without, or a date; one in the past is no wait, and
/// too many seconds are more than any ceiling. `None` if it is neither.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Some(seconds) = seconds(value.as_bytes()) {
        return Some(seconds);
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(since_epoch.saturating_sub(Duration::from_nanos(now.as_nanos())))
}
