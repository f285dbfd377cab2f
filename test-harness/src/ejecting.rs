//! What the scenarios of outlier.wasm share: a document with ejection, and the names of its metrics.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::envoy::Envoy;
use crate::load::{Load, Report};
use crate::steered::{balanced, steered};
use crate::upstream::{Upstream, Upstreams};

/// Envoy with two workers, steered by the document of [`ejecting`].
///
/// # Errors
/// If Envoy does not start.
pub async fn start_ejecting(upstreams: &Upstreams, outlier: &Value) -> anyhow::Result<Envoy> {
    Envoy::start(steered(upstreams, &ejecting(upstreams, outlier)).concurrency(2)).await
}

/// Sends so many requests over eight connections.
///
/// # Errors
/// If the listener is not there.
pub async fn send(envoy: &Envoy, requests: u64) -> anyhow::Result<Report> {
    let load = Load::against(envoy.listener_address("ingress").await?);
    load.requests(requests).concurrency(8).run().await
}

/// The one that misbehaves in a scenario: the first.
///
/// # Errors
/// If there is none.
pub fn bad(upstreams: &Upstreams) -> anyhow::Result<&Upstream> {
    upstreams.first().context("no upstreams")
}

/// All upstreams in round robin, ejected after three consecutive failures for ten minutes unless `outlier` says otherwise.
#[must_use]
pub fn ejecting(upstreams: &Upstreams, outlier: &Value) -> Value {
    let balance = json!({ "policy": "round_robin", "candidates": 3 });
    with_outlier(balanced(upstreams, &balance), outlier)
}

/// The document with an `outlier` section for its first upstream: quick defaults, then these settings.
#[must_use]
pub fn with_outlier(mut document: Value, outlier: &Value) -> Value {
    let mut settings = json!({
        "consecutive_5xx": 3,
        "max_ejection_percent": 50,
        "base_ejection_time": "600s",
        "max_ejection_time": "600s",
        "interval": "1s",
        "enforcing_success_rate": 0,
    });
    if let (Some(settings), Some(more)) = (settings.as_object_mut(), outlier.as_object()) {
        settings.extend(more.clone());
    }
    if let Some(upstream) = document.pointer_mut("/upstreams/0").and_then(Value::as_object_mut) {
        upstream.insert("outlier".to_owned(), settings);
    }
    document
}

/// The full name of a metric of the upstream `checkout`; the other labels as pairs.
#[must_use]
pub fn outlier_stat(metric: &str, labels: &[(&str, &str)]) -> String {
    let labels: String = labels.iter().map(|(label, value)| format!("{label}=.={value};.;")).collect();
    format!("wasmcustom.switchyard.upstream=.=checkout;.;{labels}{metric}")
}

/// The counter of ejections for a reason.
#[must_use]
pub fn ejections(reason: &str) -> String {
    outlier_stat("ejections_total", &[("reason", reason)])
}

/// Waits until the first upstream gets nothing from either worker, by rounds of so many requests, all of which must
/// succeed: what was said by one worker reaches the other's router with its next tick.
///
/// # Errors
/// If it goes on getting requests, or one fails.
pub async fn until_ejected(envoy: &Envoy, upstreams: &Upstreams, requests: u64) -> anyhow::Result<()> {
    envoy
        .until("both routers to leave it out", async || {
            upstreams.forget();
            let report = send(envoy, requests).await?;
            anyhow::ensure!(report.successes() == requests, "a request failed: {:?}", report.by_status);
            Ok((bad(upstreams)?.count() == 0).then_some(()))
        })
        .await
}
