//! Soak and chaos: the whole chain and outlier.wasm on a real Envoy, under a script of faults, and an oracle for every answer.
//!
//! A `script` is drawn from a seed. `play` plays it: endpoints (`endpoint`, `echo`) do what the weather says, clients (`client`)
//! ask for what `ask` has drawn, in their manners, an `operator` does things to Envoy, and the `oracle` judges every answer against the
//! `truth`. After each phase Envoy comes to `rest`. A script that fails is made smaller (`shrink`).
//!
//! Invariant: everything ends by itself: a request, a phase, the shrinking. Trade-off: a script decides what is asked and what fails, and not what
//! meets what; so a failure is kept with Envoy's log, since it may not come again.

pub mod action;
pub mod ask;
mod client;
pub mod document;
mod echo;
mod endpoint;
mod files;
pub mod manner;
mod operator;
pub mod oracle;
pub mod play;
pub mod report;
pub mod rest;
pub mod script;
pub mod shrink;
pub mod sky;
mod stage;
pub mod truth;
mod visit;
pub mod weather;
mod wire;
