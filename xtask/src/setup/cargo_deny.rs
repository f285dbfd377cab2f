//! cargo-deny, which checks the licences, versions and sources of all crates: the one of this machine, else compiled from its source.

use crate::workspace::{cargo, on_path, quietly, target};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// What `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// A cargo-deny that runs.
#[derive(Debug)]
pub(crate) struct CargoDeny(PathBuf);

impl CargoDeny {
    /// Finds it, or compiles it into the target folder.
    ///
    /// # Errors
    /// When it does not compile.
    pub(crate) fn set_up() -> Result<Self> {
        if let Some(path) = on_path("cargo-deny") {
            return Ok(Self(path));
        }
        let place = target().join("tools").join(format!("cargo-deny-{VERSION}"));
        let program = place.join("bin/cargo-deny");
        if !program.is_file() {
            let mut install = cargo();
            install
                .args(["install", "--quiet", "cargo-deny", "--version", VERSION, "--locked"])
                .arg("--root")
                .arg(&place)
                .arg("--target-dir")
                .arg(target().join("tools/build"))
                // It runs for a second; optimising it takes minutes.
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
                .env("CARGO_PROFILE_RELEASE_LTO", "off");
            quietly("cargo install: cargo-deny (two minutes)", &mut install)?;
        }
        Ok(Self(program))
    }

    /// `cargo deny`, for more arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.current_dir(crate::workspace::root());
        command
    }
}
