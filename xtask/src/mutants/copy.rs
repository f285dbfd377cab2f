//! The copy of the checkout that the mutants are woven into.
//!
//! Invariant: nothing is woven into the checkout itself. What the checkout has and does not ignore is copied, with its times, so that cargo compiles
//! only what was changed.

use crate::workspace::{quietly, root, target};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the copy is, and what is found out of it.
pub(super) fn place() -> PathBuf {
    target().join("mutants")
}

/// Makes the copy anew, and gives its top folder.
///
/// # Errors
/// When git does not say what there is, or a file cannot be copied.
pub(super) fn copy() -> Result<PathBuf> {
    let copy = place().join("copy");
    if copy.exists() {
        fs::remove_dir_all(&copy).with_context(|| format!("removing {}", copy.display()))?;
    }
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let files = quietly("git ls-files", &mut list)?;
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        // One that is deleted and not yet committed is listed, too.
        if root().join(file).is_file() {
            copy_file(&root().join(file), &copy.join(file)).with_context(|| format!("copying {file}"))?;
        }
    }
    Ok(copy)
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to)?;
    let when = fs::metadata(from)?.modified()?;
    fs::File::options().write(true).open(to)?.set_modified(when)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_file_is_as_old_as_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (root().join("Cargo.toml"), folder.path().join("a/b/Cargo.toml"));
        copy_file(&from, &to).unwrap();
        assert_eq!(fs::read(&from).unwrap(), fs::read(&to).unwrap());
        let when = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(when(&from), when(&to));
    }
}
