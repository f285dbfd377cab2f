//! What happened, so that a simulation in which nothing happens is no proof.
//!
//! Everything is counted by its name, so that adding up is written once. The price is that no compiler knows the names:
//! a simulation asks that what it counts has happened often, and what is misspelt never has.

use std::collections::BTreeMap;

/// How often each thing happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// How often that happened.
    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds what happened elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, more) in &other.0 {
            *self.0.entry(name.clone()).or_default() += more;
        }
    }

    /// All that happened often.
    pub(crate) fn has_often(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            assert!(self.of(&name) > 5, "{name}: {}", self.of(&name));
        }
    }
}
