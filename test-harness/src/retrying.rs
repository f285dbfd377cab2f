//! What the scenarios of retry share: a document with a retry policy, and the names of its metrics.

use serde_json::{Value, json};

use crate::envoy::Envoy;
use crate::steered::{balanced, retried};
use crate::upstream::Upstreams;

/// Envoy with two workers and this retry policy on its only route.
///
/// # Errors
/// If Envoy does not start.
pub async fn start_retrying(upstreams: &Upstreams, retry: &Value) -> anyhow::Result<Envoy> {
    Envoy::start(retried(upstreams, &retrying(upstreams, retry)).concurrency(2)).await
}

/// All upstreams in round robin, with this retry policy; waits are short and the budget is ample unless it says otherwise.
#[must_use]
pub fn retrying(upstreams: &Upstreams, retry: &Value) -> Value {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin", "candidates": 3 }));
    let mut settings = json!({ "budget": { "ratio": 1, "min_per_second": 100 } });
    if retry.get("engine") == Some(&json!("filter")) {
        settings = json!({
            "budget": { "ratio": 1, "min_per_second": 100 },
            "back_off": { "base": "1ms", "max": "5ms" },
        });
    }
    if let (Some(settings), Some(more)) = (settings.as_object_mut(), retry.as_object()) {
        settings.extend(more.clone());
    }
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut) {
        route.insert("retry".to_owned(), settings);
    }
    document
}

/// The full name of a metric of the route `all`; the other labels as pairs.
#[must_use]
pub fn retry_stat(metric: &str, labels: &[(&str, &str)]) -> String {
    let labels: String = labels.iter().map(|(label, value)| format!("{label}=.={value};.;")).collect();
    format!("wasmcustom.switchyard.route=.=all;.;{labels}{metric}")
}
