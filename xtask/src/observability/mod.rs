//! What is made of the catalogue of metrics: their reference, recording rules and alerts for Prometheus, dashboards for Grafana.
//!
//! Invariant: a metric is named by its constant, so that one that is renamed breaks this build, and no dashboard.

mod reference;

use crate::workspace::root;
use anyhow::Result;
use std::path::PathBuf;

/// Every file and what belongs into it.
///
/// # Errors
/// When a query asks for a label that its metric does not have.
pub(crate) fn files() -> Result<Vec<(PathBuf, String)>> {
    Ok(vec![(root().join("docs/metrics.md"), reference::markdown())])
}
