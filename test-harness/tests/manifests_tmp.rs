//! Temporary.
#[path = "scenarios/manifests/mod.rs"]
mod manifests;
