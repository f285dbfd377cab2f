//! Builds a module once more from another folder, with another folder of cargo's, and compares the bytes.
//!
//! Trade-off: one module, since all take minutes. What could differ (paths in messages, hashes of paths, the order of code) comes of the
//! compiler and of the crates that all of them have.

use crate::build;
use crate::setup::{Install, Place};
use crate::workspace::{root, wasm_dir};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The module: it has the configuration's reader, the frame and the core within, and is the smallest that has.
const MODULE: &str = "outlier";

/// What is no source, at the checkout's top.
const NO_SOURCE: [&str; 2] = ["target", ".git"];

/// Compares with the module that `cargo xtask build` left.
///
/// # Errors
/// When the bytes differ, with where, or the build fails.
pub(super) fn compare() -> Result<()> {
    let top = tempfile::Builder::new().prefix("switchyard-again-").tempdir()?;
    let place = elsewhere(&root(), &Place::here(), top.path())?;
    let again = build::build_elsewhere(MODULE, &place, Install::Allowed)?;
    let first = fs::read(wasm_dir().join(format!("{MODULE}.wasm")))?;
    differ(&first, &again).map_or(Ok(()), |why| {
        Err(anyhow::anyhow!("{MODULE}.wasm built from {}: {why}", place.root.display()))
    })?;
    for path in [root(), place.root].iter().chain(&Place::here().cargo_home) {
        let path = path.to_string_lossy();
        ensure!(!holds(&first, path.as_bytes()), "{MODULE}.wasm has the path {path} within");
    }
    Ok(())
}

/// A copy of the checkout below `top`, and another folder for cargo, with the same crates in it.
fn elsewhere(checkout: &Path, here: &Place, top: &Path) -> Result<Place> {
    let root = top.join("a checkout elsewhere");
    fs::create_dir(&root)?;
    for entry in fs::read_dir(checkout)? {
        let entry = entry?;
        if !NO_SOURCE.iter().any(|name| entry.file_name() == *name) {
            copy(&entry.path(), &root.join(entry.file_name()))?;
        }
    }
    let cargo_home = here.cargo_home.as_ref().map(|home| {
        let other = top.join("another-home");
        fs::create_dir(&other)?;
        for name in ["registry", "git", "config.toml", "config"] {
            if home.join(name).exists() {
                symlink(home.join(name), other.join(name))?;
            }
        }
        Ok::<_, std::io::Error>(other)
    });
    Ok(Place { root, target: top.join("another-target"), cargo_home: cargo_home.transpose()? })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
        return Ok(());
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// How the second differs from the first; `None` when it does not.
fn differ(first: &[u8], second: &[u8]) -> Option<String> {
    let at = first.iter().zip(second).position(|(one, other)| one != other);
    match at {
        Some(at) => Some(format!("differs from byte {at} on ({} and {} bytes)", first.len(), second.len())),
        None if first.len() == second.len() => None,
        None => Some(format!("has {} bytes, not {}", second.len(), first.len())),
    }
}

fn holds(content: &[u8], part: &[u8]) -> bool {
    content.windows(part.len().max(1)).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_by_its_place() {
        assert_eq!(differ(b"abc", b"abc"), None);
        assert_eq!(differ(b"abc", b"abd").unwrap(), "differs from byte 2 on (3 and 3 bytes)");
        assert_eq!(differ(b"abc", b"ab").unwrap(), "has 2 bytes, not 3");
        assert!(holds(b"in /root/x.rs", b"/root") && !holds(b"in /rust/x.rs", b"/root"));
    }

    #[test]
    fn the_copy_has_the_sources_and_the_crates_and_nothing_that_was_built() {
        let top = tempfile::tempdir().unwrap();
        let (checkout, home, other) = (top.path().join("a"), top.path().join("h"), top.path().join("b"));
        for folder in ["a/target/wasm", "a/.git", "a/filters/core/target-like", "h/registry/src", "b"] {
            fs::create_dir_all(top.path().join(folder)).unwrap();
        }
        fs::write(checkout.join("filters/core/lib.rs"), "code").unwrap();
        fs::write(home.join("registry/src/crate.rs"), "theirs").unwrap();
        let here = Place { root: checkout.clone(), target: checkout.join("target"), cargo_home: Some(home) };
        let place = elsewhere(&checkout, &here, &other).unwrap();
        assert_eq!(fs::read_to_string(place.root.join("filters/core/lib.rs")).unwrap(), "code");
        assert!(!place.root.join("target").exists() && !place.root.join(".git").exists());
        let home = place.cargo_home.unwrap();
        assert_eq!(fs::read_to_string(home.join("registry/src/crate.rs")).unwrap(), "theirs");
        assert!(home.starts_with(&other) && place.target.starts_with(&other));
    }
}
