//! How many names are not shown: each worker counts those that it had no room for, and many workers have the same.
//!
//! Invariant: no name counts more than once, however many workers have it. Trade-off: of names that no worker had room for, only how many one worker has is
//! known, so of two workers with different ones the one with more counts.

use hashbrown::{HashMap, HashSet};

/// The names of counters, or of upstreams.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    /// Of each module: those that its workers have told, and how many the worker has that has the most.
    modules: HashMap<&'a str, (HashSet<&'a str>, usize)>,
    /// Told, and beyond what is shown.
    beyond: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    /// A worker of this module has told these, and so many more had no room.
    pub(super) fn told(&mut self, module: &'a str, names: &HashSet<&'a str>, more: u32) {
        let (known, most) = self.modules.entry(module).or_default();
        known.extend(names);
        *most = (*most).max(names.len().saturating_add(usize::try_from(more).unwrap_or(usize::MAX)));
    }

    /// This one is not shown.
    pub(super) fn beyond(&mut self, name: &'a str) {
        self.beyond.insert(name);
    }

    /// How many are not shown. Those that are known from elsewhere are among those that workers had no room for.
    pub(super) fn left_out(&self, elsewhere: impl Iterator<Item = &'a str>) -> usize {
        let is_untold = |name: &&str| !self.modules.values().any(|(known, _)| known.contains(name));
        let elsewhere = elsewhere.filter(is_untold).collect::<HashSet<_>>().len();
        let untold = self.modules.values().map(|(known, most)| most.saturating_sub(known.len()));
        let untold = untold.fold(0, usize::saturating_add).saturating_sub(elsewhere);
        untold.saturating_add(self.beyond.len())
    }
}
