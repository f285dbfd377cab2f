//! What workers count, put together by name.
//!
//! Invariants: at most [`MOST_COUNTERS`] names, of which those that come later are counted. A counter is the whole process's, so the last word on it counts; what
//! workers have of their own is added up; what a VM has counts once, whichever of its roots has said it last.

use super::names::Names;
use super::snapshot::{Record, Snapshot};
use crate::sort::sort;
use hashbrown::{HashMap, HashSet};

/// As many counters are shown.
pub const MOST_COUNTERS: usize = 2000;

/// A VM: its module and its number there.
pub(super) type Vm<'a> = (&'a str, u32);

/// Counters, gauges and amounts.
#[derive(Default)]
pub(super) struct Counted<'a> {
    values: HashMap<&'a str, u64>,
    of_vms: HashMap<(Vm<'a>, &'a str), u64>,
    names: Names<'a>,
}

impl<'a> Counted<'a> {
    /// A worker of this module says this; the one that has written last comes last.
    pub(super) fn take(&mut self, module: &'a str, snapshot: &'a Snapshot) {
        let (mut told, mut more) = (HashSet::new(), 0);
        for record in snapshot.records() {
            match record {
                Record::Counter(name, value) => {
                    told.insert(name);
                    self.change(name, |counter| *counter = value);
                }
                Record::Amount(name, value) => {
                    told.insert(name);
                    self.change(name, |amount| *amount = amount.saturating_add(value));
                }
                Record::AmountOfVm(name, value) => {
                    told.insert(name);
                    let before = self.of_vms.insert(((module, snapshot.worker.vm), name), value);
                    let before = before.unwrap_or_default();
                    self.change(name, |amount| *amount = amount.saturating_sub(before).saturating_add(value));
                }
                Record::Truncated { counters, .. } => more = counters,
                Record::Upstream(_) | Record::Endpoint(_) => {}
            }
        }
        self.names.told(module, &told, more);
    }

    /// Changes the number of this name, if there is room for it.
    fn change(&mut self, name: &'a str, change: impl FnOnce(&mut u64)) {
        if self.values.len() < MOST_COUNTERS || self.values.contains_key(name) {
            change(self.values.entry(name).or_default());
        } else {
            self.names.beyond(name);
        }
    }

    /// How many names are not shown.
    pub(super) fn left_out(&self) -> usize {
        self.names.left_out(core::iter::empty())
    }

    /// All that are shown, by name.
    pub(super) fn all(self) -> Vec<(&'a str, u64)> {
        let mut all: Vec<_> = self.values.into_iter().collect();
        sort(&mut all);
        all
    }
}
