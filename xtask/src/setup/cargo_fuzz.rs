//! cargo-fuzz, which runs libFuzzer on the targets in `fuzz/`: the one of this machine, else compiled from its source.

use super::compiled::compiled;
use crate::workspace::{root, target};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// The one that is known to work on the stable tool chain (with `--sanitizer none`).
const VERSION: &str = "0.13.1";

/// A cargo-fuzz that runs.
#[derive(Clone, Debug)]
pub(crate) struct CargoFuzz(PathBuf);

impl CargoFuzz {
    /// Finds it, or compiles it into the target folder.
    ///
    /// # Errors
    /// When it does not compile.
    pub(crate) fn set_up() -> Result<Self> {
        compiled("cargo-fuzz", VERSION, "half a minute").map(Self)
    }

    /// `cargo fuzz COMMAND`, for more arguments. What it compiles goes into the target folder, and its sanitizers, which only the nightly
    /// tool chain has, are off: there is no unsafe code here for them to look at.
    pub(crate) fn command(&self, command: &str) -> Command {
        let mut fuzz = Command::new(&self.0);
        fuzz.args(["fuzz", command, "--sanitizer", "none", "--target-dir"]).arg(target().join("fuzz"));
        fuzz.current_dir(root().join("fuzz")).env("CARGO_INCREMENTAL", "0");
        fuzz
    }
}
