//! What stands around a plugin's document: what becomes of it after a trap, whether it is given bodies, and under which id its VM runs.

use super::check::{Check, Group, Trouble, checked, list};
use crate::admin::{Filter, Picture};
use crate::finding::{Code, Severity};
use std::collections::{BTreeMap, BTreeSet};
use switchyard_config::{Document, Route};
use switchyard_core::retry::Engine;

pub(super) const FAILURE_POLICY: Code = Code {
    id: "SY0706",
    title: "failure policy",
    severity: Severity::Warning,
    page: "After a trap Envoy's default fails every request of the worker for ever, and FAIL_OPEN lets them go without the filter for \
           ever; with FAIL_RELOAD the next request gets a new VM.\n\nSet `failure_policy: FAIL_RELOAD` and `reload_config: {backoff: \
           {base_interval: 0.05s}}`.",
};

pub(super) const STOP_FLAG: Code = Code {
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
           of it, and outlier.wasm without a document of its own has no settings at all.\n\nGive all plugins the same `vm_id`. \
           docs/outlier.md says what is lost under different ones.",
};

/// What each of the settings comes to.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    [failure_policy(picture), stop_flag(picture), one_vm_id(picture)].concat()
}

fn failure_policy(picture: &Picture) -> Vec<Check> {
    let mut others: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for plugin in picture.plugins.iter().filter(|plugin| plugin.failure_policy() != "FAIL_RELOAD") {
        others.entry(plugin.failure_policy()).or_default().insert(plugin.name());
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
        let Ok(document) = &plugin.carried.result else { continue };
        let needs: Vec<String> =
            document.routes().iter().filter_map(|route| need(plugin.filter, document, route)).collect();
        is_needed |= !needs.is_empty();
        if !needs.is_empty() && !plugin.stop_flag() {
            troubles.push(Trouble::bad(
                format!(
                    "{}, {}: lacks allow_on_headers_stop_iteration, which {}",
                    plugin.place,
                    plugin.name(),
                    needs.join("; ")
                ),
                "set allow_on_headers_stop_iteration: true beside vm_config",
            ));
        }
    }
    let found =
        if is_needed { "bodies are given to the plugins that need them" } else { "no route needs bodies" };
    checked(Group::Modules, &STOP_FLAG, found, troubles)
}

/// What this route wants a body for, of this filter.
fn need(filter: Filter, document: &Document, route: &Route) -> Option<String> {
    let is = |one| filter == Filter::Switchyard || filter == one;
    let name = route.name();
    if is(Filter::Batch) && route.batch().is_some() {
        return Some(format!("route {name} needs to batch"));
    }
    if is(Filter::Coalesce) && route.coalesce().is_some_and(|settings| settings.key.body) {
        return Some(format!("route {name} needs for the body in its coalescing key"));
    }
    let upstreams = route.targets().iter().filter_map(|target| document.upstreams().get(target.upstream()));
    let retry = route.retry().or_else(|| upstreams.into_iter().find_map(|upstream| upstream.retry()));
    let retry = retry.filter(|settings| is(Filter::Retry) && settings.engine == Engine::Filter)?;
    // Without bodies it is the answers that are not judged, and requests with a body that are not tried again.
    let why = if retry.retry_on.body.is_empty() {
        "try requests with bodies again"
    } else {
        "judge answers by their body"
    };
    Some(format!("route {name} needs to {why}"))
}

fn one_vm_id(picture: &Picture) -> Vec<Check> {
    let mut by_id: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for plugin in &picture.plugins {
        by_id.entry(plugin.vm_id()).or_default().insert(plugin.name());
    }
    let mut troubles = Vec::new();
    if by_id.len() > 1 {
        let said = by_id.iter().map(|(id, names)| format!("{id:?} ({})", list(names))).collect::<Vec<_>>();
        troubles.push(Trouble::bad(
            format!("different vm_ids share nothing, not who is ejected either: {}", list(said)),
            "give all plugins the same vm_id",
        ));
    } else {
        let apart = picture.metrics.named("ejection_disconnected").filter(|gauge| gauge.value > 0);
        troubles.extend(apart.map(|gauge| {
            let of = gauge.label("upstream");
            let of = if of.is_empty() { String::new() } else { format!(", upstream {of}") };
            Trouble::bad(
                format!("{}{of}: finds nobody under this vm_id to eject with", gauge.label("filter")),
                "outlier.wasm and the router need the same vm_id, the same version, and a document with `outlier` in one of them",
            )
        }));
    }
    let id = by_id.keys().next().copied().unwrap_or_default();
    checked(Group::Modules, &ONE_VM_ID, format!("all share data under the vm_id {id:?}"), troubles)
}
