//! `cargo xtask schema`: the files that are generated from the configuration's types and the codes of findings.

use crate::workspace::root;
use anyhow::Result;
use std::path::PathBuf;

/// Every generated file and what belongs into it.
pub(crate) fn generated() -> [(PathBuf, String); 3] {
    [
        (root().join("envoy-config/switchyard.schema.json"), switchyard_config::schema_json()),
        (root().join("docs/config.md"), switchyard_config::reference_markdown()),
        (root().join("docs/findings.md"), switchyard_cli::pages::markdown()),
    ]
}

/// Writes them.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write() -> Result<()> {
    for (path, text) in generated() {
        std::fs::write(&path, text)?;
        println!("wrote {}", path.strip_prefix(root()).unwrap_or(&path).display());
    }
    Ok(())
}
