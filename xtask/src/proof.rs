//! docs/proof.md, made of what is stored of runs that are too long for every change: mutants and fuzzing.
//!
//! Invariant: nothing stands there that is not stored, but for the words around it.

use crate::workspace::root;
use crate::{fuzz, mutants};
use anyhow::Result;
use std::path::PathBuf;

const BEFORE: &str = "# What long runs found

Every change runs `cargo xtask test`. What takes hours is run now and then, and what came of it last is stored and stands here: this page is made by
`cargo xtask schema` of docs/figures/mutants/ and docs/figures/fuzz/. How each is run is in [CONTRIBUTING.md](../CONTRIBUTING.md); how often the
simulation had each invariant at stake, in [architecture.md](architecture.md).
";

/// Where it is, and what belongs into it.
///
/// # Errors
/// When what is stored cannot be read.
pub(crate) fn page() -> Result<(PathBuf, String)> {
    let text = format!("{BEFORE}\n{}\n{}", fuzz::section(&root())?, mutants::section(&root())?);
    Ok((root().join("docs/proof.md"), text))
}
