//! The folder that is handed out.
//!
//! Invariant: it is there whole or as it was before; a folder that is not one of these is never written over. `SHA256SUMS` names every
//! other file, so that one check covers all.

use super::image::header;
use crate::setup::envoy::hex;
use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// By which a folder of an earlier run is known.
const SUMS: &str = "SHA256SUMS";

/// A folder that is being made, beside the place that it is for.
pub(super) struct Folder {
    place: PathBuf,
    partial: PathBuf,
    sums: BTreeMap<String, String>,
}

impl Folder {
    /// Begins one that will be at `place`.
    ///
    /// # Errors
    /// When there is something else at `place`.
    pub(super) fn begin(place: &Path) -> Result<Self> {
        let empty = || fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none());
        ensure!(
            !place.exists() || place.join(SUMS).is_file() || empty(),
            "{} is there and was not made by `cargo xtask dist`: name another folder by --out",
            place.display()
        );
        let mut name =
            place.file_name().with_context(|| format!("{} names no folder", place.display()))?.to_owned();
        name.push(".partial");
        let partial = place.with_file_name(name);
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial).with_context(|| format!("making {}", partial.display()))?;
        Ok(Self { place: place.to_owned(), partial, sums: BTreeMap::new() })
    }

    /// Adds a file; its sha256.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) -> Result<String> {
        let path = self.partial.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        let sha256 = hex(&Sha256::digest(content));
        self.sums.insert(name.to_owned(), sha256.clone());
        Ok(sha256)
    }

    /// Adds a program.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add_program(&mut self, name: &str, content: &[u8]) -> Result<String> {
        let sha256 = self.add(name, content)?;
        fs::set_permissions(self.partial.join(name), fs::Permissions::from_mode(0o755))?;
        Ok(sha256)
    }

    /// Adds files as a folder `name`, and the same as an archive `name.tar`.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) fn add_layout(&mut self, name: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            self.add(&format!("{name}/{path}"), content)?;
            archive.append_data(&mut header(content.len() as u64), path, &content[..])?;
        }
        self.add(&format!("{name}.tar"), &archive.into_inner()?)?;
        Ok(())
    }

    /// Where the files are until the end.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Puts it into its place; what is in its SHA256SUMS.
    ///
    /// # Errors
    /// When it cannot be moved there.
    pub(super) fn end(self) -> Result<String> {
        let sums: String = self.sums.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
        fs::write(self.partial.join(SUMS), &sums)?;
        if self.place.exists() {
            fs::remove_dir_all(&self.place)?;
        }
        fs::rename(&self.partial, &self.place).with_context(|| format!("making {}", self.place.display()))?;
        Ok(sums)
    }
}

/// The files that are in only one of two SHA256SUMS, or not with the same sum.
pub(super) fn differing(sums: &str, others: &str) -> BTreeSet<String> {
    let lines = |sums: &str| sums.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let name =
        |line: &String| line.split_once("  ").map_or_else(|| line.clone(), |(_, name)| name.to_owned());
    lines(sums).symmetric_difference(&lines(others)).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_what_sha256sum_checks() {
        let top = tempfile::tempdir().unwrap();
        let place = top.path().join("dist");
        let mut folder = Folder::begin(&place).unwrap();
        folder.add("a", b"1").unwrap();
        folder.add_program("bin/b", b"2").unwrap();
        let files = BTreeMap::from([("index.json".to_owned(), b"{}".to_vec()), ("x/y".to_owned(), vec![])]);
        folder.add_layout("images/c", &files).unwrap();
        assert!(!place.exists());
        folder.end().unwrap();
        let checked = std::process::Command::new("sha256sum")
            .args(["--check", "--strict", SUMS])
            .current_dir(&place)
            .output();
        let said = String::from_utf8(checked.unwrap().stdout).unwrap();
        assert_eq!(said, "a: OK\nbin/b: OK\nimages/c.tar: OK\nimages/c/index.json: OK\nimages/c/x/y: OK\n");
        let mode = fs::metadata(place.join("bin/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn the_next_run_replaces_all_of_the_last() {
        let top = tempfile::tempdir().unwrap();
        let place = top.path().join("dist");
        for name in ["old", "new"] {
            let mut folder = Folder::begin(&place).unwrap();
            folder.add(name, b"1").unwrap();
            folder.end().unwrap();
        }
        assert!(place.join("new").is_file() && !place.join("old").exists());
    }

    #[test]
    fn files_that_differ_or_are_missing_are_named_once() {
        assert!(differing("11  a\n22  b\n", "22  b\n11  a\n").is_empty());
        let names = differing("11  a\n22  b c\n33  d\n", "11  a\n23  b c\n44  e\n");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["b c", "d", "e"]);
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("precious"), "1").unwrap();
        let error = Folder::begin(top.path()).err().unwrap().to_string();
        assert!(error.contains("was not made by `cargo xtask dist`"), "{error}");
        assert!(top.path().join("precious").is_file());
        let fresh = top.path().join("empty");
        fs::create_dir(&fresh).unwrap();
        Folder::begin(&fresh).unwrap().end().unwrap();
        assert!(fresh.join(SUMS).is_file());
    }
}
