//! Who is known to the page, where it speaks, and what that costs.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use super::*;
use switchyard_core::status::{PLACES, Record, Snapshot};
use switchyard_host::Status;
use switchyard_host::fake::{FakeHost, SharedStore};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn said(place: u32, host: &FakeHost) -> Option<Snapshot> {
    let value = host.shared_data(&keys::snapshot("router", place)).expect("shared data");
    Snapshot::decode(value?.value)
}

/// One root of a VM of its own.
struct One {
    presence: Presence,
    vm: Vm<()>,
    host: FakeHost,
}

impl One {
    fn of(store: &SharedStore) -> Self {
        let host = FakeHost::with_shared(store);
        places::prepare("router", &host);
        let vm = Vm::default();
        vm.is_configured(at(5));
        Self { presence: Presence::of(1), vm, host }
    }

    fn serves(&self) {
        self.presence.show("router", &self.vm, at(6), &self.host);
    }

    /// Somebody looks, at this time; whether it has said anything, with so many host calls.
    fn is_asked(&self, now: u64, takes: u64) -> bool {
        let mut has_said = false;
        self.host.set_now(at(now));
        self.presence.say("router", &self.vm, at(6), &self.host, |into| {
            has_said = true;
            self.host.set_now(at(now + takes));
            into.counter("switchyard.decisions", || Some(now));
        });
        has_said
    }

    fn end(&self) {
        self.presence.end("router", &self.vm, &self.host);
    }

    fn place(&self) -> Option<u32> {
        self.presence.known.get().and_then(|known| known.place)
    }
}

#[test]
fn the_first_request_makes_a_root_known_and_no_later_one_costs_anything() {
    let one = One::of(&SharedStore::default());
    one.host.forget_calls();
    one.serves();
    assert_eq!(one.host.all_calls(), 6);
    let first = said(1, &one.host).expect("its place");
    let worker = first.worker;
    assert_eq!((worker.number, worker.vm, worker.began, worker.configured), (1, 1, at(5), at(6)));
    assert_eq!((Some(worker.queue), first.records().count()), (one.host.queue(), 0));
    one.host.forget_calls();
    for _ in 0..3 * REST {
        one.serves();
    }
    assert_eq!(one.host.all_calls(), 0);
}

#[test]
fn who_is_asked_says_what_it_knows_once_in_a_while_and_leaves_its_place_when_it_ends() {
    let store = SharedStore::default();
    let (one, page) = (One::of(&store), FakeHost::with_shared(&store));
    one.serves();
    let queue = said(1, &page).expect("its place").worker.queue;
    for (now, says) in [(1_000, true), (1_050, false), (1_100, true), (900, true)] {
        page.enqueue(queue, b"look").expect("its queue");
        assert!(one.presence.is_asked(queue, &one.host) && !one.presence.is_asked(queue + 1, &one.host));
        assert_eq!((one.is_asked(now, 0), page.queued(queue)), (says, 0), "at {now}");
    }
    let last = said(1, &page).expect("its place");
    assert_eq!(last.records().collect::<Vec<_>>(), [Record::Counter("switchyard.decisions", 900)]);
    one.end();
    assert_eq!(said(1, &page), None);
}

#[test]
fn who_takes_long_to_say_it_rests_as_long_as_any_other() {
    let one = One::of(&SharedStore::default());
    one.serves();
    assert!(one.is_asked(1_000, 500));
    assert!(!one.is_asked(1_599, 0), "its rest begins when it has spoken");
    assert!(one.is_asked(1_600, 0));
}

#[test]
fn who_cannot_be_made_known_goes_on_without_and_tries_again_now_and_then() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data", "proxy_register_shared_queue"] {
        let one = One::of(&SharedStore::default());
        one.host.fail(call, Status::InternalFailure);
        one.serves();
        one.is_asked(9, 0);
        one.host.recover(call);
        assert_eq!(said(1, &one.host), None, "{call}");
        one.host.forget_calls();
        for _ in 0..REST - 1 {
            one.serves();
        }
        assert_eq!(one.host.all_calls(), 0, "{call}");
        (0..2).for_each(|_| one.serves());
        let place = one.place().expect("a place");
        assert!(said(place, &one.host).is_some(), "{call}");
        one.end();
        assert_eq!(said(place, &one.host), None, "{call}");
    }
}

/// Roots are numbered on and on, and places go round.
#[test]
fn a_place_is_its_roots_until_that_has_left_it() {
    let store = SharedStore::default();
    let first = One::of(&store);
    first.serves();
    let brief: Vec<_> = (1..PLACES).map(|_| One::of(&store)).collect();
    brief.iter().for_each(One::serves);
    brief.iter().skip(3).for_each(One::end);
    let late = One::of(&store);
    late.serves();
    assert_eq!((first.place(), late.place()), (Some(1), Some(5)), "1 to 4 are others'");
    assert_eq!(said(1, &late.host).map(|said| said.worker.number), Some(1), "nobody has written over it");
    first.host.set_shared_data(&keys::snapshot("router", 1), &said_by(77)).expect("shared data");
    first.end();
    assert_eq!(said(1, &late.host).map(|said| said.worker.number), Some(77), "it was not its own any more");
}

fn said_by(number: u32) -> Vec<u8> {
    SnapshotWriter::new(Worker { number, ..Worker::default() }).finish().expect("memory")
}

#[test]
fn who_has_lost_its_place_takes_another_when_it_is_asked() {
    let one = One::of(&SharedStore::default());
    one.serves();
    for (stands_there, takes) in [(said_by(77), 2), (vec![9; 40], 2), (Vec::new(), 1)] {
        one.host.set_shared_data(&keys::snapshot("router", 1), &stands_there).expect("shared data");
        one.presence.known.set(one.presence.known.get().map(|known| Known {
            place: Some(1),
            said: Timestamp::default(),
            ..known
        }));
        assert!(one.is_asked(1_000, 0));
        assert_eq!(one.place(), Some(takes), "{stands_there:?}");
        assert_eq!(said(takes, &one.host).map(|said| said.worker.number), Some(1));
    }
}

#[test]
fn without_a_free_place_it_is_looked_for_one_now_and_then() {
    let one = One::of(&SharedStore::default());
    let mut all = 0..PLACES;
    all.try_for_each(|place| one.host.set_shared_data(&keys::snapshot("router", place), &said_by(99)))
        .expect("data");
    one.serves();
    assert_eq!(one.place(), None);
    one.host.set_shared_data(&keys::snapshot("router", 3), &[]).expect("shared data");
    (0..=REST).for_each(|_| one.serves());
    assert_eq!(one.place(), Some(3));
    assert_eq!(one.host.registered().len(), 1, "its queue is its own all the while");
}
