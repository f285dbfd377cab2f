//! A bootstrap whose filters come from files that Envoy watches: the extension discovery service (ECDS) without a server.
//!
//! Invariant: a document changes by replacing one file; listener and clusters stay. The folder is watched, since a ConfigMap's files are
//! replaced by a symbolic link of their folder.
//! Trade-off: while a file is not there, requests are answered with 500.

use super::bootstrap;
use super::outcome::{Remarks, Rendered, Text, head};
use super::piece;
use super::site::{Minor, Site};
use super::wanted::Wanted;
use super::yaml;
use serde_json::{Value, json};

const EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// The bootstrap and a file for each plugin.
///
/// # Errors
/// With what it cannot do.
pub(super) fn render(wanted: &Wanted, site: &Site) -> anyhow::Result<Rendered> {
    let mut remarks = Remarks::default();
    let switchyard = bootstrap::switchyard(wanted, site);
    let outlier = bootstrap::outlier(site);
    let filter = piece::discovered(switchyard.name, &source(site, "switchyard-plugin.yaml"));
    let judge = wanted.judges.then(|| {
        if site.envoy < Minor(1, 40) {
            remarks.warn(upstream_fault(site.envoy));
        }
        piece::discovered(outlier.name, &source(site, "outlier-plugin.yaml"))
    });
    let tree = bootstrap::tree(wanted, site, &filter, judge, &mut remarks);
    let warnings = remarks.settle()?;
    let lines = [
        "Envoy's bootstrap, made by `switchyard render ecds`; render again rather than edit.",
        "Its plugins come from the other files, which belong into the folder that it names.",
    ];
    let mut files = vec![Text {
        name: "envoy.yaml".to_owned(),
        text: yaml::write(&head(&lines, &warnings), &tree)?,
        is_aside: false,
    }];
    let lines = [
        "The plugin switchyard with its document, made by `switchyard render ecds`.",
        "To replace it: write the new one beside it, then move it into its place.",
    ];
    files.push(Text {
        name: "switchyard-plugin.yaml".to_owned(),
        text: yaml::write(&head(&lines, &[]), &resources(&switchyard))?,
        is_aside: false,
    });
    if wanted.judges {
        let lines = ["The plugin that judges attempts, made by `switchyard render ecds`."];
        files.push(Text {
            name: "outlier-plugin.yaml".to_owned(),
            text: yaml::write(&head(&lines, &[]), &resources(&outlier))?,
            is_aside: false,
        });
    }
    Ok(Rendered { files, warnings })
}

/// What is known against upstream filters by discovery in this Envoy.
pub(super) fn upstream_fault(envoy: Minor) -> String {
    format!(
        "Envoy {envoy} may use memory that is freed where an upstream filter comes by discovery (mended in 1.40), as outlier.wasm does here; a file on the proxy avoids it."
    )
}

fn source(site: &Site, file: &str) -> Value {
    json!({
        "resource_api_version": "V3",
        "path_config_source": {
            "path": format!("{}/{file}", site.ecds_folder),
            "watched_directory": { "path": site.ecds_folder },
        },
    })
}

fn resources(plugin: &piece::Plugin<'_>) -> Value {
    let mut extension = piece::extension(plugin);
    if let Some(extension) = extension.as_object_mut() {
        extension.insert("@type".to_owned(), json!(EXTENSION));
    }
    json!({ "resources": [extension] })
}
