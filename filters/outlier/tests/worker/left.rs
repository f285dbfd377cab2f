//! What one attempt leaves behind: in the window, and in the streaks of failures.

use super::{A, Worker};
use core::time::Duration;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// What one attempt left: attempts, failures and latencies in the window; the streaks of failures.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) attempts: u32,
    pub(crate) failures: u32,
    pub(crate) latencies: u64,
    pub(crate) streaks: [u16; 3],
}

pub(crate) const SUCCESS: Left = Left { attempts: 1, failures: 0, latencies: 1, streaks: [0; 3] };
pub(crate) const SUCCESS_UNMEASURED: Left = Left { latencies: 0, ..SUCCESS };
pub(crate) const NEUTRAL: Left = Left { attempts: 0, failures: 0, latencies: 0, streaks: [0; 3] };
/// It waited at least as long as it was let.
pub(crate) const CANCELLED: Left = Left { latencies: 1, ..NEUTRAL };
pub(crate) const STATUS: Left = Left { attempts: 1, failures: 1, latencies: 0, streaks: [1, 0, 0] };
pub(crate) const GATEWAY: Left = Left { streaks: [1, 1, 0], ..STATUS };
pub(crate) const LOCAL: Left = Left { streaks: [0, 0, 1], ..STATUS };

/// Runs one attempt at A by `attempt` in a new worker that tells local origin failures from others; what it left.
pub(crate) fn left_by(attempt: impl FnOnce(&mut Worker)) -> Left {
    left_under(r#"{"split_external_local_origin_errors": true}"#, attempt)
}

pub(crate) fn left_under(outlier: &str, attempt: impl FnOnce(&mut Worker)) -> Left {
    let mut worker = Worker::alone(outlier);
    attempt(&mut worker);
    let streaks = worker.record(A).streaks;
    // The bucket ends, and what was counted in it is merged.
    worker.pass(2_000);
    let counts = worker.counts(A, DEFAULT_INTERVAL);
    let (attempts, failures, latencies) = (counts.attempts, counts.failures, counts.latency.volume());
    Left { attempts, failures, latencies, streaks }
}
