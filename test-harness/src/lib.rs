//! What the scenarios run on: a real Envoy, upstreams that misbehave on command, load with keys, and the
//! judgement of what came out.
//!
//! Invariants: ports are chosen by the kernel; nothing waits for time to pass, only for conditions
//! ([`wait`]); what a test started ends with it; a failing test shows Envoy's log.

pub mod compose;
pub mod load;
pub mod statistics;
pub mod upstream;
pub mod wait;
