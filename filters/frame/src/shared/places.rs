//! Where workers say what they know to the status page: places in shared data, each of one root at a time.
//!
//! Invariants: nobody writes over another root's place, or over what another version of Switchyard has written there: a place is taken while it is empty, and written
//! and left by whom it is, each time by compare-and-swap; every step is tried a bounded number of times. Trade-off: a root whose places are all
//! taken is not known until one is free.

use super::reach;
use super::tables::TRIES;
use switchyard_core::contract::keys;
use switchyard_core::status::{PLACES, Snapshot, Worker};
use switchyard_core::wire::Reader;
use switchyard_host::SharedData;

/// So many places are tried for one that is free.
const NEAR: u32 = 8;

/// Makes the places of a module's workers, and the count of them; what is there stays. The main thread does it before any worker: there is no
/// create-if-absent. If it fails, the page does without the module's workers.
pub(crate) fn prepare(module: &str, host: &impl SharedData) {
    // Who finds the count finds the places.
    if reach::make_entries(PLACES, |place| keys::snapshot(module, place), host).is_ok() {
        let _ = reach::prepare(&keys::looked_at(module), host);
    }
}

/// Writes this snapshot of the root with this number into its place: the one that it had, if it has it still, or a free one. Which; `None`: there
/// is none, or none can be had.
pub(crate) fn say(
    module: &str,
    number: u32,
    had: Option<u32>,
    snapshot: &[u8],
    host: &impl SharedData,
) -> Option<u32> {
    let near = (0..NEAR).map(|step| number.wrapping_add(step) % PLACES);
    for place in had.into_iter().chain(near) {
        let is_free = |bytes: &[u8]| bytes.is_empty() || is_its(number, bytes);
        if swap(&keys::snapshot(module, place), is_free, snapshot, host)? {
            return Some(place);
        }
    }
    None
}

/// The root with this number is gone, and its place is free.
pub(crate) fn leave(module: &str, number: u32, place: u32, host: &impl SharedData) {
    let _ = swap(&keys::snapshot(module, place), |bytes| is_its(number, bytes), &[], host);
}

fn is_its(number: u32, bytes: &[u8]) -> bool {
    Worker::of(bytes).is_some_and(|worker| worker.number == number)
}

/// Writes this, if what stands there may be written over; whether it may. `None`: it cannot be written, or others are always quicker.
fn swap(key: &str, may: impl Fn(&[u8]) -> bool, bytes: &[u8], host: &impl SharedData) -> Option<bool> {
    for _ in 0..TRIES {
        let there = host.shared_data(key).ok()??;
        if !may(&there.value) {
            return Some(false);
        }
        if host.swap_shared_data(key, bytes, there.cas).ok()? {
            return Some(true);
        }
    }
    None
}

/// What stands in a place.
pub struct Taken {
    /// What its worker has said last.
    pub snapshot: Snapshot,
    key: String,
    cas: u32,
}

impl Taken {
    /// Frees the place, whose worker is gone; unless it has said something by now.
    pub fn free(&self, host: &impl SharedData) {
        let _ = host.swap_shared_data(&self.key, &[], self.cas);
    }
}

/// Every place of this module that is taken.
pub fn each(module: &str, host: &impl SharedData, mut visit: impl FnMut(Taken)) {
    let count = host.shared_data(&keys::workers(&keys::looked_at(module))).ok().flatten();
    let count = count.and_then(|count| Reader::new(&count.value).word()).unwrap_or_default();
    // Numbers begin at 1, and who has the last may be some places behind it.
    let used = if count == 0 { 0 } else { count.saturating_add(NEAR).min(PLACES) };
    for place in 0..used {
        let key = keys::snapshot(module, place);
        let Some(there) = host.shared_data(&key).ok().flatten() else { continue };
        if let Some(snapshot) = Snapshot::decode(there.value) {
            visit(Taken { snapshot, key, cas: there.cas });
        }
    }
}
