//! Services registered in Consul: `GET /v1/health/service/NAME`.

use core::time::Duration;

/// Which instances are members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consul {
    /// The service.
    pub service: Box<str>,
    /// Only those with this tag.
    pub tag: Option<Box<str>>,
    /// Those of this datacenter; `None`: of the agent's own.
    pub datacenter: Option<Box<str>>,
    /// Only those whose checks all pass; otherwise the others are unhealthy members.
    pub passing: bool,
    /// How long Consul holds an ask until something changes; zero: not at all.
    pub wait: Duration,
}
