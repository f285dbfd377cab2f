//! A whole number shared out by weight.
//!
//! Invariant: the shares add up to it, and none is further than one from what is due. Trade-off: of equal remainders
//! the first in line gets the odd one. Source: Hamilton's method of largest remainders.

/// What each of these gets of `total`. Weights are at least 1.
pub(super) fn apportion(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum = weights.iter().map(|weight| u128::from(*weight)).sum::<u128>().max(1);
    let due = |weight: &u64| u128::from(total) * u128::from(*weight);
    let mut shares: Vec<_> =
        weights.iter().map(|weight| u64::try_from(due(weight) / sum).unwrap_or(total)).collect();
    let left = total.saturating_sub(shares.iter().sum());
    let mut by_remainder: Vec<_> = weights.iter().zip(&mut shares).collect();
    crate::sort::sort_by(&mut by_remainder, |(one, _), (other, _)| (due(other) % sum).cmp(&(due(one) % sum)));
    let odd = by_remainder.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX));
    odd.for_each(|(_, share)| *share += 1);
    shares
}
