//! How much of its level's traffic each endpoint has while everybody is in rotation, for people to see.
//!
//! Invariant: the shares of a level are a million together, but for rounding. Trade-off: policies that compare load have no table, so their shares
//! are what weights say and not what load makes of them.

use super::Balancer;
use crate::Endpoints;

impl Balancer {
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
