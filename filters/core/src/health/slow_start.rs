//! Slow start.

use core::time::Duration;

/// How an endpoint that is new or was readmitted ramps up to its full share.
///
/// Its weight is multiplied by `max(min_weight_percent, (t / window) ^ (1 / aggression))`, Envoy's
/// `SlowStartConfig` formula, with `t` the time since it came into rotation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowStart {
    /// How long the ramp lasts.
    pub window: Duration,
    /// Above 1 ramps faster at first, below 1 slower; Envoy's default is 1.
    pub aggression: f64,
    /// Where the ramp starts, 0..=1; Envoy's default is 0.1.
    pub min_weight: f64,
}

impl SlowStart {
    /// The part of its weight that an endpoint gets `elapsed` after it came into rotation, in 0..=1.
    pub fn factor(&self, elapsed: Duration) -> f64 {
        if elapsed >= self.window {
            return 1.0;
        }
        // Envoy counts at least one millisecond, so that a ramp never starts at zero.
        let elapsed = elapsed.max(Duration::from_millis(1)).min(self.window);
        let part = elapsed.as_secs_f64() / self.window.as_secs_f64();
        // A steep ramp may round to 0, and 0 would mean out of rotation.
        part.powf(1.0 / self.aggression).max(self.min_weight).clamp(f64::MIN_POSITIVE, 1.0)
    }
}
