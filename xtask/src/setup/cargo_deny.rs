//! cargo-deny, which checks the licences, versions and sources of all crates: the one of this machine, else compiled from its source.

use super::compiled::compiled;
use crate::workspace::root;
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
        compiled("cargo-deny", VERSION, "two minutes").map(Self)
    }

    /// `cargo deny`, for more arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.current_dir(root());
        command
    }
}
