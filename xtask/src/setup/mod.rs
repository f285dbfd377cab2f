//! Set-up that needs no hands: each tool is looked for first and fetched only if it is missing.

mod debian;
pub(crate) mod envoy;
pub(crate) mod etcd;
mod peers;
mod wasm_bindgen;
mod wasm_target;

pub(crate) use envoy::Envoy;
pub(crate) use peers::Peers;
pub(crate) use wasm_bindgen::test_runner;
pub(crate) use wasm_target::WasmCargo;
