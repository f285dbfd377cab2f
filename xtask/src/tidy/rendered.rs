//! Manifests in envoy-config/ that `switchyard render` makes of the documents and sites beside them.
//!
//! Invariant: what a user copies is what the program would give him.

use crate::workspace::{files, root};
use anyhow::{Result, anyhow};
use std::fs;
use std::path::{Path, PathBuf};
use switchyard_cli::render::{Platform, read_site, render};
use switchyard_cli::source::File;

/// Each platform, the document, and the folder of its site and its files.
const EXAMPLES: [(Platform, &str, &str); 6] = [
    (Platform::Istio, "istio/document.yaml", "istio"),
    (Platform::Istio, "istio/balanced.yaml", "istio/wasm-plugin"),
    (Platform::Istio, "istio/balanced.yaml", "istio/traffic-extension"),
    (Platform::Istio, "istio/inference-pool/document.yaml", "istio/inference-pool"),
    (Platform::EnvoyGateway, "envoy-gateway/document.yaml", "envoy-gateway"),
    (Platform::Ecds, "switchyard.yaml", "ecds"),
];

/// Every rendered file and what belongs into it.
///
/// # Errors
/// When a document or a site is wrong, or its platform cannot do it.
pub(crate) fn examples() -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for (platform, document, folder) in EXAMPLES {
        let (from, into) =
            (root().join("envoy-config").join(document), root().join("envoy-config").join(folder));
        let site = read_site(&into.join("site.yaml"))?;
        let rendered = render(platform, &File::read(&from)?, &site)
            .map_err(|error| anyhow!("{}: {error:#}", from.display()))?;
        files.extend(rendered.files.into_iter().map(|file| (into.join(file.name), file.text)));
    }
    Ok(files)
}

/// Puts the files beside a bootstrap into a folder, for a bootstrap that takes its filters from them; each as `change` makes it.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn copy_beside(bootstrap: &Path, folder: &Path, change: impl Fn(&str) -> String) -> Result<()> {
    for file in files(bootstrap.parent().unwrap_or(bootstrap), &["yaml"])? {
        if let Some(name) = file.file_name().filter(|_| file != bootstrap) {
            fs::write(folder.join(name), change(&fs::read_to_string(&file)?))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_can_be_made_and_is_no_document() {
        let files = examples().unwrap();
        assert!(files.iter().all(|(path, _)| !path.ends_with("switchyard.yaml")));
        let names: Vec<_> = files.iter().filter_map(|(path, _)| path.file_name()?.to_str()).collect();
        assert_eq!(
            names,
            [
                "envoyfilter.yaml",
                "pods.yaml",
                "wasmplugin.yaml",
                "pods.yaml",
                "trafficextension.yaml",
                "pods.yaml",
                "envoyfilter.yaml",
                "pods.yaml",
                "envoyextensionpolicy.yaml",
                "backendtrafficpolicy.yaml",
                "envoypatchpolicy.yaml",
                "envoy.yaml",
                "switchyard-plugin.yaml",
                "outlier-plugin.yaml"
            ]
        );
    }
}
