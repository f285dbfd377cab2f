//! The next endpoint: one that was not tried while there is one, and none that is ejected while one is not.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use switchyard_core::EndpointIndex;
use switchyard_core::health::Health;
use switchyard_core::retry::pick;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn pick_of(
    candidates: &[EndpointIndex],
    rotation: &[bool],
    tried: &[EndpointIndex],
) -> Option<EndpointIndex> {
    let health = |index: EndpointIndex| if rotation[index] { Health::Healthy } else { Health::Ejected };
    pick(candidates, rotation.len(), |_| 0, health, tried)
}

#[test]
fn one_that_is_taken_out_by_hand_is_never_tried_though_nobody_else_is_left() {
    use Health::{Ejected, HalfOpen, Healthy, Withdrawn};
    let pick_of = |healths: &[Health], tried: &[EndpointIndex]| {
        pick(&[0], healths.len(), |_| 0, |index| healths[index], tried)
    };
    assert_eq!(pick_of(&[Withdrawn, Healthy], &[1, 1]), Some(1));
    assert_eq!(pick_of(&[Withdrawn, Ejected, HalfOpen], &[1]), Some(2), "when nobody is in rotation");
    assert_eq!(pick_of(&[Withdrawn, Ejected], &[1]), Some(1));
    assert_eq!(pick_of(&[Withdrawn, Withdrawn], &[]), None);
}

#[test]
fn candidates_come_first_in_their_order_then_everybody_else() {
    let rotation = [true; 4];
    let mut tried = Vec::new();
    while let Some(next) = pick_of(&[2, 0], &rotation, &tried).filter(|_| tried.len() < 4) {
        tried.push(next);
    }
    assert_eq!(tried, [2, 0, 1, 3]);
}

#[test]
fn when_all_were_tried_it_is_the_turn_of_the_one_that_was_tried_longest_ago() {
    assert_eq!(pick_of(&[], &[true; 3], &[1, 0, 2]), Some(1));
    assert_eq!(pick_of(&[], &[true; 3], &[1, 0, 2, 1]), Some(0));
    assert_eq!(pick_of(&[1], &[true; 3], &[1, 0, 2, 1]), Some(0), "candidate or not");
}

#[test]
fn one_that_is_out_is_tried_only_if_all_are() {
    assert_eq!(pick_of(&[0], &[false, true], &[]), Some(1));
    assert_eq!(
        pick_of(&[0], &[false, true], &[1]),
        Some(1),
        "the same again rather than one that is ejected"
    );
    assert_eq!(pick_of(&[1], &[false, false], &[]), Some(1));
    assert_eq!(pick_of(&[1], &[false, false], &[1]), Some(0));
}

#[test]
fn without_endpoints_there_is_none_whatever_the_candidates() {
    assert_eq!(pick_of(&[], &[], &[]), None);
    assert_eq!(pick_of(&[0, 7], &[], &[0]), None);
    assert_eq!(pick_of(&[7, 1], &[true; 2], &[]), Some(1), "one that is gone is no candidate");
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Endpoints that are in rotation, candidates and tried ones, some of which there are none of.
    fn cases() -> impl Strategy<Value = (Vec<bool>, Vec<EndpointIndex>, Vec<EndpointIndex>)> {
        let rotation = prop_oneof![
            3 => prop::collection::vec(any::<bool>(), 0..8),
            1 => (0..8_usize).prop_map(|endpoints| vec![false; endpoints]),
        ];
        let lists = prop::collection::vec(0..10_usize, 0..12);
        (rotation, lists.clone(), lists)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn there_is_one_if_there_are_any((rotation, candidates, tried) in cases()) {
            let picked = pick_of(&candidates, &rotation, &tried);
            prop_assert_eq!(picked.is_none(), rotation.is_empty());
            prop_assert!(picked.is_none_or(|index| index < rotation.len()));
        }

        #[test]
        fn one_that_is_out_is_never_tried_while_another_is_in((rotation, candidates, tried) in cases()) {
            if let Some(picked) = pick_of(&candidates, &rotation, &tried) {
                prop_assert!(rotation[picked] || rotation.iter().all(|is_in| !is_in));
            }
        }

        #[test]
        fn none_is_tried_again_while_another_is_left((rotation, candidates, tried) in cases()) {
            let panic = rotation.iter().all(|is_in| !is_in);
            let left = (0..rotation.len()).filter(|index| (panic || rotation[*index]) && !tried.contains(index));
            let left: Vec<_> = left.collect();
            if let Some(picked) = pick_of(&candidates, &rotation, &tried) {
                prop_assert_eq!(left.contains(&picked), !left.is_empty());
            }
        }

        #[test]
        fn the_first_candidate_that_is_left_is_taken((rotation, candidates, tried) in cases()) {
            let is_left = |index: &&EndpointIndex| rotation.get(**index) == Some(&true) && !tried.contains(index);
            if let Some(first) = candidates.iter().find(is_left) {
                prop_assert_eq!(pick_of(&candidates, &rotation, &tried), Some(*first));
            }
        }

        #[test]
        fn none_of_those_that_may_be_tried_again_has_waited_longer((rotation, candidates, tried) in cases()) {
            let panic = rotation.iter().all(|is_in| !is_in);
            let usable: Vec<_> = (0..rotation.len()).filter(|index| panic || rotation[*index]).collect();
            let turn = |index| tried.iter().rposition(|one| *one == index);
            if usable.iter().all(|index| tried.contains(index)) && !usable.is_empty() {
                let picked = pick_of(&candidates, &rotation, &tried).and_then(turn);
                prop_assert_eq!(picked, usable.iter().copied().filter_map(turn).min());
            }
        }

        #[test]
        fn many_attempts_visit_all_that_are_in_before_any_is_visited_again(
            (rotation, candidates, _) in cases(), attempts in 1..20_usize,
        ) {
            let usable = match rotation.iter().filter(|is_in| **is_in).count() {
                0 => rotation.len(),
                some => some,
            };
            let mut tried = Vec::new();
            for _ in 0..attempts {
                tried.extend(pick_of(&candidates, &rotation, &tried));
            }
            for round in tried.chunks(usable.max(1)) {
                let mut distinct = round.to_vec();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), round.len(), "{:?}", tried);
            }
        }
    }
}

#[test]
fn behind_the_candidates_a_lower_priority_comes_when_none_of_a_higher_is_left() {
    let priorities = [1, 0, 2, 0];
    let mut tried = Vec::new();
    let mut next = |rotation: [bool; 4]| {
        let health = |index: EndpointIndex| if rotation[index] { Health::Healthy } else { Health::Ejected };
        let next = pick(&[2], 4, |index| priorities[index], health, &tried);
        tried.extend(next);
        next
    };
    let all = [true; 4];
    assert_eq!([next(all), next(all), next(all)], [Some(2), Some(1), Some(3)], "who was named comes first");
    assert_eq!(next([false, true, true, true]), Some(2), "nobody is left in rotation: the oldest turn");
    assert_eq!(next(all), Some(0));
}
