//! Endpoints that Envoy takes from a file which it watches (EDS), and its own admin as a cluster.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::process::move_into_place;

/// Makes a cluster of the bootstrap one whose endpoints come from a file, which has those that the bootstrap gives it.
pub(super) fn from_file(bootstrap: &mut Value, directory: &Path, name: &str) -> anyhow::Result<()> {
    let clusters = bootstrap.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    let named = |cluster: &&mut Value| cluster.get("name").and_then(Value::as_str) == Some(name);
    let cluster = clusters
        .and_then(|clusters| clusters.iter_mut().find(named))
        .and_then(Value::as_object_mut)
        .with_context(|| format!("the bootstrap has no cluster {name:?}"))?;
    let assignment = cluster.remove("load_assignment").unwrap_or_else(|| json!({}));
    write(directory, name, assignment.get("endpoints").unwrap_or(&json!([])))?;
    cluster.insert("type".to_owned(), json!("EDS"));
    let config = json!({
        "resource_api_version": "V3",
        "path_config_source": { "path": file(directory, name), "watched_directory": { "path": directory } },
    });
    cluster.insert("eds_cluster_config".to_owned(), json!({ "eds_config": config, "service_name": name }));
    if let Some(root) = bootstrap.as_object_mut() {
        root.entry("node").or_insert_with(|| json!({ "id": "harness", "cluster": "harness" }));
    }
    Ok(())
}

/// Puts the localities of a cluster (`LocalityLbEndpoints`) where Envoy watches.
pub(super) fn write(directory: &Path, cluster: &str, localities: &Value) -> anyhow::Result<()> {
    let assignment = json!({
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster,
        "endpoints": localities,
    });
    move_into_place(&file(directory, cluster), &json!({ "resources": [assignment] }))
}

fn file(directory: &Path, cluster: &str) -> PathBuf {
    // Names of clusters may have slashes and bars in them.
    let safe: String =
        cluster.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    directory.join(format!("endpoints-{safe}.json"))
}
