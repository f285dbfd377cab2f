//! What is under way and does not move holds nobody up for long, whatever its client does.

use crate::batch_gather::world::{Proxy, ms, post, replied, resumed, with};
use switchyard_core::batch::gather::{Arrival, Event, StreamId};
use switchyard_core::batch::{Leaves, Scope, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Batches leave when something returns, or after 20 ms; one at a time.
fn one_at_a_time() -> Settings {
    with(|settings| settings.max_in_flight = 1)
}

impl Proxy {
    /// The answer to a lone request begins.
    fn begins(&mut self, at: usize, stream: StreamId) {
        self.workers[at].begins(&mut self.outside, stream, false);
    }
}

#[test]
fn who_reads_slowly_holds_nobody_up_for_longer_than_max_delay() {
    let mut proxy = Proxy::busy(&one_at_a_time(), [2, 3]);
    proxy.begins(0, 1);
    assert_eq!(proxy.passes(ms(19)), []);
    assert!(proxy.calls().is_empty());
    assert_eq!(proxy.passes(ms(1)), []);
    assert_eq!(proxy.calls(), ["[2,3]"], "its answer is not whole");
    assert_eq!(proxy.count(Event::Stalled), 1);
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(3, "3")]);
    assert_eq!(proxy.returns(1), []);
    proxy.is_quiet();
}

#[test]
fn nor_do_many_one_after_the_other() {
    let mut proxy = Proxy::of(&one_at_a_time());
    for reader in 0..50 {
        let (slow, victim) = (reader * 2 + 1, reader * 2 + 2);
        assert_eq!(proxy.asks(slow, "1"), Arrival::Alone, "{reader}");
        assert_eq!(proxy.asks(victim, "2"), Arrival::Waits);
        proxy.begins(0, slow);
        assert_eq!(proxy.passes(ms(20)), resumed([victim]));
        proxy.returns(victim);
    }
    assert_eq!(proxy.policies[0].requests(), 0, "nor do they take places");
    (0..50).for_each(|reader| proxy.leaves(0, reader * 2 + 1));
    proxy.is_quiet();
}

#[test]
fn a_slow_reader_that_nobody_waits_for_is_looked_at_when_somebody_comes() {
    let mut proxy = Proxy::busy(&one_at_a_time(), []);
    proxy.begins(0, 1);
    proxy.passes(ms(500));
    assert_eq!(proxy.asks(2, "2"), Arrival::Waits, "it may be whole in a moment");
    assert_eq!(proxy.passes(ms(20)), resumed([2]));
    assert_eq!(proxy.asks(3, "3"), Arrival::Waits, "one that was let go counts");
    assert_eq!(proxy.returns(2), resumed([3]));
}

#[test]
fn an_answer_that_is_whole_soon_after_it_begins_lets_the_others_go_at_once() {
    let mut proxy = Proxy::busy(&one_at_a_time(), [2, 3]);
    proxy.begins(0, 1);
    proxy.passes(ms(5));
    proxy.returns(1);
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert_eq!(proxy.count(Event::Stalled), 0);
}

#[test]
fn what_an_upstream_leaves_without_an_answer_holds_others_up_for_stall_timeout() {
    let mut proxy = Proxy::busy(&one_at_a_time(), [2, 3]);
    assert_eq!(proxy.passes(ms(999)), []);
    assert!(proxy.calls().is_empty());
    proxy.passes(ms(1));
    assert_eq!(proxy.calls(), ["[2,3]"]);
    assert_eq!(proxy.asks(4, "4"), Arrival::Waits, "a batch counts, too");
    proxy.passes(ms(999));
    assert_eq!(proxy.done(), []);
    assert_eq!(proxy.passes(ms(1)), resumed([4]));
    assert_eq!(proxy.count(Event::Stalled), 2);
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(3, "3")], "late, and theirs all the same");
    proxy.returns(4);
    proxy.returns(1);
    proxy.is_quiet();
}

#[test]
fn of_a_crowd_whose_upstream_answers_nobody_no_more_leave_at_a_time_than_may() {
    let settings = with(|settings| {
        (settings.max_in_flight, settings.max_items) = (2, 10);
        settings.deadline.timeout = ms(60_000);
    });
    let mut proxy = Proxy::busy(&settings, 2..=201);
    let mut before = proxy.calls().len();
    for second in 0..8 {
        for _ in 0..10 {
            proxy.passes(ms(100));
            proxy.acts(0);
        }
        let now = proxy.calls().len();
        assert!(now - before <= 2, "{second}: {before} and then {now}");
        before = now;
    }
    assert!(before >= 14, "and they do leave: {before}");
}

#[test]
fn nobody_waits_in_vain_where_batches_leave_by_time_alone() {
    let settings = with(|settings| {
        (settings.leaves, settings.max_in_flight) = (Leaves::FixedDelay, 1);
    });
    let mut proxy = Proxy::of(&settings);
    assert_eq!(proxy.asks(1, "1"), Arrival::Waits);
    assert_eq!(proxy.passes(ms(20)), resumed([1]));
    assert_eq!(proxy.asks(2, "2"), Arrival::Waits);
    proxy.begins(0, 1);
    assert_eq!(proxy.passes(ms(20)), resumed([2]));
}

#[test]
fn who_reads_slowly_in_another_worker_holds_nobody_up_either() {
    let settings = with(|settings| (settings.scope, settings.max_in_flight) = (Scope::Proxy, 1));
    let mut proxy = Proxy::with(2, &settings);
    assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
    proxy.returns(1);
    assert_eq!(proxy.arrives(1, 2, post(), "2"), Arrival::Waits);
    assert_eq!(proxy.talk(), resumed([2]));
    assert_eq!(proxy.asks(3, "3"), Arrival::Waits);
    proxy.begins(1, 2);
    assert_eq!((proxy.talk(), proxy.policies[1].requests()), (vec![], 0), "nor does it take a place");
    assert_eq!(proxy.passes(ms(20)), resumed([3]));
    proxy.workers[1].returned(&mut proxy.outside, 2, false);
    proxy.talk();
    proxy.returns(3);
    proxy.is_quiet();
}
