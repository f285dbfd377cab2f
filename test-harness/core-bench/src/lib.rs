//! core-bench.wasm: ring and Maglev tables built and looked up inside V8, timed from outside by `bench.mjs`.
//!
//! It imports nothing: the clock is the driver's. Every function returns a number made from the work done, so
//! that no work can be optimised away.

#![allow(unsafe_code, reason = "exporting a function to a wasm host needs an unmangled name")]

use core::cell::RefCell;
use core::num::NonZeroU32;
use switchyard_core::balance::{Candidates, HashFunction, Maglev, RingHash};
use switchyard_core::{Endpoint, Endpoints};

/// As many points as a Maglev table has slots, so that the two compare.
const RING: u64 = 65_536;

thread_local! {
    static TABLES: RefCell<Option<(RingHash, Maglev)>> = const { RefCell::new(None) };
}

fn endpoints(hosts: u32) -> Endpoints {
    let endpoint = |host: u32| {
        let address = format!("10.{}.{}.{}:8080", host >> 16, (host >> 8) & 255, host & 255);
        Endpoint::new(address, NonZeroU32::MIN)
    };
    Endpoints::new((0..hosts).map(endpoint).collect())
}

/// Builds a Maglev table of 65,537 slots for `hosts` hosts; returns the first choice of one key.
#[unsafe(no_mangle)]
pub extern "C" fn maglev_build(hosts: u32) -> u32 {
    first(|candidates| Maglev::new(&endpoints(hosts), 65_537).choose(42, |_| true, candidates))
}

/// Builds a ring of at least 65,536 points for `hosts` hosts; returns the first choice of one key.
#[unsafe(no_mangle)]
pub extern "C" fn ring_build(hosts: u32) -> u32 {
    let ring = RingHash::new(&endpoints(hosts), HashFunction::XxHash, RING, 8_388_608);
    first(|candidates| ring.choose(42, |_| true, candidates))
}

/// Builds both tables for the look-ups that follow.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(hosts: u32) {
    let endpoints = endpoints(hosts);
    let ring = RingHash::new(&endpoints, HashFunction::XxHash, RING, 8_388_608);
    TABLES.with(|tables| tables.replace(Some((ring, Maglev::new(&endpoints, 65_537)))));
}

/// Looks up `count` keys in the ring, one candidate each.
#[unsafe(no_mangle)]
pub extern "C" fn ring_lookup(count: u32) -> u32 {
    lookups(count, |(ring, _), key, candidates| ring.choose(key, |_| true, candidates))
}

/// Looks up `count` keys in the Maglev table, one candidate each.
#[unsafe(no_mangle)]
pub extern "C" fn maglev_lookup(count: u32) -> u32 {
    lookups(count, |(_, maglev), key, candidates| maglev.choose(key, |_| true, candidates))
}

fn lookups(count: u32, choose: impl Fn(&(RingHash, Maglev), u64, &mut Candidates)) -> u32 {
    TABLES.with_borrow(|tables| {
        let Some(tables) = tables else { return 0 };
        let mut candidates = Candidates::new(1);
        let mut sum = 0u32;
        for number in 0..u64::from(count) {
            candidates.clear();
            // Fibonacci hashing spreads consecutive numbers over the whole range.
            choose(tables, number.wrapping_mul(0x9e37_79b9_7f4a_7c15), &mut candidates);
            sum = sum.wrapping_add(index(&candidates));
        }
        sum
    })
}

fn first(choose: impl FnOnce(&mut Candidates)) -> u32 {
    let mut candidates = Candidates::new(1);
    choose(&mut candidates);
    index(&candidates)
}

fn index(candidates: &Candidates) -> u32 {
    candidates.first().and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX)
}
