//! How the status page reaches a root: a queue that wakes it, and a place in shared data where it says what it knows.
//!
//! A worker says something only when it is asked, so a page that nobody looks at costs a request nothing: the first request of a root makes it
//! known, with four host calls, and no later one makes any. Invariants: the main thread and canaries, which serve nothing, are not known;
//! places are bounded in number ([`PLACES`]); who was asked within [`SHORTEST_LOOK`] says nothing again, so that no number of watchers costs
//! more. Trade-off: a VM that trapped leaves its place behind, with the last that it said and how long ago that was.

use crate::shared::reach;
use core::cell::Cell;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::status::{PLACES, SHORTEST_LOOK, SnapshotWriter, Worker};
use switchyard_host::{Clock, Queues, SharedData};

/// So many messages are taken at a time; there is one, but for who has no patience.
const AT_A_TIME: usize = 16;

/// One root.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// It was made known, or could not be.
    is_shown: Cell<bool>,
    known: Cell<Option<Known>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    number: u32,
    queue: u32,
    /// When it said something last.
    said: Timestamp,
}

impl Known {
    fn key(self, module: &str) -> String {
        keys::snapshot(module, self.number % PLACES)
    }
}

impl Presence {
    /// Makes what roots of this module are made known with. The main thread does it before any worker: there is no create-if-absent.
    pub(crate) fn prepare(module: &str, host: &impl SharedData) {
        // If this fails, the page does without the module's workers.
        let _ = reach::prepare(&keys::looked_at(module), host);
    }

    /// The root serves a request. Whoever cannot be made known is not: the page does without.
    pub(crate) fn show(&self, module: &str, began: Timestamp, host: &(impl Clock + SharedData + Queues)) {
        if self.is_shown.replace(true) {
            return;
        }
        let name = keys::looked_at(module);
        let number = reach::take_number(&name, host);
        let queue = number.and_then(|number| Some((number, reach::register(&name, number, host).ok()?)));
        let Some((number, queue)) = queue else { return };
        let known = Known { number, queue, said: Timestamp::default() };
        self.known.set(Some(known));
        let nothing = SnapshotWriter::new(Worker { number, queue, began, written: known.said });
        if let Some(bytes) = nothing.finish() {
            let _ = host.set_shared_data(&known.key(module), &bytes);
        }
    }

    /// Whether this is its queue, which is emptied then: somebody looks.
    pub(crate) fn is_asked(&self, queue: u32, host: &impl Queues) -> bool {
        let is_its = self.known.get().is_some_and(|known| known.queue == queue);
        if is_its {
            let taken = core::iter::from_fn(|| host.dequeue(queue).ok().flatten());
            taken.take(AT_A_TIME).for_each(drop);
        }
        is_its
    }

    /// Says what `fill` knows, unless it has just been said.
    pub(crate) fn say(
        &self,
        module: &str,
        began: Timestamp,
        now: Timestamp,
        host: &impl SharedData,
        fill: impl FnOnce(&mut SnapshotWriter),
    ) {
        let Some(known) = self.known.get().filter(|known| now.is_due(known.said, SHORTEST_LOOK)) else {
            return;
        };
        self.known.set(Some(Known { said: now, ..known }));
        let worker = Worker { number: known.number, queue: known.queue, began, written: now };
        let mut snapshot = SnapshotWriter::new(worker);
        fill(&mut snapshot);
        if let Some(bytes) = snapshot.finish() {
            let _ = host.set_shared_data(&known.key(module), &bytes);
        }
    }

    /// The root is gone, and its place is free.
    pub(crate) fn end(&self, module: &str, host: &impl SharedData) {
        if let Some(known) = self.known.take() {
            let _ = host.set_shared_data(&known.key(module), &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may fail by panicking")]

    use super::*;
    use switchyard_core::status::{Record, Snapshot};
    use switchyard_host::Status;
    use switchyard_host::fake::{FakeHost, SharedStore};

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn said(place: u32, host: &FakeHost) -> Option<Snapshot> {
        let value = host.shared_data(&keys::snapshot("router", place)).expect("shared data");
        Snapshot::decode(value?.value)
    }

    #[test]
    fn the_first_request_makes_a_root_known_and_no_later_one_costs_anything() {
        let (presence, host) = (Presence::default(), FakeHost::default());
        Presence::prepare("router", &host);
        presence.show("router", at(5), &host);
        let first = said(1, &host).expect("its place");
        assert_eq!((first.worker.number, first.worker.began, first.records().count()), (1, at(5), 0));
        assert_eq!(Some(first.worker.queue), host.queue());
        host.forget_calls();
        presence.show("router", at(5), &host);
        assert_eq!(host.all_calls(), 0);
    }

    #[test]
    fn who_is_asked_says_what_it_knows_once_in_a_while_and_leaves_its_place_when_it_ends() {
        let store = SharedStore::default();
        let (worker, page) = (FakeHost::with_shared(&store), FakeHost::with_shared(&store));
        let presence = Presence::default();
        Presence::prepare("router", &page);
        presence.show("router", at(5), &worker);
        let queue = said(1, &page).expect("its place").worker.queue;
        let mut told = 0;
        for (now, times) in [(1_000, 1), (1_050, 1), (1_100, 2), (900, 3)] {
            page.enqueue(queue, b"look").expect("its queue");
            assert!(presence.is_asked(queue, &worker) && !presence.is_asked(queue + 1, &worker));
            presence.say("router", at(5), at(now), &worker, |into| {
                told += 1;
                into.counter("switchyard.decisions", told);
            });
            assert_eq!((told, page.queued(queue)), (times, 0), "at {now}");
        }
        let last = said(1, &page).expect("its place");
        assert_eq!(last.records().collect::<Vec<_>>(), [Record::Counter("switchyard.decisions", 3)]);
        presence.end("router", &worker);
        assert_eq!(said(1, &page), None);
    }

    #[test]
    fn who_cannot_be_made_known_goes_on_without() {
        for call in ["proxy_get_shared_data", "proxy_register_shared_queue"] {
            let (presence, host) = (Presence::default(), FakeHost::default());
            Presence::prepare("router", &host);
            host.fail(call, Status::InternalFailure);
            presence.show("router", at(5), &host);
            assert!(!presence.is_asked(1, &host), "{call}");
            presence.say("router", at(5), at(9), &host, |_| {});
            presence.end("router", &host);
            host.recover(call);
            assert_eq!(said(1, &host), None);
        }
    }
}
