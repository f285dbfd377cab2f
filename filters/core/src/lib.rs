//! Switchyard's decisions, and nothing else.
//!
//! A filter is a state machine fed with events ("sans-I/O", as in rustls, h2 and quinn-proto): this crate
//! holds the state machines. Time comes in as [`Timestamp`], randomness as a seeded [`fastrand::Rng`], a request as
//! [`RequestView`]; what should happen goes out as a return value. So the same code runs natively under a
//! virtual clock, in wasm32 under wasm-bindgen-test, and inside Envoy.
//!
//! Invariant: nothing here reads a clock, draws unkeyed randomness, logs or calls the host.

#![forbid(unsafe_code)]

mod address;
pub mod balance;
pub mod batch;
pub mod budget;
pub mod byte_map;
pub mod chain;
pub mod coalesce;
pub mod contract;
pub mod deadline;
pub mod decisions;
pub mod discovery;
pub mod endpoint;
mod flow;
pub mod hash;
pub mod health;
pub mod http;
mod json_writer;
pub mod lasting;
pub mod lease;
pub mod load;
pub mod local_reply;
pub mod memory;
pub mod orca;
pub mod outlier;
pub mod priority;
pub mod protobuf;
pub mod request;
pub mod request_key;
pub mod retry;
pub mod route;
pub mod shared_value;
pub mod sort;
pub mod split;
pub mod status;
mod time;
pub mod wire;

pub use address::Address;
pub use endpoint::{Endpoint, EndpointIndex, Endpoints, Locality};
pub use flow::Flow;
pub use request::{HeadView, RequestView};
pub use time::{SteadyClock, Timestamp};
