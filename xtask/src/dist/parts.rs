//! What is inside a module or a program: the crates that are linked into it.
//!
//! Sources: `cargo tree` for which crates, since it resolves features as a build of that one package does (`cargo metadata` takes the
//! whole workspace's together and would list what only a test has); `cargo metadata` for what they say of themselves; Cargo.lock for
//! their checksums.
//! Invariant: crates that run only while it is built (build scripts, macros, tests) are not among them. Rust's own library is.

use crate::workspace::{cargo, quietly, root};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Name and version of a crate.
pub(super) type Key = (String, String);

/// A crate that is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// An SPDX expression.
    pub(super) licence: String,
    /// The registry's sha256 of it; `None` for the workspace's own.
    pub(super) checksum: Option<String>,
    /// Where its sources are on this machine.
    pub(super) folder: PathBuf,
}

/// All crates that a package's module or program consists of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// The package itself.
    pub(super) top: Key,
    pub(super) parts: BTreeMap<Key, Part>,
    /// Which crates each takes directly.
    pub(super) takes: BTreeMap<Key, BTreeSet<Key>>,
}

/// What the workspace's crates say of themselves.
pub(super) struct Known(BTreeMap<Key, Part>);

impl Known {
    /// Reads all packages of the workspace and what they depend on.
    ///
    /// # Errors
    /// When cargo or Cargo.lock cannot be read.
    pub(super) fn read() -> Result<Self> {
        let mut metadata = cargo();
        metadata.args(["metadata", "--format-version", "1"]);
        let metadata = serde_json::from_str(&quietly("reading the crates", &mut metadata)?)?;
        let lock = std::fs::read_to_string(root().join("Cargo.lock")).context("reading Cargo.lock")?;
        Ok(Self(known(&metadata, &checksums(&lock))))
    }

    /// What is inside a build of `package` for this target.
    ///
    /// # Errors
    /// When cargo knows no such package, or a crate says nothing of its licence.
    pub(super) fn inside(&self, package: &str, target: &str) -> Result<Parts> {
        let mut tree = cargo();
        tree.args(["tree", "--package", package, "--target", target, "--edges", "normal,no-proc-macro"]);
        tree.args(["--prefix", "depth", "--format", " {p}", "--no-dedupe"]);
        let listing = quietly(&format!("listing what is in {package}"), &mut tree)?;
        let (top, takes) = read_tree(&listing).with_context(|| format!("cargo tree of {package}"))?;
        let part = |key: &Key| {
            let part =
                self.0.get(key).with_context(|| format!("{} {} says nothing of itself", key.0, key.1))?;
            Ok((key.clone(), part.clone()))
        };
        let parts = takes.keys().map(part).collect::<Result<_>>()?;
        Ok(Parts { top, parts, takes })
    }
}

fn known(metadata: &Value, checksums: &BTreeMap<Key, String>) -> BTreeMap<Key, Part> {
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    packages
        .filter_map(|package| {
            let text = |name: &str| package.get(name).and_then(Value::as_str);
            let key = (text("name")?.to_owned(), text("version")?.to_owned());
            let folder = Path::new(text("manifest_path")?).parent()?.to_owned();
            let checksum = checksums.get(&key).cloned();
            Some((key, Part { licence: expression(text("license")?), checksum, folder }))
        })
        .collect()
}

/// An SPDX expression of what a manifest says: before there were those, `/` meant "or".
fn expression(licence: &str) -> String {
    licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

/// The registry's checksums in a Cargo.lock.
fn checksums(lock: &str) -> BTreeMap<Key, String> {
    let field = |package: &str, name: &str| {
        let value = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
        Some(value.strip_suffix('"')?.to_owned())
    };
    let packages = lock.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?))
        })
        .collect()
}

/// What `cargo tree` prints with depths: `2 serde v1.0.228`, the first the package itself.
fn read_tree(listing: &str) -> Result<(Key, BTreeMap<Key, BTreeSet<Key>>)> {
    let mut takes = BTreeMap::<Key, BTreeSet<Key>>::new();
    let mut above = Vec::<Key>::new();
    for line in listing.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let mut word = || words.next().with_context(|| format!("cannot read {line:?}"));
        let depth: usize = word()?.parse()?;
        let key = (word()?.to_owned(), word()?.trim_start_matches('v').to_owned());
        above.truncate(depth);
        if let Some(parent) = above.last() {
            takes.entry(parent.clone()).or_default().insert(key.clone());
        }
        takes.entry(key.clone()).or_default();
        above.push(key);
    }
    Ok((above.into_iter().next().context("it is empty")?, takes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(name: &str, version: &str) -> Key {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn a_tree_says_who_takes_what() {
        let tree = "0 top v0.1.0 (/somewhere/top)\n1 a v1.0.0\n2 c v3.0.0\n1 b v2.0.0-rc.1\n2 c v3.0.0\n";
        let (top, takes) = read_tree(tree).unwrap();
        assert_eq!(top, key("top", "0.1.0"));
        let c = BTreeSet::from([key("c", "3.0.0")]);
        assert_eq!(
            takes,
            BTreeMap::from([
                (key("a", "1.0.0"), c.clone()),
                (key("b", "2.0.0-rc.1"), c),
                (key("c", "3.0.0"), BTreeSet::new()),
                (key("top", "0.1.0"), BTreeSet::from([key("a", "1.0.0"), key("b", "2.0.0-rc.1")])),
            ])
        );
        assert!(read_tree("").is_err());
        assert_eq!(read_tree("0 top").unwrap_err().to_string(), "cannot read \"0 top\"");
    }

    #[test]
    fn the_checksum_is_the_one_of_that_version() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"11\"\n\n[[package]]\n\
                    name = \"a\"\nversion = \"2.0.0\"\nchecksum = \"22\"\ndependencies = [\n \"b\",\n]\n\n[[package]]\n\
                    name = \"own\"\nversion = \"0.1.0\"\n";
        let expected = [(key("a", "1.0.0"), "11".to_owned()), (key("a", "2.0.0"), "22".to_owned())];
        assert_eq!(checksums(lock), BTreeMap::from(expected));
    }

    #[test]
    fn a_crate_is_known_by_its_own_words() {
        let metadata = json!({"packages": [
            {"name": "a", "version": "1.0.0", "license": "MIT/Apache-2.0", "manifest_path": "/x/a/Cargo.toml"},
            {"name": "silent", "version": "1.0.0", "license": null, "manifest_path": "/x/b/Cargo.toml"},
        ]});
        let known = known(&metadata, &BTreeMap::from([(key("a", "1.0.0"), "11".to_owned())]));
        let part = Part {
            licence: "MIT OR Apache-2.0".to_owned(),
            checksum: Some("11".to_owned()),
            folder: "/x/a".into(),
        };
        assert_eq!(known, BTreeMap::from([(key("a", "1.0.0"), part)]));
    }

    #[test]
    fn what_only_tests_and_the_schema_need_is_not_inside_a_module() {
        let parts = Known::read().unwrap().inside("switchyard-router", "wasm32-unknown-unknown").unwrap();
        let names: Vec<_> = parts.parts.keys().map(|(name, _)| &**name).collect();
        assert_eq!(parts.top.0, "switchyard-router");
        for inside in ["proxy-wasm", "switchyard-config", "switchyard-core", "serde"] {
            assert!(names.contains(&inside), "{inside} is missing: {names:?}");
        }
        for outside in ["serde_derive", "schemars", "proptest", "clap"] {
            assert!(!names.contains(&outside), "{outside} is there: {names:?}");
        }
    }
}
