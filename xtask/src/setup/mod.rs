//! Set-up that needs no hands: each tool is looked for first and fetched only if it is missing.
//!
//! Invariant: all but the compiler for wasm32 goes into the target folder; that one needs leave ([`Install`]).

mod cargo_deny;
mod cargo_fuzz;
mod cargo_mutants;
mod chromium;
mod compiled;
mod debian;
pub(crate) mod envoy;
pub(crate) mod etcd;
mod image_tools;
mod install;
mod peers;
pub(crate) mod prometheus;
mod wasm_bindgen;
mod wasm_target;

pub(crate) use cargo_deny::CargoDeny;
pub(crate) use cargo_fuzz::CargoFuzz;
pub(crate) use cargo_mutants::CargoMutants;
pub(crate) use chromium::Chromium;
pub(crate) use envoy::Envoy;
pub(crate) use image_tools::{ImageTools, Registry};
pub(crate) use install::Install;
pub(crate) use peers::Peers;
pub(crate) use wasm_bindgen::test_runner;
pub(crate) use wasm_target::{Place, WasmCargo};
