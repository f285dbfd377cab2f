//! When what happened to an attempt, and how much of it was the endpoint's time.
//!
//! The endpoint's time begins with the end of the request and ends with the first byte of the answer: what comes before is the client's
//! sending, what comes after its reading. Invariant: an endpoint is never charged with more than it took, but for [`PRECISION`].
//! Trade-off: attempts ask for no clock, so moments are known to within a tick, while Envoy knows exactly how long a whole attempt took; so the
//! client's share is taken off the whole, and one tick more where there was any to be seen.
//! Source: Envoy's `response.backend_latency` (first byte sent upstream to last byte received).

use crate::Timestamp;
use core::time::Duration;

/// How far a moment may be from what it is said to be: attempts take the time of the last tick.
pub const PRECISION: Duration = Duration::from_millis(20);

/// When what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The attempt began.
    pub started: Timestamp,
    /// The request came to its end; `None`: it is open.
    pub asked: Option<Timestamp>,
    /// The answer began.
    pub answered: Option<Timestamp>,
}

impl Timeline {
    /// For how long the endpoint has had the whole request by now; `None`: it has not.
    pub fn waited(&self, now: Timestamp) -> Option<Duration> {
        Some(now.since(self.asked?))
    }

    /// How long the endpoint took, if the whole attempt took so long and ends now; `None`: it answered before the request was whole, or
    /// not at all.
    pub fn first_byte(&self, whole: Duration, now: Timestamp) -> Option<Duration> {
        let (asked, answered) = (self.asked?, self.answered?);
        if asked > answered {
            return None;
        }
        let clients = asked.since(self.started).saturating_add(now.since(answered));
        let unseen = if clients.is_zero() { Duration::ZERO } else { PRECISION };
        Some(whole.saturating_sub(clients.saturating_add(unseen)))
    }
}
