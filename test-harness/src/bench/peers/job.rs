//! What is asked of all four, in one place: each product's configuration is made of these numbers.
//!
//! Invariant: a number that two products have means the same in both; where one has none, its module says what it has instead. One worker each.

use std::time::Duration;

/// Endpoints of the fault scripts.
pub(super) const HOSTS: usize = 5;
/// Points on the circle of one endpoint: nginx has 160 and no setting for it.
pub(super) const POINTS: u32 = 160;
/// What is hashed.
pub(super) const KEY: &str = "x-user";
/// Attempts after the first.
pub(super) const RETRIES: u32 = 2;
/// Failures in a row after which an endpoint is out.
pub(super) const FAILURES: u32 = 5;
/// For how long.
pub(super) const OUT: Duration = Duration::from_secs(2);
/// How long one attempt may take.
pub(super) const PER_TRY: Duration = Duration::from_millis(300);
/// How long a connection may take: what the shipped cluster has.
pub(super) const CONNECT: Duration = Duration::from_millis(250);
/// Idle connections to endpoints that are kept; the others have no bound.
pub(super) const KEPT: usize = 128;

/// What a server is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Keys stay at their endpoints; one that fails is out.
    Hashing,
    /// In turn; one that fails is out.
    Ejection,
    /// In turn; nobody is ever out.
    Retries,
    /// As `Hashing`, and every failure that may be tried again is.
    Everything,
}

impl Job {
    /// By key, or in turn.
    pub(super) fn hashes(self) -> bool {
        matches!(self, Self::Hashing | Self::Everything)
    }

    pub(super) fn ejects(self) -> bool {
        self != Self::Retries
    }
}
