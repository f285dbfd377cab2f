//! Labels of metrics.

use serde_json::{Value, json};

/// The labels in the names of our metrics.
pub(in super::super) const LABELS: [&str; 9] =
    ["route", "upstream", "policy", "reason", "result", "state", "filter", "endpoint", "version"];

/// What turns them into Prometheus labels, in a bootstrap.
pub(in super::super) fn stats_tags() -> Value {
    let tag = |label: &&str| json!({ "tag_name": label, "regex": format!("({label}=\\.=(.*?);\\.;)") });
    LABELS.iter().map(tag).collect()
}
