//! Labels of metrics.

use crate::surroundings::{LABEL_END, LABELS, label_begin};
use serde_json::{Value, json};

/// What turns them into Prometheus labels, in a bootstrap.
pub(in super::super) fn stats_tags() -> Value {
    let tag = |label: &&str| json!({ "tag_name": label, "regex": format!("({}(.*?){LABEL_END})", label_begin(label)) });
    LABELS.iter().map(tag).collect()
}
