//! Maglev hashing (Eisenbud et al., NSDI 2016): a table of prime size, filled by the endpoints in turn, each
//! following its own permutation of the slots.
//!
//! Invariant: the same table, and the same first choice, as Envoy's `maglev_lb.cc` for the same endpoints.
//! An endpoint that is not admitted is passed over, so only its own keys move; Envoy rebuilds the table, which
//! moves some others too. Trade-off: one look-up into four bytes a slot; built in one pass without a division
//! per probe.

use super::{Candidates, weights};
use crate::hash::xxh64;
use crate::{EndpointIndex, Endpoints};

/// The largest table, Envoy's bound; a prime.
pub(super) const MAXIMUM_TABLE_SIZE: u64 = 5_000_011;
/// How often Envoy's perturbation of the hash is tried before the table is walked.
const PERTURBED_ATTEMPTS: u64 = 16;
const FREE: u32 = u32::MAX;

/// A Maglev table over the endpoints of one upstream.
#[derive(Clone, Debug, Default)]
pub struct Maglev {
    table: Box<[u32]>,
    endpoints: usize,
    /// Endpoints with a slot: a table smaller than their number leaves some out.
    placed: usize,
}

/// One endpoint while the table is filled.
struct Filler {
    owner: u32,
    weight: f64,
    target: f64,
    slot: usize,
    skip: usize,
    slots: u32,
}

impl Maglev {
    /// The table of `endpoints`. A `table_size` that is not a prime is raised to the next one, because only in
    /// a prime table does every permutation reach every slot; the largest is 5,000,011.
    pub fn new(endpoints: &Endpoints, table_size: u64) -> Self {
        if endpoints.is_empty() {
            return Self::default();
        }
        let size = next_prime(table_size.min(MAXIMUM_TABLE_SIZE));
        let mut fillers = fillers(endpoints, size);
        let table = fill(&mut fillers, size as usize);
        let placed = fillers.iter().filter(|filler| filler.slots > 0).count();
        Self { table: table.into(), endpoints: endpoints.len(), placed }
    }

    /// Adds admitted endpoints to `candidates` until they are full or every endpoint was met: first the slot of
    /// `hash`, then those of Envoy's perturbed hashes (its host selection retries), then the slots that follow.
    /// `admit` is asked once per endpoint at most.
    pub fn choose(&self, hash: u64, admit: impl FnMut(EndpointIndex) -> bool, candidates: &mut Candidates) {
        if self.table.is_empty() {
            return;
        }
        let slot = |hash: u64| (hash % self.table.len() as u64) as usize;
        let attempts = (0..=PERTURBED_ATTEMPTS).map(|attempt| slot(hash ^ attempt.wrapping_neg()));
        let (before, after) = self.table.split_at_checked(slot(hash)).unwrap_or_default();
        let owners = attempts.filter_map(|slot| self.table.get(slot)).chain(after).chain(before);
        candidates.walk(self.endpoints, self.placed, owners, admit);
    }

    /// How many slots the table has.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no table, because there is no endpoint.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The owners of the slots in order.
    pub fn slots(&self) -> impl Iterator<Item = EndpointIndex> + '_ {
        self.table.iter().map(|owner| *owner as EndpointIndex)
    }
}

/// The endpoints in the order of their keys, as Envoy sorts them, each at its first slot.
fn fillers(endpoints: &Endpoints, size: u64) -> Vec<Filler> {
    let mut keyed: Vec<(&str, u32, f64)> = (0_u32..)
        .zip(endpoints.iter().zip(weights::normalized(endpoints)))
        .map(|(owner, (endpoint, weight))| (endpoint.hash_key(), owner, weight))
        .collect();
    keyed.sort_by_key(|entry| entry.0);
    let filler = |(key, owner, weight): (&str, u32, f64)| Filler {
        owner,
        weight,
        target: 0.0,
        slot: (xxh64(key.as_bytes(), 0) % size) as usize,
        // A table of two slots has one step only.
        skip: (xxh64(key.as_bytes(), 1) % (size - 1).max(1) + 1) as usize,
        slots: 0,
    };
    keyed.into_iter().map(filler).collect()
}

/// Gives the endpoints turns until no slot is free; in each round an endpoint has a turn as often as its weight
/// over the greatest weight says.
fn fill(fillers: &mut [Filler], size: usize) -> Vec<u32> {
    let heaviest = fillers.iter().map(|filler| filler.weight).fold(0.0, f64::max);
    let mut table = vec![FREE; size];
    let mut free = size;
    let mut round = 0.0;
    while free > 0 {
        round += 1.0;
        for filler in fillers.iter_mut() {
            if free == 0 {
                break;
            }
            if round * filler.weight < filler.target {
                continue;
            }
            filler.target += heaviest;
            while let Some(slot) = table.get_mut(filler.slot) {
                let taken = *slot != FREE;
                if !taken {
                    *slot = filler.owner;
                }
                filler.slot += filler.skip;
                if filler.slot >= size {
                    filler.slot -= size;
                }
                if !taken {
                    break;
                }
            }
            filler.slots += 1;
            free -= 1;
        }
    }
    table
}

/// The least prime that is not below `number`.
fn next_prime(number: u64) -> u64 {
    (number.max(2)..).find(|number| is_prime(*number)).unwrap_or(MAXIMUM_TABLE_SIZE)
}

fn is_prime(number: u64) -> bool {
    (2..).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
}
