//! What is read of `/status.json`, form 1. docs/status.md has all of it.
//!
//! Invariant: a field that is missing is empty, and one that is not known is passed over, as the form allows both.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is shown of the JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    pub(super) version: u64,
    pub(super) build: String,
    pub(super) time_ms: u64,
    pub(super) asking: bool,
    pub(super) configurations: Vec<Configuration>,
    pub(super) workers: Vec<Value>,
    pub(super) upstreams: Vec<Upstream>,
    pub(super) counters: Vec<Counter>,
    pub(super) transitions: Vec<Transition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Configuration {
    pub(super) module: String,
    pub(super) root: String,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) in_force: Option<InForce>,
    pub(super) last_refusal: Option<Refusal>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InForce {
    pub(super) hash: String,
    pub(super) age_ms: u64,
    pub(super) summary: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) age_ms: u64,
    pub(super) text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Upstream {
    pub(super) name: String,
    pub(super) policy: Option<String>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) endpoints_left_out: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Endpoint {
    pub(super) address: String,
    pub(super) state: String,
    pub(super) shadow: bool,
    pub(super) share_ppm: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) evidence: Option<String>,
    pub(super) until_in_ms: Option<u64>,
    pub(super) times_ejected: u64,
    pub(super) failure_rate_ppm: Option<u64>,
    pub(super) latency_p90_us: Option<u64>,
    pub(super) in_flight: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counter {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transition {
    pub(super) age_ms: u64,
    pub(super) upstream: String,
    pub(super) address: String,
    pub(super) to: String,
    pub(super) reason: Option<String>,
    pub(super) evidence: String,
}
