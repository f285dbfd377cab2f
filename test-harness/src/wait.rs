//! Waiting for a condition, with a deadline: the only way in which this crate lets time pass.
//!
//! Invariant: a wait ends as soon as the condition holds, and at its deadline even if the probe is still at it; a wait
//! that fails says what it waited for.

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
        let left = deadline.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, probe()).await {
            Ok(probed) => {
                if let Some(value) = probed? {
                    return Ok(value);
                }
            }
            Err(_) => anyhow::bail!("waited {deadline:?} in vain for {what}: the last probe gave no answer"),
        }
        anyhow::ensure!(started.elapsed() < deadline, "waited {deadline:?} in vain for {what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_probe_that_never_answers_does_not_outlive_the_deadline() {
        let never = || std::future::pending::<anyhow::Result<Option<()>>>();
        let error = until("godot", INTERVAL, never).await.unwrap_err().to_string();
        assert!(error.starts_with("waited 10ms in vain for godot"), "{error}");
    }

    #[tokio::test]
    async fn a_condition_that_holds_late_is_met_and_one_that_fails_ends_the_wait() {
        let mut probes = 0;
        let third = until("the third probe", DEADLINE, || {
            probes += 1;
            std::future::ready(Ok((probes == 3).then_some(probes)))
        });
        assert_eq!(third.await.unwrap(), 3);
        let broken = || std::future::ready(Err::<Option<()>, _>(anyhow::anyhow!("broken")));
        assert_eq!(until("nothing", DEADLINE, broken).await.unwrap_err().to_string(), "broken");
    }
}
