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
/// How long an endpoint is bad.
pub(super) const BAD: Duration = Duration::from_secs(3);
/// How long a healthy endpoint thinks.
const HEALTHY_MS: u64 = 5;

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
                Behaviour::GrpcStatus { status: 14, message: "down".to_owned(), trailers: false, data: None }
            }
            Self::Slow => Behaviour::slow(20 * HEALTHY_MS),
        }
    }

    /// How a healthy endpoint behaves.
    pub(super) fn healthy(self) -> Behaviour {
        match self {
            Self::GrpcStatus => {
                Behaviour::GrpcStatus { status: 0, message: String::new(), trailers: false, data: None }
            }
            _ => Behaviour::slow(HEALTHY_MS),
        }
    }

    /// The content-type of requests. Envoy's own detection looks at a gRPC status only if the request is gRPC.
    pub(super) fn content_type(self) -> &'static str {
        if self == Self::GrpcStatus { "application/grpc" } else { "text/plain" }
    }

    /// Makes the endpoint bad for [`BAD`]; the flapping one is good in every other second of it.
    pub(super) async fn hit(self, bad: &Upstream) -> anyhow::Result<()> {
        bad.behave(self.behaviour()).await?;
        let begun = tokio::time::Instant::now();
        let mut beats = tokio::time::interval_at(begun + BEAT, BEAT);
        let mut good = false;
        while begun.elapsed() + BEAT / 2 < BAD {
            beats.tick().await;
            good = !good;
            if self == Self::Flap && begun.elapsed() + BEAT / 2 < BAD {
                bad.behave(if good { self.healthy() } else { self.behaviour() }).await?;
            }
        }
        Ok(())
    }
}
