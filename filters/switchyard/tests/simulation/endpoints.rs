//! The endpoints: which there are, who is sick, and what could be known against each.

use crate::document::ENDPOINTS;
use crate::truth::Headers;
use crate::weather::{Fault, Weather};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use switchyard_core::contract::CANDIDATES_HEADER;
use switchyard_core::discovery::Roster;

/// Those that the second upstream ever has.
const MOST: u32 = 6;
/// What stands in lists that break off, and must never be named.
pub(crate) const NOBODY: &str = "10.0.9.9:80";

/// All endpoints of a process.
#[derive(Default)]
pub(crate) struct Endpoints {
    /// Those of the second upstream now, by their last number.
    listed: BTreeSet<u32>,
    /// Those that were listed and are no more, each with when the router has heard that.
    pub(crate) left: BTreeMap<String, u64>,
    sick: BTreeSet<String>,
    /// Attempts at each that have failed since it was ejected last.
    failed: BTreeMap<String, u64>,
    /// Those that are ejected, since when that was seen.
    pub(crate) ejected: BTreeMap<String, u64>,
    /// As many were ejected, ever.
    pub(crate) ejections: u64,
}

pub(crate) fn first(last: u32) -> String {
    format!("10.0.0.{last}:80")
}

fn second(last: u32) -> String {
    format!("10.0.1.{last}:80")
}

/// The endpoint that a request or call with these candidates goes to.
pub(crate) fn chosen(candidates: &str) -> String {
    let named = candidates.split(',').next().map(str::trim).filter(|named| !named.is_empty());
    named.map_or_else(|| first(1), str::to_owned)
}

/// The candidates of a call.
pub(crate) fn candidates(headers: &Headers) -> &str {
    crate::truth::value(headers, CANDIDATES_HEADER)
}

impl Endpoints {
    pub(crate) fn new() -> Self {
        Self { listed: [1, 2].into(), ..Self::default() }
    }

    /// As the weather is, some are sick until it changes.
    pub(crate) fn fall_sick(&mut self, weather: &mut Weather) {
        let all = (1..=ENDPOINTS).map(first).chain((1..=MOST).map(second));
        self.sick = all.filter(|_| weather.happens(Fault::Sickness)).collect();
    }

    /// All are well again.
    pub(crate) fn recover(&mut self) {
        self.sick.clear();
    }

    pub(crate) fn is_sick(&self, address: &str) -> bool {
        self.sick.contains(address)
    }

    /// One comes or goes; one stays.
    pub(crate) fn change(&mut self, rng: &mut Rng) {
        let one = rng.u32(1..=MOST);
        if !self.listed.remove(&one) || self.listed.is_empty() {
            self.listed.insert(one);
        }
    }

    /// The list as the registry answers it.
    pub(crate) fn list(&self) -> Vec<u8> {
        let entries: Vec<_> =
            self.listed.iter().map(|last| format!(r#"{{"address": "{}"}}"#, second(*last))).collect();
        format!("[{}]", entries.join(", ")).into_bytes()
    }

    /// Whether these are all that are listed.
    pub(crate) fn are(&self, roster: &Roster) -> bool {
        let named: BTreeSet<_> = roster.members().iter().map(|member| member.address.to_string()).collect();
        named == self.listed.iter().map(|last| second(*last)).collect()
    }

    /// A list that breaks off.
    pub(crate) fn half_a_list(&self) -> Vec<u8> {
        format!(r#"[{{"address": "{NOBODY}"}}, {{"addr"#).into_bytes()
    }

    /// The router has the list.
    pub(crate) fn is_told(&mut self, now: u64) {
        for last in 1..=MOST {
            match self.listed.contains(&last) {
                true => self.left.remove(&second(last)),
                false => Some(*self.left.entry(second(last)).or_insert(now)),
            };
        }
    }

    /// Something happened that counts against this one.
    pub(crate) fn has_failed(&mut self, address: &str) {
        *self.failed.entry(address.to_owned()).or_default() += 1;
    }

    /// It is seen to be ejected: what there was against it. `None`: it was before.
    pub(crate) fn is_ejected(&mut self, address: &str, now: u64) -> Option<u64> {
        if self.ejected.contains_key(address) {
            return None;
        }
        self.ejected.insert(address.to_owned(), now);
        self.ejections += 1;
        Some(self.failed.remove(address).unwrap_or_default())
    }

    pub(crate) fn is_back(&mut self, address: &str) {
        self.ejected.remove(address);
    }
}
