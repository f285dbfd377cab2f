//! cargo-mutants, which knows what is worth changing in a source to see whether a test notices: the one of this machine, else compiled.

use super::compiled::compiled;
use crate::workspace::root;
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// The one whose lists are known to be understood.
const VERSION: &str = "27.1.0";

/// A cargo-mutants that runs.
#[derive(Clone, Debug)]
pub(crate) struct CargoMutants(PathBuf);

impl CargoMutants {
    /// Finds it, or compiles it into the target folder.
    ///
    /// # Errors
    /// When it does not compile.
    pub(crate) fn set_up() -> Result<Self> {
        compiled("cargo-mutants", VERSION, "two minutes").map(Self)
    }

    /// `cargo mutants`, for more arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("mutants").current_dir(root());
        command
    }
}
