//! Rings and Maglev tables against slow models of them.
//!
//! Invariants: a ring has the points that libketama's way gives each endpoint, in order, and a key's candidates are met by going round it; a
//! Maglev table is what each endpoint's permutation makes of it. Source: Karger et al. 1997; Eisenbud et al., NSDI 2016, section 3.4.

use crate::draw::Draw;
use core::num::NonZeroU32;
use switchyard_core::balance::{Candidates, ConsistentHash, HashFunction, Maglev, RingHash};
use switchyard_core::hash::{murmur_hash_2, xxh64};
use switchyard_core::{Endpoint, Endpoints};

/// A ring and a table of the same endpoints.
pub fn ring_and_maglev(bytes: &[u8]) {
    let mut draw = Draw::of(bytes);
    let count = draw.below(8);
    let endpoints: Vec<_> = (0..count)
        .map(|number| {
            let weight = NonZeroU32::new(draw.byte().into()).unwrap_or(NonZeroU32::MAX);
            let hash_key = draw.one_in(4).then(|| draw.word(&["a", "b", "_", "0"], 2).into());
            Endpoint { hash_key, ..Endpoint::new(format!("10.0.0.{number}:80"), weight) }
        })
        .collect();
    let endpoints = Endpoints::new(endpoints);
    let admitted: u8 = draw.byte();
    let murmur = draw.one_in(2);
    let size = draw.byte();
    let keys = [draw.any(), u64::MAX, 0];
    ring(&endpoints, murmur, size, admitted, &keys);
    maglev(&endpoints, u64::from(size), admitted, &keys);
}

fn ring(endpoints: &Endpoints, murmur: bool, size: u8, admitted: u8, keys: &[u64]) {
    let function = if murmur { HashFunction::MurmurHash2 } else { HashFunction::XxHash };
    let hash = |key: &str| if murmur { murmur_hash_2(key.as_bytes()) } else { xxh64(key.as_bytes(), 0) };
    let points = u32::from(size % 4);
    let (minimum, maximum) = (u64::from(size), u64::from(size) * 2 + 1);
    let total: u64 = endpoints.iter().map(|endpoint| u64::from(endpoint.weight.get())).sum();
    let rings = [
        (total < 2_000).then(|| RingHash::per_endpoint(endpoints, function, points)),
        Some(RingHash::new(endpoints, function, minimum, maximum)),
    ];
    for (ring, is_per_endpoint) in rings.into_iter().zip([true, false]) {
        let Some(ring) = ring else { continue };
        let mut expected = Vec::new();
        for (owner, endpoint) in endpoints.iter().enumerate() {
            let own = ring.points().filter(|(_, of)| *of == owner).count();
            assert!(!is_per_endpoint || own == (points * endpoint.weight.get()) as usize);
            expected
                .extend((0..own).map(|number| (hash(&format!("{}_{number}", endpoint.hash_key())), owner)));
        }
        // Of equal hashes the endpoint that comes first.
        expected.sort();
        assert_eq!(ring.points().collect::<Vec<_>>(), expected);
        // Weights are sums of rounded parts, and may come out at a hair more than the whole: then there is a point more, as in Envoy.
        assert!(is_per_endpoint || ring.len() as u64 <= maximum.max(1) + 1);
        let on_points = expected.first().into_iter().chain(expected.last()).map(|(hash, _)| *hash);
        for key in keys.iter().copied().chain(on_points) {
            let start = expected.partition_point(|(hash, _)| *hash < key);
            let owners = expected[start..].iter().chain(&expected[..start]).map(|(_, owner)| *owner);
            is_walked(&ring, key, admitted, owners.collect());
        }
    }
}

/// The candidates of a key are the owners on the way, each once, if they are admitted.
fn is_walked(table: &impl ConsistentHash, key: u64, admitted: u8, owners: Vec<usize>) {
    let admits = |owner: usize| admitted & 1 << owner != 0;
    for limit in [1, 3, 8] {
        let mut expected = Vec::new();
        for owner in owners.iter().copied().filter(|owner| admits(*owner)) {
            if !expected.contains(&owner) && expected.len() < limit {
                expected.push(owner);
            }
        }
        let mut candidates = Candidates::new(limit);
        table.candidates(key, admits, &mut candidates);
        assert_eq!(candidates.iter().collect::<Vec<_>>(), expected);
    }
}

fn maglev(endpoints: &Endpoints, size: u64, admitted: u8, keys: &[u64]) {
    let table = Maglev::new(endpoints, size);
    let slots: Vec<_> = table.slots().collect();
    assert_eq!(slots, filled(endpoints, slots.len()));
    for key in keys.iter().copied().filter(|_| !slots.is_empty()) {
        let slot = |hash: u64| (hash % slots.len() as u64) as usize;
        let tried = (0..=16_u64).map(|attempt| slots[slot(key ^ 0_u64.wrapping_sub(attempt))]);
        let start = slot(key);
        let round = slots[start..].iter().chain(&slots[..start]).copied();
        is_walked(&table, key, admitted, tried.chain(round).collect());
    }
}

/// The table as the paper fills it, by permutations written out; the heaviest takes a turn in each round, others when theirs has come.
fn filled(endpoints: &Endpoints, size: usize) -> Vec<usize> {
    let all: Vec<_> = endpoints.iter().enumerate().collect();
    if all.is_empty() {
        return Vec::new();
    }
    assert!(
        (2..size)
            .take_while(|divisor| divisor * divisor <= size)
            .all(|divisor| !size.is_multiple_of(divisor))
    );
    let mut turns = all.clone();
    turns.sort_by_key(|(_, endpoint)| endpoint.hash_key().to_owned());
    let total: u64 = all.iter().map(|(_, endpoint)| u64::from(endpoint.weight.get())).sum();
    let weight = |endpoint: &Endpoint| f64::from(endpoint.weight.get()) / total as f64;
    let heaviest = all.iter().map(|(_, endpoint)| weight(endpoint)).fold(0.0, f64::max);
    let mut table = vec![None; size];
    let (mut next, mut target, mut free) = (vec![0_u64; all.len()], vec![0.0; all.len()], size);
    let modulus = size as u64;
    for round in 1.. {
        for (owner, endpoint) in &turns {
            if free == 0 {
                return table.into_iter().flatten().collect();
            }
            if f64::from(round) * weight(endpoint) < target[*owner] {
                continue;
            }
            target[*owner] += heaviest;
            let key = endpoint.hash_key().as_bytes();
            let offset = xxh64(key, 0) % modulus;
            let skip = xxh64(key, 1) % (modulus - 1).max(1) + 1;
            let place =
                (next[*owner]..).find(|step| table[((offset + skip * step) % modulus) as usize].is_none());
            let step = place.expect("a slot is free");
            table[((offset + skip * step) % modulus) as usize] = Some(*owner);
            (next[*owner], free) = (step + 1, free - 1);
        }
    }
    unreachable!("rounds end when the table is full")
}
