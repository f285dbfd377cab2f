//! What a balancer is told to do: the validated form of `upstreams[].balance`.

use super::maglev::MAXIMUM_TABLE_SIZE;
use super::ring_hash::MAXIMUM_POINTS;
use crate::load::LatencyPolicy;
use crate::orca::ReportPolicy;
use core::time::Duration;

/// How the endpoint of a request is chosen. Names are Envoy's where Envoy has the policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// Each in turn, weights ignored.
    RoundRobin,
    /// Any, each as likely, weights ignored.
    Random,
    /// Any, endpoint i with probability W_i / sum of W.
    WeightedRandom,
    /// In turn by weight, spread as evenly as can be (nginx's smooth weighted round robin).
    SmoothWeightedRoundRobin,
    /// Fewest requests in flight. Equal weights: the best of `choice_count` drawn at random; unequal weights:
    /// earliest deadline first with weight / (active + 1) ^ `active_request_bias`; both as Envoy does.
    LeastRequest {
        /// How many are drawn, 2 or more.
        choice_count: u32,
        /// How strongly requests in flight lower a weight; 0 makes it weighted round robin.
        active_request_bias: f64,
    },
    /// Power of two choices on the expected time to the first byte times (requests that wait for theirs + 1).
    PeakEwma {
        /// Time constant with which a past peak is forgotten.
        decay: Duration,
        /// Latency assumed of an endpoint that was asked and has not answered yet.
        default_latency: Duration,
    },
    /// In turn by the weights that endpoints report, Envoy's `client_side_weighted_round_robin`.
    LoadReported(ReportPolicy),
    /// A ring; Envoy's, bit for bit, if it is of [`RingSize::Total`].
    RingHash {
        /// Hash of the ring's points; requests are always hashed with xxHash64.
        hash_function: HashFunction,
        /// How many points it has.
        size: RingSize,
        /// Bounded loads: no endpoint takes more than this percentage of the mean load (100 or more).
        hash_balance_factor: Option<u32>,
    },
    /// Envoy's Maglev, bit for bit.
    Maglev {
        /// Slots of the table; a prime.
        table_size: u64,
        /// Bounded loads, as for the ring.
        hash_balance_factor: Option<u32>,
    },
}

/// How many points a ring has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingSize {
    /// As Envoy counts: so many in all, shared out by weight. With the number of endpoints the points of each change.
    Total {
        /// Fewest points on the ring.
        minimum: u64,
        /// Most points on the ring.
        maximum: u64,
    },
    /// So many for each endpoint and unit of its weight, whoever else is there.
    PerEndpoint(u32),
}

/// Hash function of a ring's points; Envoy's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashFunction {
    /// XXH64 with seed 0.
    #[default]
    XxHash,
    /// MurmurHash64A with libstdc++'s seed 0xc70f6907.
    MurmurHash2,
}

impl Policy {
    /// Its name in the configuration, in metrics and in explanations.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::WeightedRandom => "weighted_random",
            Self::SmoothWeightedRoundRobin => "smooth_weighted_round_robin",
            Self::LeastRequest { .. } => "least_request",
            Self::PeakEwma { .. } => "peak_ewma",
            Self::LoadReported(_) => "load_reported",
            Self::RingHash { .. } => "ring_hash",
            Self::Maglev { .. } => "maglev",
        }
    }

    /// The policy of each of so many tables: together they grow no larger than one may.
    pub(super) fn split(&self, tables: usize) -> Self {
        let part = |most: u64| most / (tables as u64).max(1);
        let mut policy = self.clone();
        match &mut policy {
            // Of a ring of so many points per endpoint each table has its own endpoints' points.
            Self::RingHash { size: RingSize::Total { maximum, .. }, .. } => {
                *maximum = (*maximum).min(part(MAXIMUM_POINTS));
            }
            Self::Maglev { table_size, .. } => *table_size = (*table_size).min(part(MAXIMUM_TABLE_SIZE)),
            _ => {}
        }
        policy
    }

    /// Whether it chooses by the request's hash.
    pub fn needs_hash(&self) -> bool {
        matches!(self, Self::RingHash { .. } | Self::Maglev { .. })
    }

    /// How it learns from latency, if it does.
    pub fn latency(&self) -> Option<LatencyPolicy> {
        match self {
            Self::PeakEwma { decay, default_latency } => {
                Some(LatencyPolicy { decay: *decay, default: *default_latency })
            }
            _ => None,
        }
    }

    /// How it learns from what endpoints report, if it does.
    pub fn reports(&self) -> Option<&ReportPolicy> {
        match self {
            Self::LoadReported(reports) => Some(reports),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn tables_of_several_levels_are_together_no_larger_than_one_may_be() {
        let maglev = |table_size| Policy::Maglev { table_size, hash_balance_factor: Some(125) };
        assert_eq!(maglev(MAXIMUM_TABLE_SIZE).split(4), maglev(1_250_002));
        assert_eq!(maglev(65_537).split(4), maglev(65_537), "small ones stay as they are");
        let ring = |size| Policy::RingHash {
            hash_function: HashFunction::MurmurHash2,
            size,
            hash_balance_factor: None,
        };
        let total = |maximum| ring(RingSize::Total { minimum: 7, maximum });
        assert_eq!(total(MAXIMUM_POINTS).split(4), total(2_097_152));
        assert_eq!(total(1_024).split(4), total(1_024));
        let each = ring(RingSize::PerEndpoint(u32::MAX));
        assert_eq!(each.split(4), each, "there each table has its own endpoints' points");
    }
}
