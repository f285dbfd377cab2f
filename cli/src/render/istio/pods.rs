//! What the pods of the proxies need: the labels of metrics, which Istio takes from an annotation.

use super::super::outcome::{Text, head};
use super::super::yaml;
use crate::surroundings::LABELS;
use serde_json::json;

/// A patch for whatever makes the pods.
///
/// # Errors
/// When it cannot be written.
pub(super) fn render() -> anyhow::Result<Text> {
    let annotations = json!({ "sidecar.istio.io/extraStatTags": LABELS.join(",") });
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    let lines = [
        "What the proxies' pods need, made by `switchyard render istio`: labels in metrics. Without it the labels stay inside the names.",
        "Apply it with: kubectl patch deployment NAME -n NAMESPACE --patch-file pods.yaml",
    ];
    Ok(Text { name: "pods.yaml".to_owned(), text: yaml::write(&head(&lines, &[]), &patch)?, is_aside: true })
}
