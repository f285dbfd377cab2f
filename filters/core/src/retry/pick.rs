//! Which endpoint the next attempt goes to.
//!
//! Invariant: an endpoint that was tried is not tried again while another is left; one that is out of rotation is not tried
//! while one that is in rotation exists.

use crate::EndpointIndex;

/// The endpoint of the next attempt: the first of `candidates`, then of all `endpoints` (a number), that is in rotation and
/// was not `tried` (in order, oldest first). When all of those were tried, the one whose turn is longest ago; when none is
/// in rotation, health is ignored. `None` without endpoints.
pub fn pick(
    candidates: &[EndpointIndex],
    endpoints: usize,
    in_rotation: impl Fn(EndpointIndex) -> bool,
    tried: &[EndpointIndex],
) -> Option<EndpointIndex> {
    let all = || candidates.iter().copied().filter(|index| *index < endpoints).chain(0..endpoints);
    let panic = !all().any(&in_rotation);
    let usable = |index: &EndpointIndex| panic || in_rotation(*index);
    let fresh = all().filter(usable).find(|index| !tried.contains(index));
    let last_turn = |index: &EndpointIndex| tried.iter().rposition(|one| one == index);
    fresh.or_else(|| all().filter(usable).min_by_key(last_turn))
}
