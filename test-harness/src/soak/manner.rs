//! How clients behave: most wait for their answer, some do not.
//!
//! Invariant: whatever a client does, what it has read by then is judged.

use fastrand::Rng;
use serde::Serialize;

/// What a client does besides waiting for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Manner {
    /// Leaves after some milliseconds, at most so many, whatever there is by then.
    Leaves(u32),
    /// Leaves when the head of the answer is there.
    LeavesAtHead,
    /// Leaves after the first piece of the body.
    LeavesInBody,
    /// Takes a little of the answer at a time.
    ReadsSlowly,
    /// Sends half of its body, or of its head, and disconnects.
    SendsHalf,
    /// Sends its body in pieces.
    SendsSlowly,
    /// So many ask for the same at the same moment, and half of them disconnect together.
    Burst(u8),
}

impl Manner {
    pub(super) fn drawn(rng: &mut Rng) -> Vec<(Self, u8)> {
        let mut all = vec![
            Self::Leaves(rng.u32(2..80)),
            Self::LeavesAtHead,
            Self::LeavesInBody,
            Self::ReadsSlowly,
            Self::SendsHalf,
            Self::SendsSlowly,
            Self::Burst(rng.u8(6..24)),
        ];
        rng.shuffle(&mut all);
        all.truncate(rng.usize(0..=4));
        let share = |manner: Self, rng: &mut Rng| {
            (manner, if matches!(manner, Self::Burst(_)) { rng.u8(1..3) } else { rng.u8(1..10) })
        };
        all.into_iter().map(|manner| share(manner, rng)).collect()
    }
}
