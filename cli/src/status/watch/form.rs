//! What is read of `/status.json`, form 1. docs/status.md has all of it.
//!
//! Invariants: a field that is missing is empty, and one that is not known is passed over, as the form allows both. A text that is to stand in a line has no
//! line end ([`Line`]): names and evidence come from documents and upstreams, and one with a line end in it could make a line that this program did not write.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A text in one line: where it had a line end, it has what JSON writes for that.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub(super) struct Line(String);

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self(if text.contains('\n') { text.replace('\n', "\\n") } else { text })
    }
}

impl std::ops::Deref for Line {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}

/// What is shown of the JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    pub(super) version: u64,
    pub(super) build: Line,
    /// When the newest of what the counters were read from was said; `None`: nothing was.
    pub(super) counters_at_ms: Option<u64>,
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
    pub(super) module: Line,
    pub(super) root: Line,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) in_force: Option<InForce>,
    pub(super) last_refusal: Option<Refusal>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct InForce {
    pub(super) hash: Line,
    pub(super) age_ms: u64,
    pub(super) summary: Line,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) age_ms: u64,
    /// The one text of many lines.
    pub(super) text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Upstream {
    pub(super) name: Line,
    pub(super) policy: Option<Line>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) endpoints_left_out: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Endpoint {
    pub(super) address: Line,
    pub(super) state: Line,
    pub(super) shadow: bool,
    pub(super) share_ppm: Option<u64>,
    pub(super) reason: Option<Line>,
    pub(super) evidence: Option<Line>,
    pub(super) until_in_ms: Option<u64>,
    pub(super) times_ejected: u64,
    pub(super) failure_rate_ppm: Option<u64>,
    pub(super) latency_p90_us: Option<u64>,
    pub(super) in_flight: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counter {
    pub(super) name: Line,
    pub(super) labels: BTreeMap<Line, Line>,
    pub(super) value: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transition {
    pub(super) age_ms: u64,
    pub(super) upstream: Line,
    pub(super) address: Line,
    pub(super) to: Line,
    pub(super) reason: Option<Line>,
    pub(super) evidence: Line,
}
