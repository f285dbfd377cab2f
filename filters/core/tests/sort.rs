//! Sorting does what the library's stable sort does.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;
use switchyard_core::sort::{sort, sort_by};

proptest! {
    #[test]
    fn it_sorts_as_the_librarys_stable_sort_does(items in prop::collection::vec((0..20_u8, any::<u16>()), 0..200)) {
        let (mut expected, mut by_key, mut whole) = (items.clone(), items.clone(), items);
        expected.sort_by_key(|item| item.0);
        sort_by(&mut by_key, |one, other| one.0.cmp(&other.0));
        prop_assert_eq!(&by_key, &expected);
        expected.sort_unstable();
        sort(&mut whole);
        prop_assert_eq!(whole, expected);
    }
}
