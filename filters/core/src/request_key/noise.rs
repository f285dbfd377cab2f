//! Headers that are another one in nearly every request, and so keep all of them apart.
//!
//! Invariant: bounded, whatever clients send: [`MOST_NAMES`] names are looked at, [`MOST_TOLD`] are told, each once.
//! Trade-off: a few hundred consecutive requests are looked at, and then none for a long while; a header that becomes another one later
//! is noticed later. Values are known by a hash: a collision makes a header look calmer than it is.

use hashbrown::HashMap;
use xxhash_rust::xxh64::xxh64;

/// So many consecutive requests are looked at.
const LOOK: u32 = 256;
/// And so many are let pass until the next look.
const REST: u32 = 16 * LOOK;
/// The most names that are looked at.
const MOST_NAMES: usize = 64;
/// The most names that are told.
const MOST_TOLD: usize = 8;
/// The longest name that is looked at, in bytes.
const LONGEST_NAME: usize = 64;
/// So many values of each are remembered.
const VALUES: usize = 32;

/// What a route's requests have in their keys, looked at now and then.
#[derive(Clone, Debug, Default)]
pub struct Noise {
    requests: u32,
    watched: HashMap<Box<[u8]>, Watched>,
    told: Vec<Box<[u8]>>,
}

#[derive(Clone, Debug, Default)]
struct Watched {
    requests: u32,
    /// With a value that was not among the last ones.
    new: u32,
    values: Vec<u64>,
}

impl Noise {
    /// Whether the next request is looked at; it counts in any case.
    pub fn looks(&mut self) -> bool {
        self.requests = self.requests % (LOOK + REST) + 1;
        self.requests <= LOOK
    }

    /// A request that is looked at has these names and values in its key. The names that are found to be another one in nearly every
    /// request, for the first time.
    pub fn look<'a>(&mut self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<String> {
        for (name, value) in pairs.filter(|(name, _)| name.len() <= LONGEST_NAME) {
            if self.watched.contains_key(name) || self.watched.len() < MOST_NAMES {
                self.watched.entry_ref(name).or_default().see(xxh64(value, 0));
            }
        }
        if self.requests < LOOK { Vec::new() } else { self.tell() }
    }

    fn tell(&mut self) -> Vec<String> {
        let watched = core::mem::take(&mut self.watched).into_iter();
        let noisy = watched.filter(|(name, watched)| watched.is_noisy() && !self.told.contains(name));
        let mut noisy: Vec<_> = noisy.map(|(name, _)| name).collect();
        crate::sort::sort(&mut noisy);
        noisy.truncate(MOST_TOLD.saturating_sub(self.told.len()));
        let names = noisy.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        self.told.extend(noisy);
        names
    }
}

impl Watched {
    fn see(&mut self, value: u64) {
        self.requests += 1;
        if self.values.contains(&value) {
            return;
        }
        self.new += 1;
        if self.values.len() >= VALUES {
            self.values.remove(0);
        }
        self.values.push(value);
    }

    /// In half of the requests at least, and nine of ten times new.
    fn is_noisy(&self) -> bool {
        self.requests * 2 >= LOOK && self.new * 10 >= self.requests * 9
    }
}
