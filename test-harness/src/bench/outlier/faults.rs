//! The ways in which one endpoint of five goes bad.

use std::time::Duration;

use crate::upstream::{Behaviour, Upstream};

/// What one endpoint does for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Status500,
    Refuse,
    Reset,
    Stall,
    Truncate,
    FailThirty,
    Flap,
    GrpcStatus,
    Slow,
}

/// A second of the flapping endpoint.
const BEAT: Duration = Duration::from_secs(1);
/// How often the flapping endpoint changes.
const BEATS: u32 = 4;

impl Fault {
    pub(super) const ALL: [Self; 9] = [
        Self::Status500,
        Self::Refuse,
        Self::Reset,
        Self::Stall,
        Self::Truncate,
        Self::FailThirty,
        Self::Flap,
        Self::GrpcStatus,
        Self::Slow,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Status500 => "status_500",
            Self::Refuse => "refuse",
            Self::Reset => "reset",
            Self::Stall => "stall",
            Self::Truncate => "truncate",
            Self::FailThirty => "fail_30_percent",
            Self::Flap => "flap",
            Self::GrpcStatus => "grpc_status",
            Self::Slow => "slow",
        }
    }

    /// How the endpoint behaves while it is bad.
    pub(super) fn behaviour(self) -> Behaviour {
        match self {
            Self::Status500 | Self::Flap => Behaviour::status(500),
            Self::Refuse => Behaviour::Refuse,
            Self::Reset => Behaviour::Reset,
            Self::Stall => Behaviour::Stall,
            Self::Truncate => Behaviour::Truncate { promised: 2_000, sent: 100 },
            Self::FailThirty => Behaviour::FailShare { percent: 30, status: 503 },
            Self::GrpcStatus => {
                Behaviour::GrpcStatus { status: 14, message: "down".to_owned(), trailers: false }
            }
            Self::Slow => Behaviour::slow(20 * self.healthy_delay_ms()),
        }
    }

    /// How long a healthy endpoint thinks.
    pub(super) fn healthy_delay_ms(self) -> u64 {
        if self == Self::Slow { 5 } else { 1 }
    }

    /// Requests while the endpoint is bad.
    pub(super) fn requests(self) -> u64 {
        match self {
            // Some seconds: a p99 is that of a while, not of the half second in which the endpoint is found out.
            Self::Slow => 20_000,
            _ => 3_000,
        }
    }

    /// Whether every answer of the bad endpoint is a client's error: HTTP 200, but the gRPC status says otherwise.
    pub(super) fn lies(self) -> bool {
        self == Self::GrpcStatus
    }

    /// Makes the endpoint bad; the flapping one goes on changing until the returned task ends.
    pub(super) async fn begin(self, bad: &Upstream) -> anyhow::Result<()> {
        bad.behave(self.behaviour()).await?;
        if self == Self::Flap {
            let mut beats = tokio::time::interval(BEAT);
            beats.tick().await;
            for beat in 0..BEATS {
                beats.tick().await;
                bad.behave(if beat % 2 == 0 { Behaviour::default() } else { self.behaviour() }).await?;
            }
        }
        Ok(())
    }
}
