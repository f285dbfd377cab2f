//! The hash functions that Envoy's consistent hashing is made of.
//!
//! Invariant: bit for bit what Envoy 1.40 computes (`source/common/common/hash.{h,cc}`); the golden vectors
//! below hold it. MurmurHash2 is our own 20 lines because the crates that have it drag `rand` into the VM.

use xxhash_rust::xxh64;

/// XXH64 of `bytes`: what requests, Maglev tables and, by default, ring points are hashed with.
#[inline]
pub fn xxh64(bytes: &[u8], seed: u64) -> u64 {
    xxh64::xxh64(bytes, seed)
}

/// XXH64 of several values, each seeded with the hash of those before it: not the hash of their concatenation.
/// The hash of none is 0, the first seed.
pub fn xxh64_chained<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    values.into_iter().fold(0, |seed, value| xxh64(value, seed))
}

/// The seed that libstdc++ gives to `_Hash_bytes`, and so Envoy to `MURMUR_HASH_2`.
const STD_HASH_SEED: u64 = 0xc70f_6907;
const MURMUR_MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;

/// MurmurHash64A (Austin Appleby, public domain) with libstdc++'s seed: Envoy's `MURMUR_HASH_2`.
pub fn murmur_hash_2(bytes: &[u8]) -> u64 {
    let (blocks, tail) = bytes.as_chunks::<8>();
    let mut hash = STD_HASH_SEED ^ (bytes.len() as u64).wrapping_mul(MURMUR_MULTIPLIER);
    for block in blocks {
        let mixed = fold_high(u64::from_le_bytes(*block).wrapping_mul(MURMUR_MULTIPLIER));
        hash = (hash ^ mixed.wrapping_mul(MURMUR_MULTIPLIER)).wrapping_mul(MURMUR_MULTIPLIER);
    }
    if !tail.is_empty() {
        let word = tail.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(MURMUR_MULTIPLIER);
    }
    fold_high(fold_high(hash).wrapping_mul(MURMUR_MULTIPLIER))
}

fn fold_high(word: u64) -> u64 {
    word ^ word >> 47
}

#[cfg(test)]
mod tests {
    use super::{murmur_hash_2, xxh64, xxh64_chained};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn xxh64_gives_envoys_vectors() {
        assert_eq!(xxh64(b"foo", 0), 3728699739546630719);
        assert_eq!(xxh64(b"lyft", 0), 4400747396090729504);
        assert_eq!(xxh64(b"", 0), 17241709254077376921);
    }

    #[test]
    fn several_values_are_chained_not_concatenated() {
        let chained = xxh64_chained([b"foo".as_slice(), b"bar"]);
        assert_eq!(chained, 17745830980996999794);
        assert_ne!(chained, xxh64(b"foobar", 0));
    }

    #[test]
    fn one_value_chained_is_the_plain_hash() {
        assert_eq!(xxh64_chained([b"foo".as_slice()]), xxh64(b"foo", 0));
        assert_eq!(xxh64_chained([]), 0);
    }

    #[test]
    fn murmur_gives_libstdcxx_vectors() {
        assert_eq!(murmur_hash_2(b"foo"), 9631199822919835226);
        assert_eq!(murmur_hash_2(b""), 6142509188972423790);
    }

    /// Every length of tail, and whole blocks: computed by GCC's `std::hash<std::string>`.
    #[test]
    fn murmur_handles_every_tail() {
        let text = b"127.0.0.1:8080_12";
        for (length, expected) in MURMUR_PREFIXES.into_iter().enumerate() {
            assert_eq!(murmur_hash_2(&text[..length]), expected, "length {length}");
        }
    }

    const MURMUR_PREFIXES: [u64; 18] = [
        6142509188972423790,
        10159970873491820195,
        11194622142508650503,
        12122260339216946387,
        14775364924771894791,
        2355215752720788776,
        315084753917789417,
        7621371121209371481,
        7726532481418555570,
        14224256174011989824,
        11752247733578259468,
        17295189452952588318,
        13283929605236901753,
        15550867815891371643,
        12160268355385957920,
        14899510103546943880,
        17065450928281614541,
        13359345509635455857,
    ];
}
