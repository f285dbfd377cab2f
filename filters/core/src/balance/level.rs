//! A policy over some of the endpoints of an upstream: those of one level, or of one locality of it.

use super::ask::Ask;
use super::table::Table;
use super::{Candidates, Choice, Policy};
use crate::health::Admission;
use crate::load::Loads;
use crate::{EndpointIndex, Endpoints, Timestamp};

#[derive(Clone, Debug)]
pub(super) struct Level {
    /// By place in the table's list; `None`: all endpoints.
    members: Option<Box<[EndpointIndex]>>,
    table: Table,
}

impl Level {
    /// All endpoints.
    pub(super) fn of_all(policy: &Policy, endpoints: &Endpoints) -> Self {
        Self { members: None, table: Table::new(policy, endpoints) }
    }

    /// These of the endpoints.
    pub(super) fn of(policy: &Policy, members: &[EndpointIndex], endpoints: &Endpoints) -> Self {
        let list = members.iter().filter_map(|index| endpoints.get(*index)).cloned();
        let table = Table::new(policy, &Endpoints::new(list.collect()));
        Self { members: Some(members.into()), table }
    }

    /// The table, if it knows every endpoint by its index.
    pub(super) fn whole(&mut self) -> Option<&mut Table> {
        self.members.is_none().then_some(&mut self.table)
    }

    /// Takes over what endpoints have reported by `now`.
    pub(super) fn refresh(&mut self, now: Timestamp, loads: &Loads) {
        self.table.refresh(now, loads.within(self.members.as_deref()));
    }

    /// How many endpoints it has, if not all.
    pub(super) fn len(&self) -> usize {
        self.members.as_ref().map_or(0, |members| members.len())
    }

    /// How many steps [`Level::parts`] takes, but for one for each endpoint.
    pub(super) fn steps(&self) -> usize {
        self.table.steps()
    }

    /// What its table gives each of its endpoints, and who they are; `None`: as its weights say.
    pub(super) fn parts(&self) -> (Option<&[EndpointIndex]>, Option<Vec<u64>>) {
        (self.members.as_deref(), self.table.parts())
    }

    /// Adds those of its own to `candidates`, best first; `chosen` is scratch.
    pub(super) fn add(
        &mut self,
        choice: &mut Choice<'_>,
        admission: Admission<'_>,
        chosen: &mut Candidates,
        candidates: &mut Candidates,
    ) {
        if candidates.is_full() {
            return;
        }
        let members = self.members.as_deref();
        // Some of those that it chooses may be there already.
        chosen.renew(candidates.limit());
        let ask = Ask {
            hash: choice.hash,
            now: choice.now,
            rng: &mut *choice.rng,
            loads: choice.loads.within(members),
            admission: admission.within(members),
        };
        self.table.choose(ask, chosen);
        for place in chosen.iter() {
            if let Some(index) = members.map_or(Some(place), |members| members.get(place).copied()) {
                candidates.push(index);
            }
        }
    }
}
