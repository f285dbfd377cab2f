//! Upstreams, choices and the chi-square test for the tests of balancers.

use core::num::NonZeroU32;
use core::time::Duration;
use fastrand::Rng;
use switchyard_core::balance::{Balancer, Candidates, Choice, HashFunction, Policy, RingSize};
use switchyard_core::health::Admission;
use switchyard_core::load::{LatencyPolicy, Loads};
use switchyard_core::{Endpoint, Endpoints, Timestamp};

pub(crate) fn upstream(weights: &[u32]) -> Endpoints {
    let endpoint = |(index, weight): (usize, &u32)| {
        let address = format!("10.0.{}.{}:80", index / 256, index % 256);
        Endpoint::new(address, NonZeroU32::new(*weight).expect("not 0"))
    };
    Endpoints::new(weights.iter().enumerate().map(endpoint).collect())
}

/// So many requests under way at each.
pub(crate) fn busy(active: &[u32]) -> Loads {
    let loads = Loads::new(active.len());
    for (index, count) in active.iter().enumerate() {
        // They never end.
        (0..*count).for_each(|_| core::mem::forget(loads.start(index, None)));
    }
    loads
}

pub(crate) fn least_request(active_request_bias: f64) -> Policy {
    Policy::LeastRequest { choice_count: 2, active_request_bias }
}

pub(crate) fn peak_ewma() -> Policy {
    Policy::PeakEwma { decay: LATENCY.decay, default_latency: LATENCY.default }
}

pub(crate) const LATENCY: LatencyPolicy =
    LatencyPolicy { decay: Duration::from_secs(10), default: Duration::from_millis(30) };

pub(crate) fn ring_hash(hash_balance_factor: Option<u32>) -> Policy {
    Policy::RingHash {
        hash_function: HashFunction::XxHash,
        size: RingSize::Total { minimum: 1024, maximum: 8_388_608 },
        hash_balance_factor,
    }
}

pub(crate) fn maglev(hash_balance_factor: Option<u32>) -> Policy {
    Policy::Maglev { table_size: 251, hash_balance_factor }
}

/// A balancer with all that its choices need.
pub(crate) struct Upstream {
    pub(crate) balancer: Balancer,
    pub(crate) loads: Loads,
    pub(crate) rng: Rng,
    pub(crate) now: Timestamp,
}

impl Upstream {
    pub(crate) fn new(policy: &Policy, weights: &[u32], seed: u64) -> Self {
        let balancer = Balancer::new(policy, &upstream(weights));
        let (loads, rng) = (Loads::new(weights.len()), Rng::with_seed(seed));
        Self { balancer, loads, rng, now: Timestamp::from_millis(1_000_000) }
    }

    /// Up to `limit` endpoints for a request with a hash drawn at random.
    pub(crate) fn choose(&mut self, admission: Admission<'_>, limit: usize) -> Vec<usize> {
        let mut candidates = Candidates::new(limit);
        let hash = Some(self.rng.u64(..));
        let choice = Choice { hash, now: self.now, rng: &mut self.rng, loads: &self.loads, admission };
        self.balancer.choose(choice, &mut candidates);
        candidates.iter().collect()
    }

    /// How often each of `endpoints` endpoints comes at `place` in `requests` choices without load.
    pub(crate) fn counts(
        &mut self,
        admission: Admission<'_>,
        place: usize,
        endpoints: usize,
        requests: usize,
    ) -> Vec<u64> {
        let mut counts = vec![0; endpoints];
        for _ in 0..requests {
            counts[self.choose(admission, place + 1)[place]] += 1;
        }
        counts
    }
}

/// Fails if `counts` are unlikely (1 in 10,000) to come from `shares`. Wilson and Hilferty's approximation of the
/// chi-square distribution's quantile.
pub(crate) fn assert_shares(counts: &[u64], shares: &[f64]) {
    assert_eq!(counts.len(), shares.len());
    let (requests, sum) = (counts.iter().sum::<u64>() as f64, shares.iter().sum::<f64>());
    let expected = |share: &f64| requests * share / sum;
    let deviation =
        |(count, share): (&u64, &f64)| (*count as f64 - expected(share)).powi(2) / expected(share);
    let statistic: f64 = counts.iter().zip(shares).map(deviation).sum();
    let freedom = (counts.len() - 1) as f64;
    let part = 2.0 / (9.0 * freedom);
    let limit = freedom * (1.0 - part + 3.719 * part.sqrt()).powi(3);
    assert!(statistic < limit, "{counts:?} is not {shares:?}: chi-square {statistic:.1} >= {limit:.1}");
}
