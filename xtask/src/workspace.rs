//! The checkout, and running programs in it.
//!
//! Invariant: a program that fails says what it printed and what to do next; nothing is written outside the
//! checkout.

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The checkout's top folder.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Where everything that is made goes.
pub(crate) fn target() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(given)
}

/// Where `cargo xtask build` leaves the modules.
pub(crate) fn wasm_dir() -> PathBuf {
    root().join("target/wasm")
}

/// A path as it is named in the checkout.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The files below a folder with one of these extensions, but for what is made and what is hidden.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, extensions)?);
        } else if path.extension().is_some_and(|have| extensions.iter().any(|want| have == *want)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The pages of the documentation.
///
/// # Errors
/// When docs/ cannot be read.
pub(crate) fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = files(&root().join("docs"), &["md"])?;
    let others = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "cli/README.md"];
    pages.extend(others.map(|name| root().join(name)));
    Ok(pages)
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Shows that something goes on, for whatever may take longer than two seconds. On a terminal it spins; in a log
/// it is one line.
pub(crate) fn working(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if bar.is_hidden() {
        eprintln!("   {what}");
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Runs `command` quietly under a spinner; its output is shown only if it fails.
///
/// # Errors
/// When it cannot start or fails, with the end of its output.
pub(crate) fn quietly(what: &str, command: &mut Command) -> Result<String> {
    let bar = working(what);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} did not start", command.get_program().to_string_lossy()));
    bar.finish_and_clear();
    let output = output?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let text = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(60)..).unwrap_or_default().join("\n");
        bail!("{what} failed ({}):\n{tail}", output.status);
    }
    Ok(stdout)
}

/// Runs `command` with its output on the terminal.
///
/// # Errors
/// When it cannot start or fails.
pub(crate) fn aloud(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{program} did not start"))?;
    if !status.success() {
        bail!("{program} failed ({status}); what it printed above says why");
    }
    Ok(())
}

/// The first program `name` on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
