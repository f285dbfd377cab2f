//! Which endpoint the next attempt goes to.
//!
//! Invariant: an endpoint that was tried is not tried again while another is left; one that is out of rotation is not tried
//! while one that is in rotation exists, and one that was taken out by hand is never tried. Whom nobody named as a candidate comes in the
//! order of the levels: one of a lower priority only when none of a higher is left.

use crate::EndpointIndex;
use crate::health::Health;

/// The endpoint of the next attempt: the first of `candidates`, then of all `endpoints` (a number) the first of the least `priority`
/// (Envoy's number of its level), that is in rotation and was not `tried` (in order, oldest first). When all of those were tried,
/// the one whose turn is longest ago; when none is in rotation, any that has not been withdrawn. `None` without such endpoints.
pub fn pick(
    candidates: &[EndpointIndex],
    endpoints: usize,
    priority: impl Fn(EndpointIndex) -> u32,
    health: impl Fn(EndpointIndex) -> Health,
    tried: &[EndpointIndex],
) -> Option<EndpointIndex> {
    let all = || candidates.iter().copied().filter(|index| *index < endpoints).chain(0..endpoints);
    let panic = !all().any(|index| health(index) == Health::Healthy);
    let usable = |index: &EndpointIndex| match health(*index) {
        Health::Healthy => true,
        other => panic && other.serves_in_panic(),
    };
    let is_fresh = |index: &EndpointIndex| usable(index) && !tried.contains(index);
    let named = candidates.iter().copied().filter(|index| *index < endpoints).find(is_fresh);
    let fresh = named.or_else(|| (0..endpoints).filter(is_fresh).min_by_key(|index| priority(*index)));
    let last_turn = |index: &EndpointIndex| tried.iter().rposition(|one| one == index);
    fresh.or_else(|| all().filter(usable).min_by_key(last_turn))
}
