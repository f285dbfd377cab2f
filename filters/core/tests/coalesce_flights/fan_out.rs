//! How an answer comes to those who waited for it.

use crate::coalesce_flights::proxy::{Done, KEY, Proxy, collapsed, get, head, resumed};
use core::time::Duration;
use switchyard_core::coalesce::{Arrival, Begun, Event, Exit, NotShared, QUICK_TICK, Served, Settings};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn an_answer_that_there_is_room_for_is_given_out_however_long_no_root_acts() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2]);
    proxy.answer_whole(0, 1, "one");
    for _ in 0..2 {
        proxy.passes(1_000);
        proxy.workers[0].tick(&mut proxy.outside);
    }
    assert_eq!(proxy.acts(0), collapsed([2], "one"));
}

#[test]
fn nobody_is_touched_before_the_root_acts() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2, 3]);
    proxy.answer_whole(0, 1, "one");
    assert!(proxy.outside.done.is_empty() && proxy.workers[0].has_work());
    assert_eq!(proxy.acts(0), collapsed([2, 3], "one"));
    assert_eq!(proxy.acts(0), [], "once");
    [1, 2, 3].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
    assert_eq!(proxy.ticks(0, 200), []);
    assert_eq!(proxy.workers[0].tick_period(), Duration::ZERO);
}

#[test]
fn a_flight_that_nobody_follows_ends_with_the_head_which_nobody_reads() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1]);
    let unread = || -> Option<(u16, PlainRequest)> { panic!("nobody needs it") };
    let begun = proxy.workers[0].answer_begins(&mut proxy.outside, 1, false, unread);
    assert_eq!(begun, Begun::Passes);
    proxy.is_quiet();
    assert_eq!(proxy.arrives(0, 2), Arrival::Leads);
}

#[test]
fn a_follower_that_leaves_before_its_turn_is_not_touched() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2, 3]);
    proxy.answer_whole(0, 1, "one");
    proxy.ends(0, 2);
    assert_eq!(proxy.acts(0), collapsed([3], "one"));
    assert_eq!(proxy.outside.exits, [Exit::Gone, Exit::Answered(Served::Collapsed)]);
}

#[test]
fn a_follower_whose_vary_differs_goes_on_by_itself() {
    let mut proxy = Proxy::of(2);
    proxy.asks(0, 1, KEY, get().with("user-agent", "de"));
    proxy.asks(0, 2, KEY, get().with("user-agent", "de"));
    proxy.asks(0, 3, KEY, get());
    proxy.asks(1, 4, KEY, get().with("user-agent", "en"));
    proxy.talk();
    proxy.begins(0, 1, 200, &head().with("vary", "user-agent"));
    proxy.piece(0, 1, "eins", true);
    let mut done = resumed([3]);
    done.extend(collapsed([2], "eins"));
    assert_eq!(proxy.acts(0), done);
    proxy.talk();
    assert_eq!(proxy.acts(1), resumed([4]), "in another worker, too");
}

#[test]
fn followers_elsewhere_get_one_message_and_their_copies_there() {
    let mut proxy = Proxy::of(2);
    proxy.burst(0, [1]);
    (2..50).for_each(|stream| proxy.follow(1, stream));
    proxy.talk();
    proxy.answer_whole(0, 1, "one");
    assert_eq!(proxy.outside.queues[1].len(), 1);
    proxy.talk();
    assert_eq!(proxy.acts(1), collapsed(2..50, "one"));
}

#[test]
fn one_act_gives_out_so_many_answers() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, 0..=300);
    proxy.answer_whole(0, 0, "");
    let mut acts = Vec::new();
    while proxy.workers[0].has_work() {
        proxy.workers[0].act(&mut proxy.outside);
        acts.push(core::mem::take(&mut proxy.outside.done).len());
    }
    assert_eq!(acts, [128, 128, 44]);
}

/// A tick between the end of the answer and the callback that gives it out, and between two of those.
#[test]
fn whoever_has_waited_longest_for_an_answer_gets_it_when_it_is_there() {
    let settings = Settings { max_elections: 0, release_concurrency: 1, ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, 0..=300);
    let waits = u64::try_from((settings.max_wait + QUICK_TICK).as_millis()).unwrap();
    assert_eq!(proxy.ticks(0, waits), resumed([1]), "one at a time asks by itself");
    proxy.answer_whole(0, 0, "");
    let mut answered = Vec::new();
    while proxy.workers[0].has_work() {
        answered.extend(proxy.ticks(0, 10));
        answered.extend(proxy.acts(0));
    }
    assert_eq!(answered, collapsed(2..=300, ""));
}

#[test]
fn one_act_gives_out_a_mebibyte_and_one_answer_more_at_most() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, 0..=10);
    proxy.answer_whole(0, 0, &"a".repeat(300 << 10));
    proxy.workers[0].act(&mut proxy.outside);
    assert_eq!(proxy.outside.done.len(), 4);
}

#[test]
fn copies_that_are_not_read_hold_up_the_others_until_they_are() {
    let mut proxy = Proxy::with(1, &Settings { max_bytes_held: 2_500, ..Settings::default() });
    proxy.burst(0, 0..=4);
    proxy.answer_whole(0, 0, &"a".repeat(1_000));
    assert_eq!(proxy.acts(0).len(), 1, "a copy, and the answer itself");
    assert_eq!(proxy.policies[0].held(), 2_000);
    assert_eq!(proxy.ticks(0, 100), []);
    proxy.ends(0, 1);
    assert!(proxy.workers[0].has_work());
    assert_eq!(proxy.acts(0).len(), 1);
    proxy.ends(0, 3);
    assert_eq!(proxy.acts(0), [], "somebody else left");
    proxy.ends(0, 2);
    assert_eq!(proxy.acts(0).len(), 1);
    [0, 4].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

#[test]
fn no_answer_is_held_for_a_crowd_that_has_left_while_somebody_reads() {
    let mut proxy = Proxy::with(1, &Settings { max_bytes_held: 2_500, ..Settings::default() });
    proxy.burst(0, 0..=3);
    proxy.answer_whole(0, 0, &"a".repeat(1_000));
    assert_eq!(proxy.acts(0).len(), 1, "a copy, and the answer itself");
    [2, 3].into_iter().for_each(|stream| proxy.ends(0, stream));
    assert!(proxy.workers[0].has_work());
    assert_eq!(proxy.acts(0), []);
    assert_eq!(proxy.policies[0].held(), 1_000, "what is read");
    [0, 1].into_iter().for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}

#[test]
fn of_copies_that_nobody_sees_read_only_as_many_are_given_out_as_may_be_held() {
    const BODY: usize = 100 << 10;
    for (unseen, body) in [(true, BODY), (false, BODY), (true, BODY / 4), (false, BODY / 4)] {
        let max_bytes_held = 3 * body as u64;
        let mut proxy = Proxy::with(1, &Settings { max_bytes_held, ..Settings::default() });
        proxy.outside.unseen = unseen;
        proxy.burst(0, 0..=4);
        proxy.answer_whole(0, 0, &"a".repeat(body));
        assert_eq!(proxy.acts(0).len(), 2, "copies, and the answer itself");
        [1, 2].into_iter().for_each(|stream| proxy.ends(0, stream));
        let rest: Vec<_> = [proxy.acts(0), proxy.acts(0)].concat();
        if unseen {
            assert_eq!(rest, resumed([3, 4]));
            assert_eq!(proxy.count(Event::NotShared(NotShared::Memory)), 2);
        } else {
            assert_eq!(rest, collapsed([3, 4], &"a".repeat(body)), "known to be read");
        }
        [0, 3, 4].into_iter().for_each(|stream| proxy.ends(0, stream));
        proxy.is_quiet();
    }
}

#[test]
fn short_copies_that_nobody_sees_read_are_given_out_only_as_many_as_may_be_held() {
    const BODY: usize = 63 << 10;
    let max_bytes_held = 10 * BODY as u64;
    let mut proxy = Proxy::with(1, &Settings { max_bytes_held, ..Settings::default() });
    proxy.outside.unseen = true;
    proxy.burst(0, 0..=100);
    proxy.answer_whole(0, 0, &"a".repeat(BODY));
    let mut given = Vec::new();
    loop {
        let done = proxy.acts(0);
        if done.is_empty() {
            break;
        }
        // An HTTP/1.1 stream ends when its reply is in its connection's buffer.
        let replied = done.into_iter().filter_map(|done| match done {
            Done::Replied(stream, ..) => Some(stream),
            _ => None,
        });
        let replied: Vec<_> = replied.collect();
        replied.iter().for_each(|stream| proxy.ends(0, *stream));
        given.extend(replied);
    }
    assert_eq!(given.len(), 9, "and the answer itself");
    assert_eq!(proxy.count(Event::NotShared(NotShared::Memory)), 91);
}

#[test]
fn an_answer_larger_than_all_the_room_goes_out_one_copy_at_a_time() {
    let mut proxy = Proxy::of(2);
    proxy.policies[1] = std::rc::Rc::new(switchyard_core::coalesce::Policy::new(
        "route",
        Settings { max_bytes_held: 10, ..Settings::default() },
    ));
    proxy.burst(0, [1]);
    proxy.follow(1, 2);
    proxy.follow(1, 3);
    proxy.talk();
    proxy.answer_whole(0, 1, &"a".repeat(1_000));
    proxy.talk();
    assert!(matches!(&proxy.acts(1)[..], [Done::Replied(2, ..)]));
    proxy.ends(1, 2);
    assert!(matches!(&proxy.acts(1)[..], [Done::Replied(3, ..)]));
}

#[test]
fn who_waits_too_long_for_a_copy_goes_on_by_itself() {
    let settings = Settings { max_bytes_held: 10, max_wait: Duration::from_secs(1), ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, 0..=2);
    proxy.answer_whole(0, 0, "0123456789");
    assert_eq!(proxy.acts(0).len(), 1);
    assert_eq!(proxy.ticks(0, 1_000), resumed([2]));
    assert_eq!(proxy.outside.exits.last(), Some(&Exit::MaxWait));
    (0..=2).for_each(|stream| proxy.ends(0, stream));
    proxy.acts(0);
    proxy.is_quiet();
}

#[test]
fn the_tick_is_quick_while_there_is_work() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, 0..=128);
    assert_eq!(proxy.workers[0].tick_period(), QUICK_TICK);
    proxy.answer_whole(0, 0, "a");
    proxy.workers[0].act(&mut proxy.outside);
    assert_eq!(proxy.workers[0].waiting(), 0);
    assert!(proxy.workers[0].has_work(), "the answer itself is to be let go");
    assert_eq!(proxy.workers[0].tick_period(), QUICK_TICK, "if the message that wakes the root is lost");
}

#[test]
fn a_head_request_gets_a_head_alone() {
    let mut proxy = Proxy::of(1);
    let ask = || PlainRequest::default().with(":method", "HEAD").with(":path", "/");
    proxy.asks(0, 1, KEY, ask());
    proxy.asks(0, 2, KEY, ask());
    let head = head().with("content-length", (5_u64 << 30).to_string());
    let begun = proxy.workers[0].answer_begins(&mut proxy.outside, 1, true, || Some((200, head)));
    assert_eq!(begun, Begun::Passes);
    assert_eq!(proxy.acts(0), collapsed([2], ""));
}

#[test]
fn trailers_make_an_answer_its_own_clients() {
    let mut proxy = Proxy::of(1);
    proxy.burst(0, [1, 2]);
    proxy.begins(0, 1, 200, &head());
    proxy.piece(0, 1, "one", false);
    proxy.workers[0].answer_trailers(&mut proxy.outside, 1);
    assert_eq!(proxy.acts(0), resumed([2]));
    assert_eq!(proxy.count(Event::NotShared(switchyard_core::coalesce::NotShared::Trailers)), 1);
}

#[test]
fn who_finds_no_room_for_so_long_since_others_do_not_read_asks_by_itself() {
    const BODY: usize = 100 << 10;
    let settings = Settings { max_bytes_held: 3 * BODY as u64, ..Settings::default() };
    let mut proxy = Proxy::with(1, &settings);
    proxy.burst(0, 0..=4);
    proxy.answer_whole(0, 0, &"a".repeat(BODY));
    assert_eq!(proxy.acts(0), collapsed([1, 2], &"a".repeat(BODY)));
    let stall_timeout = u64::try_from(settings.stall_timeout.as_millis()).expect("a time");
    assert_eq!(proxy.ticks(0, 10), [], "noticed");
    assert_eq!(proxy.ticks(0, stall_timeout - 10), []);
    assert_eq!(proxy.ticks(0, 10), resumed([3, 4]));
    assert_eq!(proxy.count(Event::NotShared(NotShared::Memory)), 1);
    (0..=4).for_each(|stream| proxy.ends(0, stream));
    proxy.is_quiet();
}
