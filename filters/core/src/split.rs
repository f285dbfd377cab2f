//! Traffic split between upstreams: weighted rendezvous hashing (Thaler and Ravishankar 1998; weights by
//! Schindelhauer and Schomaker 2005, as in the Internet draft on weighted HRW).
//!
//! Invariant: the choice of a key depends on each target's name and weight only. So when one weight grows and
//! another shrinks, keys move towards the growing target or away from the shrinking one, and a new target takes
//! keys but makes none move between the others. Envoy's cumulative intervals reshuffle users when the total
//! changes. Trade-off: one hash and one logarithm per target and request, for splits of a handful of targets.

use crate::hash::xxh64;

/// Targets with their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    targets: Box<[Target]>,
}

#[derive(Clone, Debug, PartialEq)]
struct Target {
    name_hash: [u8; 8],
    weight: f64,
}

impl Split {
    /// A split between `targets`, each with its name and weight. Weight 0 gets nothing.
    pub fn new(targets: Vec<(Box<str>, u32)>) -> Self {
        let target = |(name, weight): (Box<str>, u32)| Target {
            name_hash: xxh64(name.as_bytes(), 0).to_le_bytes(),
            weight: f64::from(weight),
        };
        Self { targets: targets.into_iter().map(target).collect() }
    }

    /// The position of the target of `key`: a request's hash for a sticky split, a random number for a random
    /// one. 0 if no target has a weight.
    pub fn choose(&self, key: u64) -> usize {
        let weighted = self.targets.iter().enumerate().filter(|(_, target)| target.weight > 0.0);
        let scored = weighted.map(|(position, target)| (position, target.cost(key)));
        scored.min_by(|(_, one), (_, other)| one.total_cmp(other)).map_or(0, |(position, _)| position)
    }
}

impl Target {
    /// An exponentially distributed number with the weight as its rate: the least of several is this one's with
    /// the probability weight / sum of weights.
    fn cost(&self, key: u64) -> f64 {
        let hash = xxh64(&self.name_hash, key);
        // 52 bits and a half: never 0 and never 1.
        let uniform = ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
        -uniform.ln() / self.weight
    }
}
