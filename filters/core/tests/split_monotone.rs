//! What moves when the weights of a split change.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use switchyard_core::hash::xxh64;
use switchyard_core::split::Split;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const KEYS: u64 = 100_000;

fn split(targets: &[(&str, u32)]) -> Split {
    Split::new(targets.iter().map(|(name, weight)| ((*name).into(), *weight)).collect())
}

fn choices(split: &Split) -> Vec<usize> {
    (0..KEYS).map(|key| split.choose(xxh64(&key.to_le_bytes(), 0))).collect()
}

/// Percentage of keys that go `from` one target in `before` `to` another in `after`.
fn moved(before: &[usize], after: &[usize], from: usize, to: usize) -> f64 {
    let count = before.iter().zip(after).filter(|pair| *pair == (&from, &to)).count();
    count as f64 * 100.0 / before.len() as f64
}

#[test]
fn ninety_five_to_ninety_moves_five_percent_and_no_other() {
    let before = choices(&split(&[("stable", 95), ("canary", 5)]));
    let after = choices(&split(&[("stable", 90), ("canary", 10)]));
    assert_eq!(moved(&before, &after, 1, 0), 0.0, "nobody leaves the canary");
    assert!((moved(&before, &after, 0, 1) - 5.0).abs() < 0.5, "{}", moved(&before, &after, 0, 1));
    assert!((moved(&before, &before, 1, 1) - 5.0).abs() < 0.3);
}

#[test]
fn a_new_target_takes_keys_and_moves_none_between_the_others() {
    let before = choices(&split(&[("a", 3), ("b", 1)]));
    let after = choices(&split(&[("a", 3), ("b", 1), ("c", 4)]));
    assert_eq!(moved(&before, &after, 0, 1) + moved(&before, &after, 1, 0), 0.0);
    assert!((moved(&after, &after, 2, 2) - 50.0).abs() < 1.0);
}

#[test]
fn order_and_scale_of_the_weights_do_not_matter() {
    let one = choices(&split(&[("a", 3), ("b", 1)]));
    let other = choices(&split(&[("b", 10), ("a", 30)]));
    assert!(one.iter().zip(&other).all(|(one, other)| *one == 1 - *other));
}

#[test]
fn weight_zero_gets_nothing() {
    assert!(choices(&split(&[("a", 0), ("b", 1)])).into_iter().all(|target| target == 1));
    assert_eq!(split(&[("a", 0)]).choose(1), 0);
    assert_eq!(split(&[]).choose(1), 0);
}

#[test]
fn the_least_hash_is_the_greatest_cost_and_no_more_than_that() {
    // With this key the hash of `a` is 0, and that of `b` is not.
    let key = 0xf8f7_081b_1c66_e73b;
    assert_eq!(xxh64(&xxh64(b"a", 0).to_le_bytes(), key), 0);
    for (weight, chosen) in [(1, 0), (u32::MAX, 1)] {
        assert_eq!(split(&[("b", 1), ("a", weight)]).choose(key), chosen, "a weight of {weight}");
    }
}
