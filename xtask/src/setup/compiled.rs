//! Programs of crates.io that cargo runs as subcommands: the one of this machine, else compiled from its source.
//!
//! Invariant: what is compiled goes into the target folder, at the version that is known to work. Trade-off: it is not optimised, for such
//! a program calls others or runs for a second, and optimising it takes minutes; and one of this machine is taken at whatever version it is.

use crate::workspace::{cargo, on_path, quietly, target};
use anyhow::Result;
use std::path::PathBuf;

/// The program `name`, of the crate of that name; `how_long` says what compiling it takes.
///
/// # Errors
/// When it does not compile.
pub(super) fn compiled(name: &str, version: &str, how_long: &str) -> Result<PathBuf> {
    if let Some(path) = on_path(name) {
        return Ok(path);
    }
    let place = target().join("tools").join(format!("{name}-{version}"));
    let program = place.join("bin").join(name);
    if !program.is_file() {
        let mut install = cargo();
        install
            .args(["install", "--quiet", name, "--version", version, "--locked"])
            .arg("--root")
            .arg(&place)
            .arg("--target-dir")
            .arg(target().join("tools/build"))
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off");
        quietly(&format!("cargo install: {name} ({how_long})"), &mut install)?;
    }
    Ok(program)
}
