//! Sources that fail, are slow, tell nobody or garbage, for hours.

use super::world::{MOODS, Mood, World};
use super::{SECOND, START};
use switchyard_core::discovery::{Source, State};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn whatever_a_source_does_its_last_good_list_is_in_force_and_it_is_read_again_when_it_is_well() {
    for seed in 0..40 {
        let mut world = World::new(seed, |source| source);
        for _ in 0..40 {
            world.mood = MOODS[world.rng.usize(..MOODS.len())];
            world.truth = (1..=world.rng.u32(1..9)).collect();
            let until = world.now.plus(SECOND * world.rng.u32(1..400));
            world.run(until, |world| {
                if world.rng.u8(..) < 8 {
                    world.poller.hint();
                }
            });
        }
        world.mood = Mood::Answers;
        world.truth = vec![7, 8, 9];
        let until = world.now.plus(75 * SECOND);
        world.run(until, |_| ());
        assert_eq!((world.members(), world.state()), (vec![7, 8, 9], State::Current), "seed {seed}");
    }
}

#[test]
fn a_source_that_is_well_is_asked_once_in_an_interval() {
    let mut world = World::new(1, |source| source);
    world.run(START.plus(1000 * SECOND), |_| ());
    assert!((180..=225).contains(&world.asks), "{}", world.asks);
}

#[test]
fn a_source_that_fails_is_asked_about_once_a_minute() {
    for mood in MOODS.into_iter().filter(|mood| *mood != Mood::Answers) {
        let mut world = World::new(2, |source| source);
        world.run(START.plus(60 * SECOND), |_| ());
        (world.mood, world.asks) = (mood, 0);
        world.run(START.plus(3660 * SECOND), |world| world.poller.hint());
        assert!((50..=80).contains(&world.asks), "{mood:?}: {}", world.asks);
        assert!(matches!(world.state(), State::Stale { .. }));
    }
}

#[test]
fn hints_without_end_make_little_more_than_an_ask_in_an_interval() {
    let mut world = World::new(3, |source| source);
    world.run(START.plus(1000 * SECOND), |world| world.poller.hint());
    assert!(world.asks < 250, "{}", world.asks);
    let mut world = World::new(4, |source| source);
    let mut number = 0;
    world.run(START.plus(100 * SECOND), |world| {
        number = number % 200 + 1;
        world.truth = vec![number];
        world.poller.hint();
    });
    assert!(
        (100..=420).contains(&world.asks),
        "while they are worth it, four in a second at most: {}",
        world.asks
    );
}

#[test]
fn one_that_is_there_a_little_later_than_we_are_is_read_soon() {
    let mut world = World::new(5, |source| Source { interval: 60 * SECOND, ..source });
    world.mood = Mood::Fails;
    world.run(START.plus(2 * SECOND), |_| ());
    assert_eq!(world.state(), State::NeverRead);
    world.mood = Mood::Answers;
    world.run(START.plus(8 * SECOND), |_| ());
    assert_eq!(world.state(), State::Current);
}
