//! Zone aware routing: requests stay in the proxy's own locality as far as that gives no endpoint more than its share.
//!
//! A locality can take as large a part of the traffic as it has of the first level's healthy endpoints, and as large a part of the
//! traffic starts there as there are proxies. Envoy counts those in its local cluster; here they are taken to be spread evenly over the
//! localities of the endpoints. If the own locality can take all that starts there, it does; else as much as it can, and the rest goes
//! to those that can take more than starts with them, in proportion to how much more.
//!
//! Invariant: for a local cluster that is spread evenly, Envoy's choice (`load_balancer_impl.cc`). Nothing is preferred while the own
//! locality is unknown or has no endpoint, while too few are healthy, in panic, or where the policy hashes: then all of the level
//! are one list. Trade-off: worked out anew with each choice, O(localities).

use super::Policy;
use super::level::Level;
use crate::health::Admission;
use crate::load::Loads;
use crate::priority::Part;
use crate::{Endpoints, Locality, Timestamp};
use fastrand::Rng;

/// How strongly the own locality is preferred; names and defaults are Envoy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneAware {
    /// Percentage of requests that are routed so, 0..=100.
    pub routing_enabled: u8,
    /// With fewer healthy endpoints in the first level none is.
    pub min_cluster_size: u32,
}

impl Default for ZoneAware {
    fn default() -> Self {
        Self { routing_enabled: 100, min_cluster_size: 6 }
    }
}

/// All of them, in Envoy's hundredths of a percent.
const ALL: u64 = 10_000;

/// The localities of the first level: two at least.
#[derive(Clone, Debug)]
pub(super) struct Zones {
    settings: ZoneAware,
    localities: Box<[Locality]>,
    levels: Box<[Level]>,
    own: Option<usize>,
}

impl Zones {
    pub(super) fn new(settings: ZoneAware, policy: &Policy, parts: &[Part], endpoints: &Endpoints) -> Self {
        Self {
            settings,
            localities: parts.iter().map(|part| part.locality.clone()).collect(),
            levels: parts.iter().map(|part| Level::of(policy, &part.members, endpoints)).collect(),
            own: None,
        }
    }

    /// Takes over what endpoints have reported by `now`.
    pub(super) fn refresh(&mut self, now: Timestamp, loads: &Loads) {
        self.levels.iter_mut().for_each(|level| level.refresh(now, loads));
    }

    /// The proxy is here.
    pub(super) fn locate(&mut self, own: &Locality) {
        self.own = self.localities.iter().position(|locality| locality.has(own));
    }

    /// The locality that a request goes to; `None`: whichever.
    pub(super) fn draw(&mut self, admission: &Admission<'_>, rng: &mut Rng) -> Option<&mut Level> {
        let own = self.own?;
        let healthy = |zone: usize| {
            let all = self.levels.get(zone).map_or(0, Level::len) as u64;
            admission.healthy_in_part(zone).map_or(all, u64::from)
        };
        let zones = self.levels.len();
        let total: u64 = (0..zones).map(healthy).sum();
        let enabled = self.settings.routing_enabled;
        if total < u64::from(self.settings.min_cluster_size).max(1)
            || (enabled < 100 && rng.u8(..100) >= enabled)
        {
            return None;
        }
        let takes = |zone| ALL * healthy(zone) / total;
        let drawn = draw(own, zones, takes, rng);
        self.levels.get_mut(drawn)
    }
}

/// The zone that a request from `own` goes to, of so many that can take these parts of the traffic.
fn draw(own: usize, zones: usize, takes: impl Fn(usize) -> u64, rng: &mut Rng) -> usize {
    let starts = ALL / (zones as u64).max(1);
    let here = takes(own);
    if here >= starts || rng.u64(..ALL) < here * ALL / starts {
        return own;
    }
    let more = |zone: usize| if zone == own { 0 } else { takes(zone).saturating_sub(starts) };
    let sum: u64 = (0..zones).map(more).sum();
    // Rounding alone can leave nobody with more.
    if sum == 0 {
        return rng.usize(..zones);
    }
    let mut point = rng.u64(..sum);
    (0..zones)
        .find(|zone| match point.checked_sub(more(*zone)) {
            Some(left) => {
                point = left;
                false
            }
            None => true,
        })
        .unwrap_or(own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Of 100,000 requests that start in the first zone, how many percent go to each.
    fn shares(healthy: &[u64]) -> Vec<u64> {
        let total: u64 = healthy.iter().sum();
        let mut rng = Rng::with_seed(1);
        let mut counts = vec![0; healthy.len()];
        for _ in 0..100_000 {
            counts[draw(0, healthy.len(), |zone| ALL * healthy[zone] / total, &mut rng)] += 1;
        }
        counts.iter().map(|count| (count + 500) / 1000).collect()
    }

    #[test]
    fn a_zone_that_can_take_what_starts_there_takes_it() {
        assert_eq!(shares(&[2, 2]), [100, 0]);
        assert_eq!(shares(&[2, 2, 2]), [100, 0, 0]);
        assert_eq!(shares(&[5, 1, 1]), [100, 0, 0]);
    }

    #[test]
    fn what_it_cannot_take_goes_where_there_is_more_room() {
        // It can take 20 % of all, and a third starts there.
        assert_eq!(shares(&[1, 2, 2]), [60, 20, 20]);
        // One of the others can take no more than starts there.
        assert_eq!(shares(&[1, 1, 4]), [50, 0, 50]);
        // 25, 75: three quarters of what starts here is 12.5 of 50.
        assert_eq!(shares(&[1, 3]), [50, 50]);
        assert_eq!(shares(&[0, 3, 1]), [0, 100, 0]);
    }

    #[test]
    fn nothing_ever_stays_in_a_zone_that_can_take_nothing() {
        let mut rng = Rng::with_seed(1);
        assert!((0..100_000).all(|_| draw(0, 2, |zone| [0, ALL][zone], &mut rng) == 1));
    }
}
