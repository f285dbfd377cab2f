//! The trees of a YAML text, of which JSON is a part.
//!
//! Anchors are YAML's, and Envoy takes them too. Merge keys (`<<`) are resolved in what Envoy never reads as YAML; in what it does, they are
//! keys like any other, as Envoy has them, and so an unknown field. `010` is 8, as Envoy and kubectl have it. A key that stands twice is an
//! error, since one of the two is not what its writer thinks.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

/// The YAML documents in `text`; of one that holds nothing but comments, a single `null`. `merges`: whether merge keys are resolved.
///
/// # Errors
/// Where the text stops being YAML.
pub(super) fn trees(text: &str, merges: bool) -> Result<Vec<Value>, String> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(vec![Value::Null]);
    }
    let trees: Vec<Value> = read(text, merges)?;
    Ok(if trees.is_empty() { vec![Value::Null] } else { trees })
}

/// What each of the YAML documents in `text` is as a `T`.
///
/// # Errors
/// As [`trees`].
pub(super) fn read<T: DeserializeOwned>(text: &str, merges: bool) -> Result<Vec<T>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let budget = serde_saphyr::budget! { max_events: 20_000_000, max_nodes: 10_000_000, max_recorded_anchor_events: 100_000 };
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: if merges { MergeKeyPolicy::Merge } else { MergeKeyPolicy::AsOrdinary },
        legacy_octal_numbers: true,
        budget: budget,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| format!("is neither YAML nor JSON: {}", plain(&error.to_string())))
}

/// What the reader says, without the names of its own settings, and with what to do.
fn plain(error: &str) -> String {
    let place =
        error.split_once(" at line ").map(|(_, place)| format!(" at line {place}")).unwrap_or_default();
    let place = place.split(" (").next().unwrap_or_default();
    if error.starts_with("budget breached") {
        return format!(
            "it is too much of it, or its anchors stand for too much{place}; write it out, or make it shorter"
        );
    }
    if let Some((what, _)) = error.split_once(", set DuplicateKeyPolicy") {
        let key = what.rsplit(": ").next().unwrap_or_default();
        return format!("the key {key:?} stands twice{place}; remove one of them");
    }
    if error.starts_with("tabs disallowed") {
        return format!("a tab{place}; indent by spaces");
    }
    error.replace("rejected by the configured policy", "is no number that JSON has")
}
