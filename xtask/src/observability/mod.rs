//! What is made of the catalogue of metrics: their reference, recording rules and alerts for Prometheus, dashboards for Grafana.
//!
//! Invariant: a metric is named by its constant, so that one that is renamed breaks this build, and no dashboard.

mod alerts;
mod dashboards;
mod query;
mod reference;
mod rules;

use crate::workspace::root;
use anyhow::Result;
use std::path::PathBuf;

/// Every file and what belongs into it.
///
/// # Errors
/// When a query asks for a label that its metric does not have.
pub(crate) fn files() -> Result<Vec<(PathBuf, String)>> {
    let (prometheus, grafana) = (root().join("envoy-config/prometheus"), root().join("envoy-config/grafana"));
    let mut files = vec![
        (root().join("docs/metrics.md"), reference::markdown()),
        (prometheus.join("rules.yml"), rules::rules()?),
        (prometheus.join("alerts.yml"), alerts::alerts()?),
        (prometheus.join("alerts_test.yml"), alerts::cases()?),
    ];
    files.extend(dashboards::dashboards()?.into_iter().map(|(name, text)| (grafana.join(name), text)));
    Ok(files)
}

/// A text as YAML has it between quotes: what JSON's are is the same in YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
