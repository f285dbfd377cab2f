//! Rings: how many points they have, and of which hash.

use super::{bounded, narrow};
use crate::error::{Errors, Path};
use crate::raw;
use switchyard_core::balance::{HashFunction, RingSize};

/// Envoy's upper bound of a ring.
const MAX_RING: u64 = 8_388_608;
/// The most points of an endpoint for each unit of its weight.
const MAX_POINTS: u64 = 65_536;

pub(super) fn hash_function(raw: &raw::Balance) -> HashFunction {
    match raw.hash_function {
        Some(raw::HashFunction::MurmurHash2) => HashFunction::MurmurHash2,
        _ => HashFunction::XxHash,
    }
}

pub(super) fn size(raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) -> RingSize {
    let total = total(raw, at, errors);
    let Some(points) = raw.points_per_endpoint else { return total };
    for (name, is_there) in [
        ("minimum_ring_size", raw.minimum_ring_size.is_some()),
        ("maximum_ring_size", raw.maximum_ring_size.is_some()),
    ] {
        if is_there {
            errors.add(&at.field(name), "has no meaning beside points_per_endpoint; remove one of them");
        }
    }
    RingSize::PerEndpoint(narrow(bounded(
        Some(points),
        1,
        1,
        MAX_POINTS,
        &at.field("points_per_endpoint"),
        errors,
    )))
}

fn total(raw: &raw::Balance, at: &Path<'_>, errors: &mut Errors) -> RingSize {
    let (low, high) = (at.field("minimum_ring_size"), at.field("maximum_ring_size"));
    let minimum = bounded(raw.minimum_ring_size, 1024, 1, MAX_RING, &low, errors);
    let maximum = bounded(raw.maximum_ring_size, MAX_RING, 1, MAX_RING, &high, errors);
    // Only what was written and is in bounds is compared; the rest has its error already.
    let in_bounds = raw.minimum_ring_size.is_none_or(|written| written == minimum)
        && raw.maximum_ring_size.is_none_or(|written| written == maximum)
        && !raw.bad.contains(&"minimum_ring_size");
    if minimum > maximum && in_bounds {
        if raw.minimum_ring_size.is_some() {
            let problem =
                format!("{minimum} is more than maximum_ring_size ({maximum}); lower it or raise that");
            errors.add(&low, problem);
        } else {
            let problem = format!(
                "{maximum} is less than minimum_ring_size ({minimum} by default); raise it or lower that"
            );
            errors.add(&high, problem);
        }
    }
    RingSize::Total { minimum, maximum }
}

/// An endpoint without a point would get no key.
pub(super) fn refuse_too_many_points(raw: &raw::Balance, weight: u64, at: &Path<'_>, errors: &mut Errors) {
    let Some(points) = raw.points_per_endpoint.filter(|points| (1..=MAX_POINTS).contains(points)) else {
        return;
    };
    if points.saturating_mul(weight) > MAX_RING {
        let problem = format!(
            "{points} points for each unit of a weight of {weight} in all are too many; a ring has {MAX_RING} at most: take fewer, or lower \
             the weights"
        );
        errors.add(&at.field("points_per_endpoint"), problem);
    }
}
