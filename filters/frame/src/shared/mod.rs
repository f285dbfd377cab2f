//! What workers share through shared data, each in its own file: tables, settings, who sends heartbeats, how workers reach each other, and where they
//! speak to the status page.
//!
//! Invariant: whatever becomes of a value, traffic goes on: what cannot be read is empty, what cannot be written is given up.
//! Trade-off: proxy-wasm has no create-if-absent, so all of it is made when a configuration is read: by the main thread, before any
//! worker is.

pub mod heartbeat_lease;
pub mod lease;
pub mod places;
pub mod reach;
pub mod rosters;
pub mod settings;
pub mod status;
pub mod tables;
