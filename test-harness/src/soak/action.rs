//! What the operator, and the machine, do to Envoy while requests are under way.

use fastrand::Rng;
use serde::Serialize;

use super::script::ENDPOINTS;

/// Documents that are in force one after another; all serve the same requests.
pub const DOCUMENTS: usize = 4;
/// Documents that are refused.
pub const BAD_DOCUMENTS: usize = 3;
/// Where chain-trap.wasm traps.
pub const TRAPS: [&str; 8] = [
    "router:request-headers",
    "router:response-headers",
    "router:response-body",
    "router:done",
    "router:tick",
    "retry:request-headers",
    "retry:response-headers",
    "retry:done",
];

/// One deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Action {
    /// An endpoint dies: its port is closed, its connections are reset.
    Die(usize),
    /// It is back.
    Rise(usize),
    /// The clusters have all endpoints but this one.
    Leave(usize),
    /// They have all of them.
    Join,
    /// The listener comes with another document; the old one drains.
    Document(usize),
    /// It comes with one that is refused.
    BadDocument(usize),
    /// The clusters come anew, and their connections drain.
    Clusters,
    /// Envoy stands still for so many milliseconds: SIGSTOP.
    Stop(u32),
    /// Others take the processors for so many milliseconds.
    Starve(u32),
    /// Envoy's memory is taken for full for so many milliseconds: its overload manager acts.
    Pressure(u32),
    /// The clock jumps by so many milliseconds, and stays there until the end of the phase.
    Jump(i64),
    /// A worker's VM traps.
    Trap(usize),
}

impl Action {
    /// Its kind.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{self:?}").split('(').next().unwrap_or_default().to_owned()
    }

    pub(super) fn drawn(rng: &mut Rng, length_ms: u32, traps: bool) -> Vec<(u32, Self)> {
        let mut all = Vec::new();
        for _ in 0..rng.usize(0..=4) {
            let at = rng.u32(0..length_ms * 8 / 10);
            let one = Self::one(rng, traps);
            all.push((at, one));
            // What ends a state of things: later, and within the phase.
            let after = (at + rng.u32(300..2_000)).min(length_ms);
            match one {
                Self::Die(endpoint) => all.push((after, Self::Rise(endpoint))),
                Self::Leave(_) => all.push((after, Self::Join)),
                _ => {}
            }
        }
        all.sort_by_key(|(at, _)| *at);
        all
    }

    fn one(rng: &mut Rng, traps: bool) -> Self {
        match rng.u8(..if traps { 12 } else { 10 }) {
            0 => Self::Die(rng.usize(..ENDPOINTS)),
            1 => Self::Leave(rng.usize(..ENDPOINTS)),
            2 | 3 => Self::Document(rng.usize(..DOCUMENTS)),
            4 => Self::BadDocument(rng.usize(..BAD_DOCUMENTS)),
            5 => Self::Clusters,
            6 => Self::Stop(rng.u32(200..1_200)),
            7 => Self::Starve(rng.u32(300..1_500)),
            8 => Self::Pressure(rng.u32(200..1_500)),
            9 => Self::Jump([-3_600_000, -1_500, 1_500, 3_600_000].get(rng.usize(..4)).copied().unwrap_or(0)),
            _ => Self::Trap(rng.usize(..TRAPS.len())),
        }
    }
}
