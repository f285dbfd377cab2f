//! Shares that are given out as clients read, and what there is no room for.

use crate::batch_gather::world::{Done, Proxy, head, items, ms, replied, resumed, with};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::batch::gather::{
    CallId, End, Event, Failure, MOST_UNSEEN, Policy, Repeat, Reply, Request, StreamId, World,
};
use switchyard_core::batch::{JsonArray, Protocol, Settings};
use switchyard_core::memory::Memory;
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const KIB: usize = 1 << 10;

/// Requests that may not be made twice.
fn once() -> Settings {
    Settings::new(Protocol::JsonArray(JsonArray::default()))
}

/// One request is under way, and these wait in a VM with these accounts.
fn busy(settings: &Settings, memory: &Memory, waiting: impl IntoIterator<Item = u32>) -> Proxy {
    let mut proxy = Proxy::within(settings, memory);
    proxy.asks(1, "1");
    waiting.into_iter().for_each(|stream| drop(proxy.asks(stream, &stream.to_string())));
    proxy.returns(1);
    proxy
}

/// A text so long.
fn long(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

/// An answer of so many items.
fn answer(items: usize, item: &str) -> String {
    format!("[{}]", vec![item; items].join(","))
}

fn streams(done: &[Done]) -> Vec<(u32, u16)> {
    let stream = |done: &Done| match done {
        Done::Resumed(stream) => (*stream, 0),
        Done::Replied(stream, status, _) => (*stream, *status),
    };
    done.iter().map(stream).collect()
}

#[test]
fn shares_are_given_out_as_fast_as_clients_read() {
    let memory = Memory::bounded(u64::MAX, 20 << 10);
    let mut proxy = busy(&items(), &memory, 2..7);
    let share = long(8 * KIB);
    let done = proxy.answer_call(Some((head(200), &answer(5, &share))));
    assert_eq!(done, [replied(2, &share), replied(3, &share)]);
    assert!(!proxy.workers[0].has_work(), "until somebody has read");
    assert_eq!(proxy.acts(0), []);
    assert!(proxy.workers[0].is_unread(2));
    proxy.leaves(0, 2);
    assert!(proxy.workers[0].has_work());
    assert_eq!(proxy.acts(0), [replied(4, &share)]);
    // One that waits for its turn leaves.
    proxy.leaves(0, 5);
    proxy.leaves(0, 3);
    assert_eq!(proxy.acts(0), [replied(6, &share)]);
    assert_eq!((proxy.count(Event::Ended(End::Gone)), proxy.count(Event::Ended(End::Answered))), (1, 4));
    [4, 6].into_iter().for_each(|stream| proxy.leaves(0, stream));
    proxy.is_quiet();
    assert_eq!((memory.kept.taken(), memory.unread.taken()), (0, 0));
}

#[test]
fn who_has_left_holds_nobody_up_however_large_its_share_would_be() {
    let memory = Memory::bounded(u64::MAX, 10 << 10);
    let mut proxy = busy(&once(), &memory, 2..5);
    let share = long(8 * KIB);
    let text = format!("[{share},{share},1]");
    assert_eq!(proxy.answer_call(Some((head(200), &text))), [replied(2, &share)]);
    assert!(!proxy.workers[0].has_work(), "there is no room for the second, and the third is behind it");
    proxy.leaves(0, 3);
    assert!(proxy.workers[0].has_work());
    assert_eq!(proxy.acts(0), [replied(4, "1")]);
    [2, 4].into_iter().for_each(|stream| proxy.leaves(0, stream));
    proxy.is_quiet();
    assert_eq!((memory.kept.taken(), memory.unread.taken()), (0, 0));
}

#[test]
fn who_waits_for_its_share_has_its_deadline() {
    let memory = Memory::bounded(u64::MAX, 10 << 10);
    let mut settings = once();
    settings.deadline.timeout = ms(1_000);
    let mut proxy = busy(&settings, &memory, 2..5);
    let share = long(8 * KIB);
    assert_eq!(proxy.answer_call(Some((head(200), &answer(3, &share)))), [replied(2, &share)]);
    assert_eq!(proxy.passes(ms(900)), []);
    assert!(proxy.workers[0].next_tick(proxy.outside.now).is_some(), "the tick keeps it");
    assert_eq!(streams(&proxy.passes(ms(100))), [(3, 504), (4, 504)]);
    assert_eq!(proxy.count(Event::Ended(End::TimedOut)), 2);
    proxy.leaves(0, 2);
    proxy.is_quiet();
    assert_eq!((memory.kept.taken(), memory.unread.taken()), (0, 0));
}

#[test]
fn one_callback_gives_out_no_more_than_it_may() {
    let mut proxy = busy(&items(), &Memory::default(), 2..7);
    let share = long(600 * KIB);
    let done = proxy.answer_call(Some((head(200), &answer(5, &share))));
    assert_eq!(streams(&done), [(2, 200), (3, 200)], "a mebibyte, and one more");
    assert!(proxy.workers[0].has_work());
    assert_eq!(streams(&proxy.acts(0)), [(4, 200), (5, 200)]);
    assert_eq!(streams(&proxy.acts(0)), [(6, 200)]);
}

#[test]
fn an_answer_that_a_vm_cannot_keep_is_none_and_what_may_be_made_twice_goes_alone() {
    let small = || Memory::bounded(20 << 10, u64::MAX);
    let text = answer(3, &long(8 * KIB));
    let mut proxy = busy(&items(), &small(), 2..5);
    assert_eq!(
        proxy.answer_call(Some((head(200), &text))),
        resumed([2, 3, 4]),
        "halves of it may be as large"
    );
    assert_eq!(proxy.count(Event::Failed(Failure::Memory)), 1);
    assert_eq!(proxy.count(Event::Repeated(Repeat::Alone)), 3);
    let memory = small();
    let mut proxy = busy(&once(), &memory, 2..5);
    let done = proxy.answer_call(Some((head(200), &text)));
    assert_eq!(streams(&done), [(2, 502), (3, 502), (4, 502)]);
    assert!(matches!(&done[0], Done::Replied(_, _, body) if body.contains("too large to be shared out")));
    proxy.is_quiet();
    assert_eq!(memory.kept.taken(), 0);
}

#[test]
fn an_answer_that_is_not_taken_in_is_counted_as_that() {
    let mut proxy = busy(&once(), &Memory::default(), 2..4);
    let call = proxy.outside.calls.remove(0);
    proxy.workers[0].answered_too_much(&mut proxy.outside, call.id);
    assert_eq!(streams(&proxy.done()), [(2, 502), (3, 502)]);
    assert_eq!(proxy.count(Event::Failed(Failure::Memory)), 1);
    proxy.is_quiet();
}

#[test]
fn who_is_told_nothing_of_reading_gives_so_much_and_others_ask_for_themselves() {
    const SHARE: usize = 20 << 20;
    for (settings, status) in [(items(), 0), (once(), 502)] {
        let mut proxy = busy(&settings, &Memory::default(), 2..7);
        proxy.outside.reads_unseen = true;
        let mut done = proxy.answer_call(Some((head(200), &answer(5, &long(SHARE)))));
        while proxy.workers[0].has_work() {
            done.extend(proxy.acts(0));
        }
        let fit = MOST_UNSEEN as usize / SHARE;
        let expected: Vec<_> =
            (2..7).map(|at| (at, if (at - 2) < fit as u32 { 200 } else { status })).collect();
        assert_eq!(streams(&done), expected);
        assert_eq!(proxy.count(Event::Withheld), 5 - fit);
    }
}

#[test]
fn short_shares_count_for_unseen_like_long_ones() {
    const SHARE: usize = 63 << 10;
    let fit = MOST_UNSEEN as usize / SHARE;
    let count = fit as u32 + 3;
    let mut settings = once();
    (settings.max_items, settings.max_requests) = (2_000, 4_000);
    let mut proxy = busy(&settings, &Memory::default(), 2..2 + count);
    proxy.outside.reads_unseen = true;
    let mut done = proxy.answer_call(Some((head(200), &answer(count as usize, &long(SHARE)))));
    while proxy.workers[0].has_work() {
        done.extend(proxy.acts(0));
    }
    let given = done.iter().filter(|done| matches!(done, Done::Replied(_, 200, _))).count();
    assert_eq!((given, proxy.count(Event::Withheld)), (fit, 3));
}

#[test]
fn a_share_that_could_never_be_given_is_not_waited_for() {
    let memory = Memory::bounded(u64::MAX, 10 << 10);
    let mut proxy =
        busy(&with(|settings| settings.on_failure = switchyard_core::batch::OnFailure::Fail), &memory, 2..4);
    let text = format!("[{},3]", long(11 * KIB));
    assert_eq!(streams(&proxy.answer_call(Some((head(200), &text)))), [(2, 502), (3, 200)]);
    proxy.is_quiet();
}

/// Members: one whose client does not read its long share, and two for whose long shares there is no room then.
fn stuck(settings: &Settings, memory: &Memory) -> Proxy {
    let mut proxy = busy(settings, memory, 2..5);
    let share = long(100 * KIB);
    assert_eq!(streams(&proxy.answer_call(Some((head(200), &answer(3, &share))))), [(2, 200)]);
    proxy
}

#[test]
fn who_finds_no_room_for_so_long_since_others_do_not_read_does_without() {
    let memory = Memory::bounded(u64::MAX, 200 << 10);
    for (settings, after) in [(items(), (0, 0)), (once(), (502, 502))] {
        let mut proxy = stuck(&settings, &memory);
        let stall_timeout = settings.stall_timeout;
        assert_eq!(proxy.passes(ms(1)), [], "noticed");
        assert_eq!(proxy.passes(stall_timeout - ms(1)), []);
        assert_eq!(
            streams(&proxy.passes(ms(1))),
            [(3, after.0), (4, after.1)],
            "alone, if they may be made twice"
        );
        assert_eq!(proxy.count(Event::Withheld), 2);
        (2..5).for_each(|stream| proxy.leaves(0, stream));
        proxy.is_quiet();
        assert_eq!((memory.kept.taken(), memory.unread.taken()), (0, 0));
    }
}

#[test]
fn who_waits_while_others_read_on_is_patient() {
    let memory = Memory::bounded(u64::MAX, 200 << 10);
    let mut proxy = stuck(&items(), &memory);
    let most = items().stall_timeout - ms(1);
    for stream in [2, 3] {
        assert_eq!(proxy.passes(ms(1)), []);
        assert_eq!(proxy.passes(most), []);
        proxy.leaves(0, stream);
        assert_eq!(streams(&proxy.acts(0)), [(stream + 1, 200)]);
    }
    assert_eq!(proxy.count(Event::Withheld), 0);
}

#[test]
fn long_replies_that_nobody_reads_leave_room_for_short_ones() {
    let memory = Memory::bounded(u64::MAX, 200 << 10);
    let mut proxy = stuck(&items(), &memory);
    assert!(!memory.unread_for(100 << 10).has_room(100 << 10));
    assert!(memory.unread_for(50 << 10).has_room(50 << 10));
    proxy.leaves(0, 2);
}

/// A host with nothing but what every host has.
struct Plain;

impl World<PlainRequest> for Plain {
    fn now(&mut self) -> Timestamp {
        Timestamp::default()
    }

    fn call(&mut self, _: &Policy, _: &Request<'_>, _: Duration) -> Option<CallId> {
        None
    }

    fn resume(&mut self, _: &Policy, _: StreamId, _: Duration) -> bool {
        false
    }

    fn reply(&mut self, _: StreamId, _: &Reply<'_>, _: Option<End>) -> bool {
        false
    }

    fn send(&mut self, _: u32, _: &[u8]) -> bool {
        false
    }

    fn read(&mut self, _: u32) -> Option<(Vec<u8>, u32)> {
        None
    }

    fn swap(&mut self, _: u32, _: &[u8], _: u32) -> bool {
        false
    }

    fn count(&mut self, _: &Policy, _: Event) {}
}

#[test]
fn where_a_host_says_nothing_else_a_stream_ends_when_its_client_has_read() {
    assert!(!Plain.is_read_unseen(1));
}
