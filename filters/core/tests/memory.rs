//! Accounts of bytes.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use proptest::prelude::*;
use switchyard_core::memory::{Account, LONG, Memory, Paid, Unseen, append, buffer};
use switchyard_core::request::PlainRequest;
use switchyard_core::{HeadView as _, RequestView as _};

#[test]
fn what_is_taken_of_a_part_is_taken_of_the_whole() {
    let whole = Account::new(100);
    let (one, two) = (whole.part(60), whole.part(80));
    assert!(one.take(60) && !one.take(1), "its own bound");
    assert!(two.take(40) && !two.take(1), "the bound of the whole");
    assert_eq!((one.taken(), two.taken(), whole.taken()), (60, 40, 100));
    one.give_back(10);
    assert!(two.take(10) && !two.has_room(1));
    assert!(two.could_have(80) && !two.could_have(81) && !one.could_have(61));
}

#[test]
fn a_part_that_is_no_more_has_given_back_what_it_had() {
    let whole = Account::new(100);
    let part = whole.part(u64::MAX);
    let reservation = part.reserve(30).expect("room");
    part.take_anyway(90);
    assert_eq!(whole.taken(), 120, "what is there is there");
    drop(part);
    assert_eq!(whole.taken(), 120, "somebody has a part of it still");
    drop(reservation);
    assert_eq!(whole.taken(), 0);
}

#[test]
fn a_reservation_grows_within_the_bound_and_is_free_when_it_is_dropped() {
    let account = Account::new(100);
    let mut reservation = account.reserve(60).expect("room");
    assert!(reservation.grow(40) && !reservation.grow(1));
    assert_eq!((reservation.bytes(), account.taken()), (100, 100));
    assert!(account.reserve(1).is_none());
    drop(reservation);
    assert_eq!(account.taken(), 0);
}

#[test]
fn a_head_is_paid_for_as_long_as_it_is_there() {
    let memory = Memory::bounded(2_000, 0);
    let head = PlainRequest::get("/soup").with("x-long", "x".repeat(600));
    let paid = Paid::head(head.clone(), 100, &memory.kept).expect("room");
    assert!(memory.kept.taken() > 700);
    assert!(Paid::head(head, 1_000, &memory.kept).is_none());
    assert_eq!((paid.path(), paid.pairs().count()), (&b"/soup"[..], 3));
    drop(paid);
    assert_eq!(memory.kept.taken(), 0);
}

#[test]
fn what_is_paid_for_says_where_it_came_from() {
    let memory = Memory::bounded(2_000, 0);
    let ip = |head: PlainRequest| Paid::head(head, 100, &memory.kept).expect("room").source_ip();
    assert_eq!(ip(PlainRequest::get("/soup")), None);
    assert_eq!(ip(PlainRequest::get("/soup").from_ip("10.0.0.1")), Some(b"10.0.0.1".to_vec()));
}

#[test]
fn long_replies_leave_a_quarter_to_short_ones() {
    let memory = Memory::bounded(0, 4_000);
    assert!(memory.unread_for(LONG).take(3_000) && !memory.unread_for(LONG).has_room(1));
    assert!(memory.unread_for(LONG - 1).take(1_000), "short ones may have all");
}

#[test]
fn a_buffer_that_is_filled_to_its_end_does_not_grow() {
    let mut one = buffer(64).expect("memory");
    assert!(append(&mut one, &[7; 64], 1_000));
    assert_eq!((one.len(), one.capacity()), (64, 64));
    assert!(append(&mut one, &[7], 1_000));
    assert_eq!(one.capacity(), 128, "twofold");
}

#[test]
fn who_reads_is_asked_about_long_replies_and_about_those_beyond_what_is_given_out_unseen() {
    let reserve = |before: u64, bytes: u64, is_read_unseen: bool| {
        let (mut unseen, mut asked) = (Unseen::default(), false);
        assert!(before == 0 || unseen.reserve(before, u64::MAX, || true));
        let may = unseen.reserve(bytes, 100_000, || {
            asked = true;
            is_read_unseen
        });
        (may, asked)
    };
    assert_eq!(reserve(0, LONG - 1, false), (true, false), "a short one is not asked about");
    assert_eq!(reserve(0, LONG, false), (true, true));
    assert_eq!(reserve(99_000, 1_000, true), (true, false), "as many as may be");
    assert_eq!(reserve(99_000, 1_001, true), (false, true));
    assert_eq!(reserve(99_000, 1_001, false), (true, true), "it will be known when it has been read");
    assert_eq!(reserve(0, 1_000_000, true), (true, true), "the first may be as long as it likes");
}

#[test]
fn what_cannot_be_had_is_no_trap() {
    assert_eq!(buffer(usize::MAX), None);
    assert_eq!(buffer(7).map(|buffer| buffer.capacity()), Some(7));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_buffer_holds_what_it_may_and_is_never_larger(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..40),
        most in 0..600_usize,
    ) {
        let (mut buffer, mut expected) = (Vec::new(), Vec::<u8>::new());
        for piece in pieces {
            let fits = expected.len() + piece.len() <= most;
            prop_assert_eq!(append(&mut buffer, &piece, most), fits);
            if fits {
                expected.extend(&piece);
            }
            prop_assert!(buffer.capacity() <= most.max(8), "{} of {most}", buffer.capacity());
        }
        prop_assert_eq!(buffer, expected);
    }

    #[test]
    fn accounts_are_the_sums_of_their_parts_and_never_below_zero(
        events in prop::collection::vec((0..3_usize, 0..3_u8, 0..60_u64), 0..80),
    ) {
        let whole = Account::new(100);
        let mut parts: Vec<_> = (0..3).map(|_| whole.part(50)).collect();
        for (at, what, bytes) in events {
            let before = parts[at].taken();
            match what {
                0 => {
                    let may = before + bytes <= 50 && whole.taken() + bytes <= 100;
                    prop_assert_eq!(parts[at].take(bytes), may);
                }
                1 => parts[at].give_back(bytes),
                _ => parts[at] = whole.part(50),
            }
            prop_assert_eq!(whole.taken(), parts.iter().map(Account::taken).sum::<u64>());
            prop_assert!(whole.taken() <= 100);
        }
    }
}
