//! Requests whose worker that gathered them is no more.

use crate::batch_gather::guests::dies;
use crate::batch_gather::proxy::{busy, settings};
use crate::batch_gather::world::{Done, Proxy, ms, post, resumed};
use switchyard_core::batch::Settings;
use switchyard_core::batch::gather::{Arrival, End, Event};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_crowd_whose_worker_has_died_goes_a_few_at_a_time() {
    let mut proxy = busy(&Settings { max_in_flight: 2, ..settings() });
    for stream in 2..=9 {
        assert_eq!(proxy.arrives(1, stream, post(), &stream.to_string()), Arrival::Waits);
    }
    assert_eq!(proxy.talk(), []);
    dies(&mut proxy, 0);
    assert_eq!(proxy.lives_for(ms(1_500)), resumed([2, 3]), "two at a time");
    proxy.leaves(1, 2);
    assert!(proxy.workers[1].has_work());
    assert_eq!(proxy.acts(1), resumed([4]), "when the answer to one begins, or it ends, the next goes");
    proxy.leaves(1, 5);
    proxy.leaves(1, 3);
    proxy.leaves(1, 4);
    assert_eq!(proxy.acts(1), resumed([6, 7]), "one that has left takes no place");
    let late: Vec<_> = proxy.lives_for(ms(14_000));
    assert!(matches!(late[..], [Done::Replied(8, 504, _), Done::Replied(9, 504, _)]), "{late:?}");
    proxy.passes(ms(100));
    [6, 7].into_iter().for_each(|stream| proxy.leaves(1, stream));
    proxy.is_quiet();
}

/// Only the second worker's time passes: it hears nothing, and the others stand still.
fn hears_nothing_for_a_while(proxy: &mut Proxy) -> Vec<Done> {
    for _ in 0..12 {
        proxy.outside.now = proxy.outside.now.plus(ms(100));
        proxy.outside.worker = 1;
        proxy.workers[1].tick(&mut proxy.outside);
    }
    proxy.done()
}

#[test]
fn one_that_its_worker_lets_go_after_all_goes_once_and_takes_nobodys_place() {
    let mut proxy = busy(&Settings { max_in_flight: 1, ..settings() });
    for stream in 2..=3 {
        assert_eq!(proxy.arrives(1, stream, post(), &stream.to_string()), Arrival::Waits);
    }
    assert_eq!(hears_nothing_for_a_while(&mut proxy), resumed([2]), "one at a time");
    proxy.returns(1);
    assert_eq!(proxy.talk(), resumed([3]), "the worker was only late, and takes it for the only one");
    assert!(proxy.workers[1].is_alone(3));
    proxy.workers[1].begins(&mut proxy.outside, 3, true);
    proxy.leaves(1, 2);
    assert_eq!(proxy.acts(1), [], "it is under way, and nobody's turn is left");
    proxy.workers[1].returned(&mut proxy.outside, 3, true);
    assert_eq!(proxy.talk(), []);
    proxy.is_quiet();
    assert_eq!(proxy.count(Event::Ended(End::Alone)), 4, "by whom each was let go");
}

#[test]
fn an_orphan_that_is_said_to_have_returned_gives_its_place_to_the_next() {
    let mut proxy = busy(&Settings { max_in_flight: 1, ..settings() });
    for stream in 2..=3 {
        assert_eq!(proxy.arrives(1, stream, post(), &stream.to_string()), Arrival::Waits);
    }
    assert_eq!(proxy.talk(), []);
    dies(&mut proxy, 0);
    assert_eq!(proxy.lives_for(ms(1_500)), resumed([2]));
    proxy.workers[1].returned(&mut proxy.outside, 2, true);
    assert_eq!(proxy.acts(1), resumed([3]));
    [2, 3].into_iter().for_each(|stream| proxy.leaves(1, stream));
    proxy.is_quiet();
}
