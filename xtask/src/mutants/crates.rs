//! The crates whose mutants are tried, and whose tests count for each.
//!
//! Invariant: what a crate decides may be tested where it is used, by crates that stand on it. Trade-off: tests of the command line count for none,
//! since they take seconds each.

use anyhow::{Context, Result, ensure};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crate {
    /// From the checkout's top.
    pub(super) folder: &'static str,
    pub(super) package: &'static str,
    /// Other packages whose tests count.
    others: &'static [&'static str],
}

impl Crate {
    /// The name that it is given by, and stored by.
    pub(super) fn name(&self) -> &'static str {
        self.folder.trim_start_matches("filters/")
    }

    /// Whether a file of the checkout is one of its sources.
    pub(super) fn has(&self, file: &str) -> bool {
        file.strip_prefix(self.folder).is_some_and(|rest| rest.starts_with("/src/"))
    }
}

const CRATES: [Crate; 12] = [
    Crate { folder: "filters/core", package: "switchyard-core", others: CORE },
    Crate { folder: "filters/config", package: "switchyard-config", others: &[] },
    Crate { folder: "filters/host", package: "switchyard-host", others: &["switchyard-frame"] },
    Crate { folder: "filters/frame", package: "switchyard-frame", others: FILTERS },
    Crate { folder: "filters/batch", package: "switchyard-batch", others: CHAIN },
    Crate { folder: "filters/coalesce", package: "switchyard-coalesce", others: CHAIN },
    Crate { folder: "filters/outlier", package: "switchyard-outlier", others: CHAIN },
    Crate { folder: "filters/retry", package: "switchyard-retry", others: CHAIN },
    Crate { folder: "filters/router", package: "switchyard-router", others: CHAIN },
    Crate { folder: "filters/status", package: "switchyard-status", others: &[] },
    Crate { folder: "filters/switchyard", package: "switchyard-switchyard", others: &[] },
    Crate { folder: "cli", package: "switchyard-cli", others: &[] },
];

const CHAIN: &[&str] = &["switchyard-switchyard"];

/// What is decided in core is tested there, or where it is done.
const CORE: &[&str] = &[
    "switchyard-frame",
    "switchyard-batch",
    "switchyard-coalesce",
    "switchyard-outlier",
    "switchyard-retry",
    "switchyard-router",
    "switchyard-switchyard",
];

const FILTERS: &[&str] = &[
    "switchyard-batch",
    "switchyard-coalesce",
    "switchyard-outlier",
    "switchyard-retry",
    "switchyard-router",
    "switchyard-status",
    "switchyard-switchyard",
];

/// The names that a crate may be given by.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CRATES.iter().map(Crate::name)
}

/// The crates of these names.
///
/// # Errors
/// When one is no crate that is looked at, or none is named.
pub(super) fn named(names: &[String]) -> Result<Vec<Crate>> {
    ensure!(!names.is_empty(), "which crate? There are {}", self::names().collect::<Vec<_>>().join(", "));
    let find = |name: &String| {
        let found = CRATES.iter().find(|of| of.name() == name).copied();
        found.with_context(|| format!("{name} is no crate that is looked at"))
    };
    names.iter().map(find).collect()
}

/// The packages whose tests count for any of these, each once.
pub(super) fn packages(crates: &[Crate]) -> Vec<&'static str> {
    let all = crates.iter().flat_map(|of| std::iter::once(of.package).chain(of.others.iter().copied()));
    all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_share_the_packages_whose_tests_count() {
        let found = named(&["retry", "router"].map(str::to_owned)).unwrap();
        assert_eq!(packages(&found), ["switchyard-retry", "switchyard-router", "switchyard-switchyard"]);
        assert!(named(&["retyr".to_owned()]).unwrap_err().to_string().starts_with("retyr is no crate"));
        assert!(named(&[]).is_err());
    }

    #[test]
    fn a_file_is_of_one_crate() {
        let [retry] = named(&["retry".to_owned()]).unwrap()[..] else { panic!() };
        assert!(retry.has("filters/retry/src/lib.rs"));
        assert!(!retry.has("filters/core/src/retry/mod.rs") && !retry.has("filters/retry/tests/ticks.rs"));
    }
}
