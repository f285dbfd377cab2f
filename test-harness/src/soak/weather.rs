//! What endpoints do to attempts, and which of it a request may notice.
//!
//! Invariant: whether an attempt is spoiled, and how, is decided by the seed, the request and the number of the attempt: the oracle need not be
//! told, and a second run does the same.

use std::fmt;

use fastrand::Rng;
use serde::Serialize;

use super::script::ENDPOINTS;
use super::truth::mixed;

/// One way in which an attempt goes wrong, or strangely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Fault {
    /// 503.
    Unavailable,
    /// 500.
    Error,
    /// 503 that asks for a wait in `retry-after-ms`.
    Busy,
    /// The connection is reset before an answer.
    Reset,
    /// The connection is closed before an answer.
    Close,
    /// No answer, until the caller gives up.
    Stall,
    /// Fewer bytes than its content-length promises, then the end.
    Truncate,
    /// Pieces, and no end of them: a reset in the middle.
    Broken,
    /// 200, and a body that tells of an error.
    Lie,
    /// Bytes that are no HTTP.
    Garbage,
    /// More headers than Envoy takes.
    TooManyHeaders,
    /// An answer before the body of the request is read, and the end of the connection.
    Hasty,
    /// An item is left out of a batch's answer.
    Lost,
    /// A batch's answer has an item that nobody asked for.
    Foreign,
    /// It has an item twice.
    Twice,
    /// 100 ms before the answer begins.
    Slow,
    /// 100 Continue or 103 Early Hints come first.
    Informed,
    /// Trailers come last.
    Trailed,
    /// Large headers, as many as Envoy takes.
    Headers,
    /// The body comes in pieces.
    Drip,
    /// It has its items in another order.
    Reordered,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Unavailable,
        Self::Error,
        Self::Busy,
        Self::Reset,
        Self::Close,
        Self::Stall,
        Self::Truncate,
        Self::Broken,
        Self::Lie,
        Self::Garbage,
        Self::TooManyHeaders,
        Self::Hasty,
        Self::Lost,
        Self::Foreign,
        Self::Twice,
        Self::Slow,
        Self::Informed,
        Self::Trailed,
        Self::Headers,
        Self::Drip,
        Self::Reordered,
    ];

    /// Whether a client gets what it would have got without.
    #[must_use]
    pub fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::Slow | Self::Informed | Self::Trailed | Self::Headers | Self::Drip | Self::Reordered
        )
    }

    /// Whether an answer that has begun may break off.
    #[must_use]
    pub fn breaks(self) -> bool {
        matches!(self, Self::Truncate | Self::Broken)
    }
}

/// The faults of a phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weather {
    /// How many in a hundred attempts each strikes, at the endpoints that are ill.
    pub shares: Vec<(Fault, u8)>,
    /// Which endpoints are.
    pub ill: Vec<usize>,
    /// How long every endpoint takes for an answer, at most, in milliseconds: without, hardly anything is under way together.
    pub pace_ms: u32,
}

impl Weather {
    /// None.
    #[must_use]
    pub fn fine() -> Self {
        Self { shares: Vec::new(), ill: (0..ENDPOINTS).collect(), pace_ms: 0 }
    }

    /// The same, where everything takes so long.
    #[must_use]
    pub fn at_pace(self, pace_ms: u32) -> Self {
        Self { pace_ms, ..self }
    }

    pub(super) fn drawn(rng: &mut Rng) -> Self {
        let mut faults = Fault::ALL.to_vec();
        rng.shuffle(&mut faults);
        faults.truncate(rng.usize(1..=5));
        let share = |fault: Fault, rng: &mut Rng| match fault {
            // Each takes a client's place for as long as its request may last.
            Fault::Stall => rng.u8(1..=3),
            fault if fault.is_harmless() => rng.u8(5..=40),
            _ => rng.u8(1..=15),
        };
        let shares = faults.into_iter().map(|fault| (fault, share(fault, rng))).collect();
        let mut ill: Vec<usize> = (0..ENDPOINTS).collect();
        if rng.bool() {
            rng.shuffle(&mut ill);
            ill.truncate(rng.usize(1..ENDPOINTS));
        }
        ill.sort_unstable();
        Self { shares, ill, pace_ms: 0 }
    }

    /// What happens to this attempt at this endpoint.
    #[must_use]
    pub fn strikes(&self, seed: u64, endpoint: usize, request: u64, attempt: u32) -> Option<Fault> {
        if self.shares.is_empty() || !self.ill.contains(&endpoint) {
            return None;
        }
        let mut point = mixed(&[seed, request, u64::from(attempt)]) % 100;
        self.shares.iter().find_map(|(fault, share)| {
            let share = u64::from(*share);
            if point < share {
                return Some(*fault);
            }
            point -= share;
            None
        })
    }

    /// Whether all clients get what they would have got without.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        self.shares.iter().all(|(fault, _)| fault.is_harmless())
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "answers in up to {} ms, ", self.pace_ms)?;
        if self.shares.is_empty() {
            return formatter.write_str("fine");
        }
        write!(formatter, "at {:?}", self.ill)?;
        self.shares.iter().try_for_each(|(fault, share)| write!(formatter, " {share} % {fault:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_its_share_at_the_ill_and_the_same_in_every_run() {
        let weather =
            Weather { shares: vec![(Fault::Reset, 10), (Fault::Slow, 30)], ill: vec![1], pace_ms: 0 };
        let struck = |endpoint| -> Vec<_> {
            (0..10_000).map(|request| weather.strikes(5, endpoint, request, 0)).collect()
        };
        let count = |fault| struck(1).iter().filter(|one| **one == fault).count();
        assert!((800..1200).contains(&count(Some(Fault::Reset))), "{}", count(Some(Fault::Reset)));
        assert!((2700..3300).contains(&count(Some(Fault::Slow))));
        assert_eq!(struck(1), struck(1));
        assert!(struck(0).iter().all(Option::is_none));
        assert!(!weather.is_harmless() && Weather::fine().is_harmless());
    }
}
