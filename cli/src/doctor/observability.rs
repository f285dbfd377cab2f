//! What a graph can show.

use super::check::{Check, Group, Trouble, checked};
use crate::admin::Picture;
use crate::finding::{Code, Severity};
use crate::surroundings::{LABELS, label_begin};
use serde_json::Value;

pub(super) const TAGS: Code = Code {
    id: "SY0751",
    title: "stats_tags",
    severity: Severity::Error,
    page: "A module's metrics have no labels of their own: the filters write them into the name, and Envoy's `stats_tags` take them out \
           again. Without them Prometheus sees `wasmcustom_switchyard_route___api_…`, which no dashboard and no alert of ours \
           finds.\n\nPlace (7) of envoy-config/envoy.yaml has all of them; on Istio the annotation sidecar.istio.io/extraStatTags names them. \
           They are read when Envoy starts.",
};

/// What observability comes to.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    let tags = picture
        .stats_config
        .get("stats_tags")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let takes_out = |label: &&str| {
        let begin = label_begin(label);
        let text =
            |tag: &Value, field: &str| tag.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        tags.iter().any(|tag| text(tag, "tag_name") == **label && text(tag, "regex").contains(&begin))
    };
    let missing: Vec<_> = LABELS.into_iter().filter(|label| !takes_out(label)).collect();
    let mut troubles = Vec::new();
    if !missing.is_empty() {
        troubles.push(Trouble::bad(
            format!("stats_tags lack {}: these labels stand in the metrics' names", missing.join(", ")),
            "add place (7) of envoy-config/envoy.yaml and restart Envoy; on Istio name them in sidecar.istio.io/extraStatTags",
        ));
    }
    checked(Group::Observability, &TAGS, "stats_tags make labels of what the metrics' names carry", troubles)
}
