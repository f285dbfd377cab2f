//! Messages: late ones, strange ones, and ones for somebody else.

use crate::coalesce_flights::proxy::{KEY, Proxy, collapsed, get, head, resumed};
use core::time::Duration;
use switchyard_core::coalesce::{Address, Arrival, Begun, Flights, Settings};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn who_asked_before_the_answer_was_whole_gets_it_if_the_message_comes_soon_after() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1, 2]);
    proxy.follow(1, 3);
    proxy.answer_whole(0, 1, "one");
    proxy.passes(50);
    proxy.talk();
    assert_eq!(proxy.acts(1), collapsed([3], "one"));
}

#[test]
fn an_answer_is_kept_for_such_messages_for_a_tenth_of_a_second() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1, 2]);
    proxy.follow(1, 3);
    proxy.answer_whole(0, 1, "one");
    proxy.ticks(0, 100);
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([3]), "it leads");
    [1, 2].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.ends(1, 3);
    proxy.is_quiet();
    assert_eq!(proxy.workers[0].tick_period(), Duration::ZERO);
}

#[test]
fn who_asks_after_the_answer_was_whole_asks_the_upstream() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1, 2]);
    proxy.follow(1, 3);
    // Its first message is lost; the one that asks again is later than the answer.
    proxy.outside.queues[0].clear();
    proxy.answer_whole(0, 1, "one");
    proxy.acts(0);
    assert_eq!(proxy.ticks(1, 260), []);
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([3]));
}

#[test]
fn a_follower_whose_message_comes_after_the_head_that_nobody_waited_for_leads() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    assert_eq!(proxy.begins(0, 1, 200, &head()), Begun::Passes);
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([2]));
}

#[test]
fn a_message_for_an_earlier_life_of_a_worker_changes_nothing() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.talk();
    proxy.answer_whole(0, 1, "one");
    // The worker begins anew, with the same queue and the same numbers for its streams.
    proxy.workers[1] = Flights::default();
    proxy.workers[1].reachable_at(Address { queue: 1, epoch: 7 });
    assert_eq!(proxy.arrives(1, 2), Arrival::Leads);
    proxy.talk();
    assert_eq!(proxy.acts(1), []);
}

#[test]
fn a_worker_that_nobody_can_reach_hears_nothing() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.workers[0] = Flights::default();
    proxy.talk();
    assert_eq!(proxy.acts(0), []);
    assert_eq!(proxy.workers[0].streams(), 0);
}

#[test]
fn the_same_message_twice_is_as_good_as_once() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    let join = proxy.outside.queues[0][0].clone();
    proxy.outside.queues[0].push_back(join);
    proxy.talk();
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.outside.queues[1].len(), 1);
    let answer = proxy.outside.queues[1][0].clone();
    proxy.outside.queues[1].push_back(answer);
    proxy.talk();
    assert_eq!(proxy.acts(1), collapsed([2], "one"));
    proxy.ends(0, 1);
    proxy.ends(1, 2);
    proxy.is_quiet();
}

#[test]
fn what_a_worker_says_that_does_not_lead_counts_for_nothing() {
    let mut proxy = Proxy::of(3);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.talk();
    proxy.answer_whole(0, 1, "one");
    let mut answer = proxy.outside.queues[1].pop_front().expect("it was sent");
    // The sender's queue comes after version and receiver.
    answer[9] = 2;
    proxy.workers[1].message(&mut proxy.outside, &answer);
    assert_eq!((proxy.acts(1), proxy.workers[1].waiting()), (vec![], 1));
}

#[test]
fn messages_that_are_cut_short_change_nothing() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.talk();
    proxy.answer_whole(0, 1, "one");
    let answer = proxy.outside.queues[1].pop_front().expect("it was sent");
    for end in 0..answer.len() {
        proxy.workers[1].message(&mut proxy.outside, &answer[..end]);
        assert_eq!((proxy.acts(1), proxy.workers[1].waiting()), (vec![], 1), "{end} bytes");
    }
    proxy.workers[1].message(&mut proxy.outside, &answer);
    assert_eq!(proxy.acts(1), collapsed([2], "one"));
}

#[test]
fn before_an_answer_has_begun_nothing_is_said_of_what_it_varies_by() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.hears(0);
    assert_eq!(proxy.outside.queues[1].len(), 1, "it is under way, and no more");
}

#[test]
fn what_an_answer_varies_by_is_known_still_when_its_leader_says_again_that_it_flies() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.talk();
    assert_eq!(proxy.begins(0, 1, 200, &head().with("vary", "user-agent")), Begun::Captured);
    proxy.talk();
    proxy.ticks(1, 260);
    proxy.hears(0);
    proxy.hears(1);
    assert_eq!(proxy.asks(1, 3, KEY, get().with("user-agent", "x")), Arrival::Waits);
    assert_eq!(proxy.acts(1), resumed([3]));
}

#[test]
fn a_flight_elsewhere_that_nobody_waits_for_any_more_is_forgotten_with_the_next_tick() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    assert_eq!(proxy.asks(1, 2, KEY, get().with("user-agent", "x")), Arrival::Waits);
    proxy.talk();
    assert_eq!(proxy.begins(0, 1, 200, &head().with("vary", "user-agent")), Begun::Captured);
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([2]), "it would not fit");
    assert_eq!(proxy.ticks(1, 10), []);
    assert!(proxy.workers[1].is_empty());
}

#[test]
fn a_flight_that_was_led_more_often_than_it_may_be_is_led_by_nobody_else() {
    for (elections, go_on) in [(3, vec![2]), (4, vec![2, 3])] {
        let mut proxy = Proxy::of(2);
        proxy.burst(0, [1]);
        proxy.follow(1, 2);
        proxy.follow(1, 3);
        // Version, receiver, sender and flight, as in what was said of it, the other way round.
        let mut gone = proxy.outside.queues[0].pop_front().expect("it was asked for")[..37].to_vec();
        gone[1..9].copy_from_slice(&101_u64.to_le_bytes());
        gone[9..13].copy_from_slice(&0_u32.to_le_bytes());
        gone[13..21].copy_from_slice(&100_u64.to_le_bytes());
        gone.push(2);
        gone.extend(u32::to_le_bytes(elections));
        proxy.workers[1].message(&mut proxy.outside, &gone);
        assert_eq!(proxy.acts(1), resumed(go_on), "{elections} of three");
    }
}

#[test]
fn all_say_how_long_they_have_waited_again_and_again() {
    let mut proxy = Proxy::with(2, &Settings { max_wait: Duration::from_secs(60), ..Settings::default() });
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.talk();
    proxy.follow(0, 3);
    proxy.ends(1, 2);
    proxy.follow(1, 4);
    proxy.ticks(1, 250);
    proxy.talk();
    proxy.ends(0, 1);
    assert_eq!(proxy.acts(0), resumed([3]), "the oldest elsewhere has left");
    proxy.answer_whole(0, 3, "three");
    proxy.talk();
    assert_eq!(proxy.acts(1), collapsed([4], "three"));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::{Proxy, resumed};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_break_a_worker_and_its_flights_go_on(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20),
            change in (0_usize..60, any::<u8>()),
        ) {
            let mut proxy = Proxy::of(2);
            proxy.burst(0, [1, 2]);
            proxy.follow(1, 3);
            for message in &messages {
                proxy.workers[0].message(&mut proxy.outside, message);
            }
            // What was said, with one byte that nobody said.
            if let Some(message) = proxy.outside.queues[0].front_mut() {
                let at = change.0 % message.len();
                message[at] = change.1;
            }
            proxy.hears(0);
            proxy.outside.queues.iter_mut().for_each(std::collections::VecDeque::clear);
            proxy.workers[0].ended(&mut proxy.outside, 2);
            proxy.follow(0, 4);
            proxy.ends(0, 1);
            let done = proxy.acts(0);
            prop_assert!(done == resumed([4]) || done.is_empty() && proxy.workers[0].waiting() == 1);
        }
    }
}
