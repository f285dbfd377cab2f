//! Properties of Switchyard that hold for any bytes.
//!
//! Each is a function of bytes that panics where something is wrong. libFuzzer calls them (`fuzz_targets/`), and `tests/` gives them what
//! it has found, without it. Most compare: with serde_json, with a slow and plain model, or with what was written before it is read.
//!
//! Invariant: a target is in [`TARGETS`], in `Cargo.toml` and in `corpus/` by one name; `tests/replay.rs` sees to it.

pub mod batch;
pub mod chain;
pub mod config;
pub mod consistent;
pub mod discovery;
pub mod draw;
pub mod json;
pub mod orca;
pub mod request;
pub mod route;
pub mod shared;
pub mod times;
pub mod wire;

/// A property, by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("answers", wire::answers),
    ("board", shared::board),
    ("body_predicate", json::body_predicate),
    ("budget", shared::budget),
    ("chain", chain::chain),
    ("config_bytes", config::config_bytes),
    ("config_grown", config::config_grown),
    ("consul", discovery::consul),
    ("cookies", request::cookies),
    ("embeddings", batch::embeddings),
    ("envoy_admin", discovery::envoy_admin),
    ("etcd", discovery::etcd),
    ("grpc_timeout", times::grpc_timeout),
    ("header_map", wire::header_map),
    ("http_list", discovery::http_list),
    ("id_list", batch::id_list),
    ("json", json::json),
    ("json_array", batch::json_array),
    ("json_rpc", batch::json_rpc),
    ("ledger", shared::ledger),
    ("orca", orca::orca),
    ("published", wire::published),
    ("query", request::query),
    ("queue_messages", wire::queue_messages),
    ("retry_after", times::retry_after),
    ("ring_and_maglev", consistent::ring_and_maglev),
    ("roster", discovery::roster),
    ("route_table", route::route_table),
    ("stored", discovery::stored),
    ("tally", shared::tally),
];
