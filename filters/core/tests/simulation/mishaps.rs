//! What goes wrong between workers and around them, and how often.
//!
//! One that is never drawn is never there: a calm proxy draws nothing here, so that nothing else in it changes.

use super::draws::{millis, one};
use core::time::Duration;
use fastrand::Rng;

/// Ticks are at most so late.
pub(crate) const LATE: Duration = Duration::from_millis(200);
/// Messages take at most so long: longer than a worker may be silent.
pub(crate) const LONGEST_WAY: Duration = Duration::from_millis(1_500);

/// How often what goes wrong goes wrong: 0 to 1, or every so often on average.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishaps {
    pub(super) late_tick: f64,
    pub(super) late_message: f64,
    pub(super) not_sent: f64,
    /// A slot cannot be read, or was written in between.
    pub(super) unread: f64,
    pub(super) outrun: f64,
    /// A client leaves.
    pub(crate) leaves: f64,
    /// A VM dies, with all that is in it.
    pub(super) dies: Option<Duration>,
    /// The wall clock jumps.
    pub(super) jumps: Option<Duration>,
    /// The configuration changes.
    pub(super) configures: Option<Duration>,
}

impl Mishaps {
    /// Any; in one of `rarely` proxies VMs die, in one clocks jump, and in one configurations change.
    pub(crate) fn any(rarely: u8, rng: &mut Rng) -> Self {
        let often = |of: f64, rng: &mut Rng| of * one(&[0.0, 0.3, 1.0], rng);
        let sometime = |rng: &mut Rng| (rng.u8(0..rarely) == 0).then(|| millis(&[200, 1_000, 4_000], rng));
        Self {
            late_tick: often(0.05, rng),
            late_message: often(0.05, rng),
            not_sent: often(0.05, rng),
            unread: often(0.05, rng),
            outrun: often(0.5, rng),
            leaves: one(&[0.0, 0.05, 0.3], rng),
            dies: sometime(rng),
            jumps: sometime(rng),
            configures: sometime(rng),
        }
    }
}
