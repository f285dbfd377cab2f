//! Who is given how much of answers in a callback, and who has left meanwhile.

use crate::batch_gather::world::{Done, Proxy, head, items, replied};
use switchyard_core::batch::gather::{End, Event};
use switchyard_core::memory::Memory;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const KIB: usize = 1 << 10;

/// An answer of so many items of so many bytes.
fn answer(items: usize, bytes: usize) -> String {
    format!("[{}]", vec![share(bytes); items].join(","))
}

fn share(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

/// One request is under way and returns, and these have waited.
fn batch(proxy: &mut Proxy, streams: core::ops::Range<u32>) {
    proxy.asks(1, "1");
    streams.for_each(|stream| drop(proxy.asks(stream, &stream.to_string())));
    proxy.returns(1);
}

#[test]
fn one_callback_gives_out_a_mebibyte_and_no_more_if_that_is_reached() {
    let mut proxy = Proxy::of(&items());
    batch(&mut proxy, 2..5);
    assert_eq!(proxy.answer_call(Some((head(200), &answer(3, 512 * KIB)))).len(), 2);
    assert_eq!(proxy.acts(0).len(), 1);
}

#[test]
fn one_callback_gives_out_128_shares_however_small() {
    let mut settings = items();
    (settings.max_items, settings.max_requests) = (1_000, 1_000);
    let mut proxy = Proxy::of(&settings);
    batch(&mut proxy, 2..302);
    let mut given = vec![proxy.answer_call(Some((head(200), &answer(300, 3)))).len()];
    while proxy.workers[0].has_work() {
        given.push(proxy.acts(0).len());
    }
    assert_eq!(given, [128, 128, 44]);
}

#[test]
fn one_that_leaves_is_found_among_those_who_wait_for_their_share_of_another_answer() {
    let memory = Memory::bounded(u64::MAX, 10 << 10);
    let mut proxy = Proxy::within(&items(), &memory);
    let share = share(8 * KIB);
    batch(&mut proxy, 2..4);
    assert_eq!(proxy.answer_call(Some((head(200), &answer(2, 8 * KIB)))), [replied(2, &share)]);
    batch(&mut proxy, 4..7);
    let given: Vec<Done> = proxy.answer_call(Some((head(200), &answer(3, 8 * KIB))));
    assert_eq!(given, []);
    proxy.leaves(0, 5);
    assert_eq!(proxy.count(Event::Ended(End::Gone)), 1);
    assert!(proxy.workers[0].is_unread(2) && !proxy.workers[0].is_unread(3));
    for (read, given) in [(2, 3), (3, 4), (4, 6)] {
        proxy.leaves(0, read);
        assert_eq!(proxy.acts(0), [replied(given, &share)]);
    }
    proxy.leaves(0, 6);
    proxy.is_quiet();
}
