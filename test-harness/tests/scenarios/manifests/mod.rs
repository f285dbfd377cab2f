//! What `switchyard render` makes runs in a real Envoy, whose bootstrap has the platform's shape: names of clusters, discovery, plugins,
//! metadata. There is no control plane here: [`istio`] and [`gateway`] do to the bootstrap what Istio's and Envoy Gateway's do by their
//! sources (docs/platforms.md names them).

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod beside;
mod doctor;
mod extension;
mod files;
mod gateway;
mod istio;
mod merge;
mod mesh;
mod patch;
mod pool;
mod processor;
mod shape;
mod virtual_service;

use serde_json::Value;
use std::path::{Path, PathBuf};
use switchyard_cli::render::site::Site;
use switchyard_cli::render::{Platform, Rendered, read_site, render};
use switchyard_cli::source::File;

type Outcome = anyhow::Result<()>;

/// A file or folder below envoy-config/.
fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envoy-config").join(path)
}

/// The example in this folder of envoy-config/, with its site changed like this.
fn example(platform: Platform, folder: &str, change: impl FnOnce(&mut Site)) -> anyhow::Result<Rendered> {
    let mut site = read_site(&shipped(&format!("{folder}/site.yaml")))?;
    change(&mut site);
    render(platform, &File::read(&shipped(&format!("{folder}/document.yaml")))?, &site)
}

/// The YAML documents in a rendered file.
fn trees(rendered: &Rendered, name: &str) -> anyhow::Result<Vec<Value>> {
    let text = rendered.files.iter().find(|file| file.name == name).expect("the file");
    Ok(File::parse(name, &text.text)?.trees)
}

/// Where the modules are that were built.
fn modules() -> PathBuf {
    let named = std::env::var_os("SWITCHYARD_WASM_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/wasm"))
}
