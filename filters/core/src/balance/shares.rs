//! How much of its level's traffic each endpoint has while everybody is in rotation, for people to see.
//!
//! Invariant: the shares of a level are a million together, but for rounding. Trade-off: policies that compare load have no table, so their shares
//! are what weights say and not what load makes of them; and those of a very large table are, too, since it is looked through for them.

use super::{Balancer, Level};
use crate::Endpoints;

impl Balancer {
    /// How many steps [`Balancer::shares`] takes, but for a few for each endpoint: as many as its tables have places, if they are looked through.
    pub fn steps_to_shares(&self) -> usize {
        self.levels.iter().map(Level::steps).fold(0, usize::saturating_add)
    }

    /// The share of each of `endpoints`, which it was made for, in parts per million of its level; by its table, if keys fall into one, else by its
    /// weight, if the policy looks at that.
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use switchyard_core::balance::{Balancer, Policy};
    /// use switchyard_core::{Endpoint, Endpoints};
    /// let at = |(address, weight)| Endpoint::new(address, NonZeroU32::new(weight).unwrap_or(NonZeroU32::MIN));
    /// let endpoints = Endpoints::new([("10.0.0.1:80", 3), ("10.0.0.2:80", 1)].map(at).into());
    /// assert_eq!(Balancer::new(&Policy::WeightedRandom, &endpoints).shares(&endpoints, true), [750_000, 250_000]);
    /// ```
    pub fn shares(&self, endpoints: &Endpoints, is_weighted: bool) -> Vec<u32> {
        let mut shares = vec![0; endpoints.len()];
        for level in &self.levels {
            let (members, parts) = level.parts();
            let members: Vec<usize> =
                members.map_or_else(|| (0..endpoints.len()).collect(), <[usize]>::to_vec);
            let weight = |index: &usize| match endpoints.get(*index) {
                Some(endpoint) if is_weighted => u64::from(endpoint.weight.get()),
                _ => 1,
            };
            let parts = parts.unwrap_or_else(|| members.iter().map(weight).collect());
            let whole: u128 = parts.iter().map(|part| u128::from(*part)).sum();
            for (index, part) in members.iter().zip(parts) {
                let share = (u128::from(part) * 1_000_000 + whole / 2).checked_div(whole);
                if let Some(place) = shares.get_mut(*index) {
                    *place = u32::try_from(share.unwrap_or_default()).unwrap_or(u32::MAX);
                }
            }
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;
    use crate::balance::{HashFunction, Policy, RingSize};
    use core::num::NonZeroU32;

    fn steps_and_shares(policy: &Policy) -> (usize, Vec<u32>) {
        let weight = |weight| NonZeroU32::new(weight).expect("a weight");
        let endpoints =
            [("10.0.0.1:80", 3), ("10.0.0.2:80", 1)].map(|(at, of)| Endpoint::new(at, weight(of)));
        let endpoints = Endpoints::new(endpoints.into());
        let balancer = Balancer::new(policy, &endpoints);
        (balancer.steps_to_shares(), balancer.shares(&endpoints, true))
    }

    #[test]
    fn only_a_table_that_is_not_too_large_is_looked_through() {
        let maglev = |table_size| Policy::Maglev { table_size, hash_balance_factor: None };
        let ring = |points| Policy::RingHash {
            hash_function: HashFunction::XxHash,
            size: RingSize::PerEndpoint(points),
            hash_balance_factor: None,
        };
        let by_weight = [750_000, 250_000];
        for (policy, steps) in [(maglev(251), 251), (ring(100), 400)] {
            let (takes, shares) = steps_and_shares(&policy);
            assert_eq!(takes, steps);
            assert!(shares.iter().sum::<u32>().abs_diff(1_000_000) <= 1 && shares != by_weight, "{shares:?}");
        }
        for policy in [maglev(150_000), ring(40_000), Policy::WeightedRandom] {
            assert_eq!(steps_and_shares(&policy), (0, by_weight.to_vec()), "{}", policy.name());
        }
    }
}
