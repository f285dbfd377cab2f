//! The ways in which four endpoints fail.

use std::time::Duration;

use anyhow::Context as _;

use super::sides::Terms;
use crate::upstream::{Behaviour, Upstreams};

/// What the endpoints do, and on which terms requests are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// One of four always answers 500.
    OneOfFour,
    /// The same for so long that the budget's share alone decides: in the short one the requests before the fault and the few
    /// retries a second of a whole window (a hundred) still help.
    OneOfFourLong,
    /// Every endpoint fails one request in ten.
    TenPercent,
    /// All fail, and recover.
    Outage,
    /// One of four is slow; hedges are on.
    Slow,
    /// The same with the default budget, which is smaller than the share of what is slow.
    SlowScarce,
}

const LASTING: Duration = Duration::from_secs(3);
/// How long a healthy endpoint thinks.
const HEALTHY_MS: u64 = 5;
/// How long the slow one does: thirty times as long.
const SLOW_MS: u64 = 30 * HEALTHY_MS;
/// Retries per request, in percent: one endpoint of four costs 25, and the aim is 1.30 attempts per request.
const BUDGET: u32 = 30;
/// The default of retry.wasm and of Envoy, which cannot pay for a quarter of all requests.
const SCARCE: u32 = 20;

impl Script {
    pub(super) const ALL: [Self; 6] =
        [Self::OneOfFour, Self::OneOfFourLong, Self::TenPercent, Self::Outage, Self::Slow, Self::SlowScarce];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneOfFour => "one_of_four_fails",
            Self::OneOfFourLong => "one_of_four_fails_long",
            Self::TenPercent => "ten_percent_fail",
            Self::Outage => "outage",
            Self::Slow => "one_of_four_slow",
            Self::SlowScarce => "one_of_four_slow_budget_20_percent",
        }
    }

    /// How long a closed-loop script lasts.
    pub(super) fn lasts(self) -> Duration {
        if self == Self::OneOfFourLong { LASTING * 3 } else { LASTING }
    }

    /// The rounds that it is part of, of so many: the long one is in the first only.
    pub(super) fn rounds(self, all: usize) -> usize {
        if self == Self::OneOfFourLong { all.min(1) } else { all }
    }

    /// What the policies of all sides allow; `per_try` is when Envoy's own hedge begins.
    pub(super) fn terms(self, per_try: Duration) -> Terms {
        let terms = Terms { budget_percent: BUDGET, hedge: None };
        match self {
            Self::OneOfFour | Self::OneOfFourLong | Self::TenPercent | Self::Outage => terms,
            Self::Slow => Terms { hedge: Some((95, per_try)), ..terms },
            Self::SlowScarce => Terms { budget_percent: SCARCE, hedge: Some((95, per_try)) },
        }
    }

    /// Makes endpoints bad. [`Script::Outage`] does so in its own time.
    pub(super) async fn hit(self, upstreams: &Upstreams) -> anyhow::Result<()> {
        let first = upstreams.first().context("no upstreams")?;
        match self {
            Self::OneOfFour | Self::OneOfFourLong => first.behave(failing(500)).await,
            Self::Slow | Self::SlowScarce => first.behave(Behaviour::slow(SLOW_MS)).await,
            Self::TenPercent => all(upstreams, &Behaviour::FailShare { percent: 10, status: 503 }).await,
            Self::Outage => all(upstreams, &failing(503)).await,
        }
    }
}

/// All endpoints are well.
pub(super) async fn healthy(upstreams: &Upstreams) -> anyhow::Result<()> {
    all(upstreams, &Behaviour::slow(HEALTHY_MS)).await
}

async fn all(upstreams: &Upstreams, behaviour: &Behaviour) -> anyhow::Result<()> {
    for upstream in upstreams.iter() {
        upstream.behave(behaviour.clone()).await?;
    }
    Ok(())
}

/// A failure takes as long as an answer.
fn failing(status: u16) -> Behaviour {
    Behaviour::Answer { status, headers: [].into(), body: None, delay_ms: HEALTHY_MS }
}
