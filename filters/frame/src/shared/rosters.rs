//! The lists of endpoints that are in force, in shared data: written by the one worker that asks for them, read by all.
//!
//! Invariants: whoever sees a new [`number`] finds the list that it stands for, since that is written first; a list never takes the place
//! of a newer one, so who has lost the role of asking without knowing does no harm. A list stays when its source is gone, its asker's VM
//! dies, or another configuration comes.

use super::tables::{Table, announce};
use switchyard_core::Timestamp;
use switchyard_core::contract::keys::ROSTERS_NUMBER;
use switchyard_core::discovery::Roster;
use switchyard_host::SharedData;

/// A number that differs from the one before if a list that differs has been written since; `None`: none has been. One host call.
pub fn number(host: &impl SharedData) -> Option<u32> {
    host.shared_data(ROSTERS_NUMBER).ok().flatten().map(|shared| shared.cas)
}

/// The list under this key; `None`: there is none that this module can read.
pub fn read(key: &str, host: &impl SharedData) -> Option<Roster> {
    Roster::decode(&Table::of(key).read(host))
}

/// The same if it is another version than this.
pub fn read_other(key: &str, version: u64, host: &impl SharedData) -> Option<Roster> {
    let bytes = Table::of(key).read(host);
    Roster::peek(&bytes).filter(|known| known.0 != version).and_then(|_| Roster::decode(&bytes))
}

/// When the list under this key was read last.
pub fn read_at(key: &str, host: &impl SharedData) -> Option<Timestamp> {
    Roster::peek(&Table::of(key).read(host)).map(|(_, read_at)| read_at)
}

/// Writes a list, unless a newer one is there; whether it did.
pub fn write(key: &str, roster: &Roster, host: &impl SharedData) -> bool {
    let written = Table::of(key).update(host, |bytes| {
        let stays = Roster::peek(bytes).is_some_and(|known| known > (roster.version, roster.read_at));
        let bytes = if stays { None } else { roster.encode() };
        let writes = bytes.is_some();
        (bytes, writes)
    });
    written == Some(true)
}

/// Tells all workers that a list differs.
pub fn tell(host: &impl SharedData) {
    // Without shared data there was no list to write either.
    let _ = host.set_shared_data(ROSTERS_NUMBER, &[]).and_then(|()| announce(host));
}
