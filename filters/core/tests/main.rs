//! All tests of the core from outside, as one program: linking one for each file took longer than running them.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod balance_deadlines;
mod balance_exact;
mod balance_invariants;
mod balance_latency;
mod balance_levels;
mod balance_load_reported;
mod balance_moves;
mod balance_shares;
mod balance_support;
mod batch_call;
mod batch_corpus;
mod batch_embeddings;
mod batch_gather;
mod batch_id_list;
mod batch_json;
mod batch_json_array;
mod batch_json_rpc;
mod batch_key;
mod batch_nasty;
mod batch_pace;
mod batch_shares;
mod batch_tolerance;
mod batch_weights;
mod budget;
mod budget_spread;
mod byte_map;
mod chain;
mod coalesce_answer;
mod coalesce_cache;
mod coalesce_flights;
mod coalesce_key;
mod coalesce_passes;
mod coalesce_sharing;
mod deadline;
mod decisions;
mod discovery;
mod discovery_simulation;
mod endpoint_places;
mod hash_request;
mod health_admission;
mod health_load;
mod http_streams;
mod lasting;
mod memory;
mod orca_reports;
mod outlier_bounds;
mod outlier_buckets;
mod outlier_classify;
mod outlier_detectors;
mod outlier_enforce;
mod outlier_heartbeats;
mod outlier_interleavings;
mod outlier_ledger;
mod outlier_published;
mod outlier_readmit;
mod outlier_stall;
mod outlier_support;
mod outlier_timeline;
mod outlier_window;
mod priority_load;
mod request_key_noise;
mod retry_attempts;
mod retry_budgets;
mod retry_exchanges;
mod retry_latency;
mod retry_pick;
mod retry_policy;
mod retry_predicate;
mod retry_stale;
mod retry_steer;
mod ring_bounds;
mod ring_maglev;
mod route_find;
mod sort;
mod split_monotone;
mod status;
mod steady_clock;
mod wire;
