//! What stands around a plugin's document: what becomes of it after a trap, whether it is given bodies, and under which id its VM runs.

use super::check::{Check, Group, Trouble, checked, list};
use super::page;
use crate::admin::Picture;
use crate::finding::{Code, Severity};
use crate::surroundings::{self, Need, RELOAD, STOP_FLAG};
use std::collections::{BTreeMap, BTreeSet};
use switchyard_frame::metrics::catalogue::EJECTION_DISCONNECTED;

pub(super) const FAILURE_POLICY: Code = Code {
    id: "SY0706",
    title: "failure policy",
    severity: Severity::Warning,
    page: "After a trap Envoy's default fails every request of the worker for ever, and FAIL_OPEN lets them go without the filter for \
           ever; with FAIL_RELOAD the next request gets a new VM.\n\nSet `failure_policy: FAIL_RELOAD` and `reload_config: {backoff: \
           {base_interval: 0.05s}}`.",
};

pub(super) const STOP_FLAG_CODE: Code = Code {
    id: "SY0707",
    title: "allow_on_headers_stop_iteration",
    severity: Severity::Error,
    page: "A route that batches, has the body in its coalescing key, or judges answers by their body or gRPC trailers holds a head back \
           until the body is there. Envoy gives the body to the filter only with `allow_on_headers_stop_iteration: true` in the plugin's \
           configuration. Without it such requests are not batched and not coalesced, and such answers are not judged.\n\nIstio's \
           WasmPlugin and Envoy Gateway's EnvoyExtensionPolicy have no field for it: on Istio the filter comes by an EnvoyFilter.",
};

pub(super) const ONE_VM_ID: Code = Code {
    id: "SY0708",
    title: "one vm_id",
    severity: Severity::Error,
    page: "Plugins share data, and so who is ejected, under one `vm_id`. Under different ones outlier judges and the router does not hear \
           of it, and outlier.wasm without a document of its own has no settings at all. The status page shows nothing of \
           filters under another one, and looks as if all were well.\n\nGive all plugins the same `vm_id`. \
           docs/outlier.md says what is lost under different ones.",
};

/// What each of the settings comes to.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    [failure_policy(picture), stop_flag(picture), one_vm_id(picture)].concat()
}

fn failure_policy(picture: &Picture) -> Vec<Check> {
    let mut others: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for plugin in picture.plugins.iter().filter(|plugin| plugin.carried.failure_policy() != RELOAD) {
        others.entry(plugin.carried.failure_policy()).or_default().insert(plugin.name());
    }
    let trouble = |(policy, names): (&str, BTreeSet<&str>)| {
        let said = format!("{}: {policy}, so a trap lasts until Envoy is started again", list(names));
        Trouble::warning(
            said,
            "set failure_policy: FAIL_RELOAD, with reload_config: {backoff: {base_interval: 0.05s}}",
        )
    };
    let troubles = others.into_iter().map(trouble).collect();
    checked(Group::Modules, &FAILURE_POLICY, "after a trap they are loaded again (FAIL_RELOAD)", troubles)
}

fn stop_flag(picture: &Picture) -> Vec<Check> {
    let mut troubles = Vec::new();
    let mut is_needed = false;
    for plugin in &picture.plugins {
        let needs = surroundings::bodies(&plugin.carried.tree);
        let (must, better): (Vec<_>, Vec<_>) =
            needs.into_iter().filter(|need| plugin.filter.does(need.filter)).partition(|need| need.is_must);
        is_needed |= !must.is_empty() || !better.is_empty();
        if plugin.carried.stop_flag() {
            continue;
        }
        let said = |needs: &[Need]| {
            let needs = list(needs.iter().map(|need| format!("{} ({})", need.path, need.why)));
            format!(
                "{}, {}: lacks {STOP_FLAG}, without which bodies never come: {needs}",
                plugin.place,
                plugin.name()
            )
        };
        let next = format!("set {STOP_FLAG}: true beside vm_config");
        if !must.is_empty() {
            troubles.push(Trouble::bad(said(&must), next));
        } else if !better.is_empty() {
            troubles.push(Trouble::warning(said(&better), next));
        }
    }
    let found =
        if is_needed { "bodies are given to the plugins that need them" } else { "no route needs bodies" };
    checked(Group::Modules, &STOP_FLAG_CODE, found, troubles)
}

fn one_vm_id(picture: &Picture) -> Vec<Check> {
    let mut by_id: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for plugin in picture.filters() {
        by_id.entry(plugin.carried.vm_id()).or_default().insert(plugin.name());
    }
    let mut troubles = Vec::new();
    if by_id.len() > 1 {
        let said = by_id.iter().map(|(id, names)| format!("{id:?} ({})", list(names))).collect::<Vec<_>>();
        troubles.push(Trouble::bad(
            format!("different vm_ids share nothing, not who is ejected either: {}", list(said)),
            "give all plugins the same vm_id",
        ));
    } else {
        let apart = picture.metrics.named(EJECTION_DISCONNECTED.name).filter(|gauge| gauge.value > 0);
        troubles.extend(apart.map(|gauge| {
            let of = gauge.label("upstream");
            let of = if of.is_empty() { String::new() } else { format!(", upstream {of}") };
            Trouble::bad(
                format!("{}{of}: finds nobody under this vm_id to eject with", gauge.label("filter")),
                "outlier.wasm and the router need the same vm_id, the same version, and a document with `outlier` in one of them",
            )
        }));
    }
    troubles.extend(page::blind(picture, &by_id.keys().copied().collect()));
    let id = by_id.keys().next().copied().unwrap_or_default();
    checked(Group::Modules, &ONE_VM_ID, format!("all share data under the vm_id {id:?}"), troubles)
}
