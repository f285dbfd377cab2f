//! The status page: whether it shows the filters that there are, and shows them to nobody else.
//!
//! Invariant: it is one of the plugins wherever their settings are looked at, and none where their documents are.
//! Trade-off: filter chains of one listener count as one, since who reaches which is a matter of addresses and names that are not looked at.

use super::check::{Check, Group, Trouble, checked, list};
use crate::admin::{Picture, Running};
use crate::finding::{Code, Severity};
use crate::source::Filter;
use std::collections::BTreeSet;
use switchyard_frame::metrics::catalogue::BUILD_INFO;

pub(super) const APART: Code = Code {
    id: "SY0709",
    title: "status page apart from clients",
    severity: Severity::Warning,
    page: "status.wasm shows the names of routes, hosts and clusters, the addresses of endpoints, and what is wrong with them to whoever reaches \
           its listener. In one that has a filter with a document, that is every client.\n\nMove it to a listener that clients do not reach, as \
           that of the metrics: place (8) of envoy-config/envoy.yaml.",
};

/// What there is to say of the page alone.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    let clients = |page: &Running| {
        let behind = picture.filters().find(|one| one.place == page.place && one.carried.serves_clients())?;
        Some(Trouble::warning(
            format!(
                "{} has {} and the status page {}: clients see names, addresses and what is wrong",
                page.place,
                behind.name(),
                page.name()
            ),
            "move status.wasm to a listener that clients do not reach, place (8) of envoy-config/envoy.yaml",
        ))
    };
    let troubles = picture.pages().filter_map(clients).collect();
    let places: BTreeSet<_> = picture.pages().map(|page| page.place.to_string()).collect();
    let found = match places.len() {
        0 => "no listener has the status page".to_owned(),
        _ => format!("no filter of clients' requests is beside the status page, in {}", list(places)),
    };
    checked(Group::Modules, &APART, found, troubles)
}

/// Pages under another `vm_id` than those of the filters: they say that nothing is wrong, whatever is.
pub(super) fn blind(picture: &Picture, filters: &BTreeSet<&str>) -> Vec<Trouble> {
    let others = picture.pages().filter(|page| !filters.contains(page.carried.vm_id()));
    let trouble = |page: &Running| {
        let ids = list(filters.iter().map(|id| format!("{id:?}")));
        let said = format!(
            "{}, {}: has the vm_id {:?}, and the filters have {ids}: it shows nothing of them, as if all were well",
            page.place,
            page.name(),
            page.carried.vm_id()
        );
        Trouble::bad(said, "give status.wasm the vm_id of the filters")
    };
    others.map(trouble).collect()
}

/// What is to be added to the word that all versions are the same: the metrics do not have the page's.
pub(super) fn of_unknown_version(picture: &Picture) -> &'static str {
    let page = Filter::Status.to_string();
    let is_known = picture.metrics.named(BUILD_INFO.name).any(|info| info.label("filter") == page);
    let is_there = picture.pages().next().is_some();
    if is_there && !is_known { "; that of status.wasm stands on its page alone" } else { "" }
}
