//! What workers write for each other, for the targets of `cargo fuzz` to read and write.
//!
//! Trade-off: a door to what is otherwise nobody's business; it is there with the feature `fuzzing` alone.

use super::board::{self, Board, Claim, Claimed, FlightId};
use super::message::Message;
use crate::{Address, Timestamp};
use core::time::Duration;

/// A message to another worker, read and written again; `None`: these bytes are none.
pub fn message(bytes: &[u8]) -> Option<Vec<u8>> {
    Message::decode(bytes)?.encode()
}

/// A flight that somebody leads.
#[derive(Debug)]
pub struct Led(Claim);

impl Led {
    /// Which one.
    pub fn flight(&self) -> FlightId {
        self.0.flight
    }

    /// So much of its lease may be over before it is looked at again.
    pub fn grow_old(&mut self, wall: Timestamp, every: Duration) {
        self.0.grow_old(wall, every);
    }
}

/// Who leads a key.
#[derive(Debug)]
pub enum Leads {
    /// Who asked.
    We(Led),
    /// This flight of another worker.
    They(FlightId, Address),
    /// Nobody can say.
    Nobody,
}

/// Leads this flight, unless somebody leads the key.
pub fn claim(
    board: &mut impl Board,
    key: &[u8],
    flight: (FlightId, Address),
    lease: (Timestamp, Duration),
) -> Leads {
    match board::claim(board, key, flight, None, lease) {
        Claimed::Ours(claim) => Leads::We(Led(claim)),
        Claimed::Theirs(flight, leader) => Leads::They(flight, leader),
        Claimed::Nobodys => Leads::Nobody,
    }
}

/// The flight is over.
pub fn release(board: &mut impl Board, led: &Led) {
    board::release(board, &led.0);
}

/// The flight takes longer.
pub fn renew(board: &mut impl Board, led: &mut Led, lease: (Timestamp, Duration)) {
    board::renew(board, &mut led.0, lease);
}
