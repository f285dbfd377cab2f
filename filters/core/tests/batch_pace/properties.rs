//! The same of batches that nobody thought of.

use super::pace;
use core::time::Duration;
use proptest::prelude::*;
use switchyard_core::Timestamp;
use switchyard_core::batch::Estimator;

fn sizes() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1..100_u32, 1 => Just(0), 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

fn times() -> impl Strategy<Value = Duration> {
    prop_oneof![
        8 => (0..200_000_u64).prop_map(Duration::from_micros),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
        1 => any::<u64>().prop_map(Duration::from_nanos),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn whatever_batches_took_limits_and_estimates_are_sane(
        batches in prop::collection::vec((sizes(), times()), 0..60),
        estimator in prop::sample::select(&[Estimator::LeastSquares, Estimator::Aimd][..]),
        max_items in 0..1000_u32,
        waited in times(),
        items in sizes(),
    ) {
        let mut pace = pace(estimator, max_items);
        for (of, took) in &batches {
            pace.observe(*of, *took);
            let left = Timestamp::from_nanos(u64::from(*of).wrapping_mul(0x9e37_79b9));
            pace.landed(*of, left, left.plus(*took));
            let limit = pace.limit(waited);
            prop_assert!(limit >= 1 && limit <= max_items.max(1));
            prop_assert!(limit >= pace.limit(Duration::ZERO), "who has waited gets no smaller one");
            if let Some((one, more)) = pace.estimate(items).zip(pace.estimate(items.saturating_add(1))) {
                prop_assert!(one <= more, "more items take no less");
            }
            if let Some(model) = pace.model() {
                prop_assert!(model.fixed <= pace.estimate(1).unwrap_or_default());
            }
        }
    }

    #[test]
    fn a_line_is_found_wherever_it_is(
        fixed in 0..100_000_u64,
        per_item in 0..2_000_u64,
        sizes in prop::collection::vec(1..200_u32, 70..120),
        before in prop::collection::vec((1..200_u32, (0..200_000_u64).prop_map(Duration::from_micros)), 0..40),
    ) {
        let mut pace = pace(Estimator::LeastSquares, 1000);
        before.iter().for_each(|(items, took)| pace.observe(*items, *took));
        let cost = |items: u32| Duration::from_micros(fixed + per_item * u64::from(items));
        sizes.iter().cycle().take(400).for_each(|items| pace.observe(*items, cost(*items)));
        for items in [1, 100, 200] {
            let estimate = pace.estimate(items).expect("a time");
            prop_assert!(estimate.abs_diff(cost(items)) <= cost(items) / 50 + Duration::from_micros(500), "{items}: {estimate:?} {:?}", cost(items));
        }
    }
}
