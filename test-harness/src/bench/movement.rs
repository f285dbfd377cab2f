//! How many keys change their host when one of N hosts leaves. The optimum is 1/N: the keys of the one that left.
//!
//! Ours passes over the host in a table that stays as it is; Envoy builds a table of the hosts that are left.
//! Every host leaves once, up to `DEPARTURES` of them, and the figures are means.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use switchyard_core::balance::{Candidates, HashFunction, Maglev, RingHash};
use switchyard_core::{Endpoint, Endpoints};

const KEYS: u64 = 100_000;
const DEPARTURES: usize = 10;

enum Table {
    Ring(RingHash),
    Maglev(Maglev),
}

impl Table {
    fn of(kind: &str, endpoints: &Endpoints) -> Self {
        match kind {
            "ring" => Self::Ring(RingHash::new(endpoints, HashFunction::XxHash, 65_536, 8_388_608)),
            _ => Self::Maglev(Maglev::new(endpoints, 65_537)),
        }
    }

    /// The host of every key, `gone` passed over.
    fn hosts(&self, gone: Option<usize>) -> Vec<Option<usize>> {
        let mut candidates = Candidates::new(1);
        let mut host = |key: u64| {
            candidates.clear();
            // Fibonacci hashing spreads consecutive numbers over the whole range.
            let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            match self {
                Self::Ring(ring) => ring.choose(hash, |host| Some(host) != gone, &mut candidates),
                Self::Maglev(maglev) => maglev.choose(hash, |host| Some(host) != gone, &mut candidates),
            }
            candidates.first()
        };
        (0..KEYS).map(&mut host).collect()
    }
}

/// For ring and Maglev over `hosts` hosts: the percentage of keys that moved, that beyond 1/N, and that of the
/// keys that moved although their host was still there; `ours` and `rebuilt`.
#[must_use]
pub fn measure(hosts: usize) -> Value {
    ["ring", "maglev"].into_iter().map(|kind| (kind.to_owned(), measure_kind(kind, hosts))).collect()
}

fn measure_kind(kind: &str, hosts: usize) -> Value {
    let whole = Table::of(kind, &endpoints(hosts, None));
    let before = whole.hosts(None);
    let departures = hosts.min(DEPARTURES);
    let (mut ours, mut rebuilt) = (Moved::default(), Moved::default());
    for departure in 0..departures {
        let gone = departure * hosts / departures;
        ours.add(&before, &whole.hosts(Some(gone)), gone);
        let rest = Table::of(kind, &endpoints(hosts, Some(gone))).hosts(None);
        let renumber = |host: usize| if host < gone { host } else { host + 1 };
        let rest: Vec<_> = rest.into_iter().map(|host| host.map(renumber)).collect();
        rebuilt.add(&before, &rest, gone);
    }
    json!({ "ours": ours.report(hosts), "rebuilt": rebuilt.report(hosts) })
}

#[derive(Default)]
struct Moved {
    keys: u64,
    moved: u64,
    needless: u64,
}

impl Moved {
    fn add(&mut self, before: &[Option<usize>], after: &[Option<usize>], gone: usize) {
        for (before, after) in before.iter().zip(after) {
            self.keys += 1;
            let moved = before != after;
            self.moved += u64::from(moved);
            self.needless += u64::from(moved && *before != Some(gone));
        }
    }

    fn report(&self, hosts: usize) -> Value {
        let percent = |count: u64| 100.0 * count as f64 / self.keys.max(1) as f64;
        json!({
            "moved_percent": percent(self.moved),
            "beyond_optimum_percent": percent(self.moved) - 100.0 / hosts as f64,
            "needless_percent": percent(self.needless),
        })
    }
}

/// Hosts 0 to `count`, without `gone`.
fn endpoints(count: usize, gone: Option<usize>) -> Endpoints {
    let endpoint =
        |host: usize| Endpoint::new(format!("10.0.{}.{}:8080", host / 250, host % 250), NonZeroU32::MIN);
    Endpoints::new((0..count).filter(|host| Some(*host) != gone).map(endpoint).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_over_a_host_moves_no_key_of_another() {
        let report = measure(10);
        for kind in ["ring", "maglev"] {
            assert_eq!(report[kind]["ours"]["needless_percent"], 0.0, "{kind}");
            // All ten hosts left once, so their keys together are all keys.
            assert_eq!(report[kind]["ours"]["moved_percent"], 10.0, "{kind}");
        }
        assert!(report["maglev"]["rebuilt"]["needless_percent"].as_f64() > Some(0.0));
    }
}
