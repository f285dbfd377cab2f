//! Waiting for a condition, with a deadline: the only way in which this crate lets time pass.
//!
//! Invariant: a wait ends as soon as the condition holds, and a wait that fails says what it waited for.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a wait lasts before it counts as a failure. Generous, since it is reached by failures only.
pub const DEADLINE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(10);

/// Asks `probe` every 10 ms until it gives a value, which is returned.
///
/// # Errors
/// After `deadline`, naming `what` was waited for; at once if the probe itself fails.
pub async fn until<T, F, Fut>(what: &str, deadline: Duration, mut probe: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<Option<T>>>,
{
    let started = Instant::now();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(value) = probe().await? {
            return Ok(value);
        }
        anyhow::ensure!(started.elapsed() < deadline, "waited {deadline:?} in vain for {what}");
    }
}
