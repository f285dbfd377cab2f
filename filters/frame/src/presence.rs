//! How the status page reaches a root: a queue that wakes it, and a place in shared data where it says what it knows.
//!
//! A worker says something only when it is asked, so a page that nobody looks at costs a request nothing: the first request of a root makes it
//! known, with six host calls, and a later one looks at one number in the VM. Invariants: the main thread and canaries, which serve nothing, are not known;
//! who could not be made known tries again once in [`REST`] requests; who has said something within [`SHORTEST_LOOK`] says nothing again, so
//! that no number of watchers costs more. Of the roots of a VM that are one plugin's, only the newest that serves says what the VM counts and how it has
//! upstreams. Trade-off: a VM that trapped leaves its place behind, until a look finds that it does not answer.

use crate::Vm;
use crate::shared::{places, reach};
use core::cell::Cell;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::status::{SHORTEST_LOOK, SnapshotWriter, Worker};
use switchyard_host::{Clock, Properties, Queues, SharedData};

/// So many messages are taken at a time; there is one, but for who has no patience.
const AT_A_TIME: usize = 16;
/// So many requests come before it is tried again to make a root known.
const REST: u32 = 1_000;
/// In place of such a number: it is known.
const KNOWN: u32 = u32::MAX;

/// One root.
#[derive(Debug)]
pub(crate) struct Presence {
    /// Its context, which is greater the later its configuration came.
    context: u32,
    /// So many requests come before it is made known; [`KNOWN`]: it is.
    rest: Cell<u32>,
    known: Cell<Option<Known>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    number: u32,
    queue: u32,
    place: Option<u32>,
    /// When it had said something last.
    said: Timestamp,
}

impl Presence {
    /// Of the root of this context.
    pub(crate) fn of(context: u32) -> Self {
        Self { context, rest: Cell::default(), known: Cell::default() }
    }

    /// The root serves a request. Whoever cannot be made known is not: the page does without.
    #[inline]
    pub(crate) fn show<V>(
        &self,
        module: &str,
        vm: &Vm<V>,
        configured: Timestamp,
        host: &(impl SharedData + Queues + Properties),
    ) {
        match self.rest.get() {
            KNOWN => {}
            0 => self.make_known(module, vm, configured, host),
            rest => self.rest.set(rest.saturating_sub(1)),
        }
    }

    #[cold]
    fn make_known<V>(
        &self,
        module: &str,
        vm: &Vm<V>,
        configured: Timestamp,
        host: &(impl SharedData + Queues + Properties),
    ) {
        self.rest.set(REST);
        let Some(known) = self.known.get().or_else(|| self.register(module, vm, host)) else { return };
        let nothing = SnapshotWriter::new(known.worker(vm, configured, Timestamp::default()));
        self.put(module, known, nothing, host);
    }

    /// Takes a number and a queue, which stay its own.
    fn register<V>(
        &self,
        module: &str,
        vm: &Vm<V>,
        host: &(impl SharedData + Queues + Properties),
    ) -> Option<Known> {
        let name = keys::looked_at(module);
        let number = reach::take_number(&name, host)?;
        let queue = reach::register(&name, number, host).ok()?;
        let plugin = host.property(&["plugin_root_id"]).ok().flatten().unwrap_or_default();
        vm.serving().begin(plugin, self.context, number);
        Some(Known { number, queue, place: None, said: Timestamp::default() })
    }

    /// Says this, and remembers where; without a place the next requests look for one.
    fn put(&self, module: &str, known: Known, said: SnapshotWriter, host: &impl SharedData) {
        let place =
            said.finish().and_then(|bytes| places::say(module, known.number, known.place, &bytes, host));
        self.rest.set(if place.is_some() { KNOWN } else { REST });
        self.known.set(Some(Known { place: place.or(known.place), ..known }));
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
    pub(crate) fn say<V>(
        &self,
        module: &str,
        vm: &Vm<V>,
        configured: Timestamp,
        host: &(impl SharedData + Clock),
        fill: impl FnOnce(&mut SnapshotWriter),
    ) {
        let Ok(now) = host.now() else { return };
        let Some(known) = self.known.get().filter(|known| now.is_due(known.said, SHORTEST_LOOK)) else {
            return;
        };
        let worker = known.worker(vm, configured, now);
        let mut snapshot = if vm.serving().is_succeeded(self.context) {
            SnapshotWriter::of_succeeded(worker)
        } else {
            SnapshotWriter::new(worker)
        };
        fill(&mut snapshot);
        // It rests as long after its work, however long that was.
        let said = host.now().unwrap_or(now);
        self.put(module, Known { said, ..known }, snapshot, host);
    }

    /// The root is gone, and its place is free.
    pub(crate) fn end<V>(&self, module: &str, vm: &Vm<V>, host: &impl SharedData) {
        vm.serving().end(self.context);
        if let Some(Known { number, place: Some(place), .. }) = self.known.take() {
            places::leave(module, number, place, host);
        }
    }
}

impl Known {
    fn worker<V>(self, vm: &Vm<V>, configured: Timestamp, written: Timestamp) -> Worker {
        let (number, queue, began) = (self.number, self.queue, vm.began());
        Worker { number, vm: vm.serving().first(), queue, began, configured, written }
    }
}

#[cfg(test)]
mod tests;
