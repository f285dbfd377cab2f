//! `cargo xtask schema`: the files that are generated: from the configuration's types, from the codes of findings, from the catalogue of
//! metrics, and by `switchyard render`.

use crate::observability;
use crate::proof;
use crate::tidy::rendered;
use crate::versions;
use crate::workspace::root;
use anyhow::Result;
use std::path::PathBuf;

/// Every generated file and what belongs into it.
///
/// # Errors
/// When an example cannot be rendered.
pub(crate) fn generated() -> Result<Vec<(PathBuf, String)>> {
    let mut files = vec![
        (root().join("envoy-config/switchyard.schema.json"), switchyard_config::schema_json()),
        (root().join("docs/config.md"), switchyard_config::reference_markdown()),
        (root().join("docs/findings.md"), switchyard_cli::pages::markdown()),
    ];
    files.extend([versions::page()?, proof::page()?]);
    files.extend(observability::files()?);
    files.extend(rendered::examples()?);
    Ok(files)
}

/// Writes them.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write() -> Result<()> {
    for (path, text) in generated()? {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text)?;
        println!("wrote {}", path.strip_prefix(root()).unwrap_or(&path).display());
    }
    Ok(())
}
