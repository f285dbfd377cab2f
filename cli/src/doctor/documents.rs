//! The documents that the plugins carry, and whether Envoy and the filters took them.

use super::check::{Check, Group, Trouble, checked, count, list};
use crate::admin::{Picture, Running};
use crate::finding::{Code, Severity};
use std::collections::{BTreeMap, BTreeSet};
use switchyard_frame::metrics::catalogue::CONFIGURATIONS;

pub(super) const VALID: Code = Code {
    id: "SY0711",
    title: "document is valid",
    severity: Severity::Error,
    page: "A plugin's document was read with the code of the filters, and is wrong. The plugin refuses it: with an older one in force \
           that goes on to serve, else its listener does not start.\n\n`switchyard check` on the file says everything that is wrong.",
};

pub(super) const SAME: Code = Code {
    id: "SY0712",
    title: "documents are the same",
    severity: Severity::Error,
    page: "Plugins that share data under one `vm_id` read one document: upstreams of the same name have the same endpoints for all. With \
           different ones the router sends where outlier does not judge, and retry tries what the router does not know. It is legal \
           for outlier.wasm to have none: it takes the router's.\n\nGive all of them the same document; `switchyard diff` tells what \
           differs.",
};

pub(super) const REJECTED: Code = Code {
    id: "SY0713",
    title: "configurations were taken",
    severity: Severity::Error,
    page: "Envoy or a filter has refused a configuration. The one before stays in force, so what you changed is not there. Envoy's dump \
           shows the refused resource for as long as it is; counters tell of refusals since Envoy's start, which may be over.\n\nEnvoy's \
           log has the reason: `configuration refused` for a document, with everything that is wrong with it.",
};

/// What the documents come to.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    [valid(picture), same(picture), rejected(picture)].concat()
}

fn valid(picture: &Picture) -> Vec<Check> {
    let mut troubles = Vec::new();
    let mut seen = BTreeSet::new();
    for plugin in &picture.plugins {
        let (Err(errors), Some(hash)) = (&plugin.carried.result, plugin.document()) else { continue };
        if seen.insert(hash) {
            let first = errors.iter().next().map(ToString::to_string).unwrap_or_default();
            let more = match errors.total() {
                0 | 1 => String::new(),
                total => format!(" (and {} more)", total - 1),
            };
            let said = format!("{}, {}: its document is wrong: {first}{more}", plugin.place, plugin.name());
            troubles.push(Trouble::bad(
                said,
                "run switchyard check on its file, and send Envoy the one that passes",
            ));
        }
    }
    let documents: BTreeSet<_> = picture.plugins.iter().filter_map(Running::document).collect();
    if documents.is_empty() {
        let said = "no plugin carries a document, so the filters do nothing";
        troubles.push(Trouble::bad(
            said,
            "give the plugin its document, as place (1) of envoy-config/envoy.yaml does",
        ));
    }
    let stored = picture.plugins.iter().filter_map(|plugin| plugin.carried.result.as_ref().ok()?.stored());
    troubles.extend(stored.take(1).map(|store| {
        Trouble::note(
            format!("the document is in a store behind cluster {}, which is not read here", store.cluster),
            "run switchyard check on what is in the store",
        )
    }));
    checked(
        Group::Documents,
        &VALID,
        format!("{} read and found right", count(documents.len(), "document")),
        troubles,
    )
}

fn same(picture: &Picture) -> Vec<Check> {
    let mut by_id: BTreeMap<&str, BTreeMap<String, BTreeSet<&str>>> = BTreeMap::new();
    for plugin in &picture.plugins {
        if let Some(hash) = plugin.document() {
            by_id.entry(plugin.carried.vm_id()).or_default().entry(hash).or_default().insert(plugin.name());
        }
    }
    let differ = by_id.values().filter(|hashes| hashes.len() > 1).map(|hashes| {
        let said = hashes.iter().map(|(hash, names)| format!("{hash} ({})", list(names)));
        Trouble::bad(
            format!("different documents share data: {}", list(said)),
            "give all plugins under one vm_id the same document; switchyard diff tells what differs",
        )
    });
    let troubles: Vec<_> = differ.collect();
    let hash = by_id.values().flat_map(BTreeMap::keys).next();
    hash.map(|hash| checked(Group::Documents, &SAME, format!("all have the document {hash}"), troubles))
        .unwrap_or_default()
}

fn rejected(picture: &Picture) -> Vec<Check> {
    let now = picture.rejected.iter().map(|rejected| {
        Trouble::bad(
            format!("Envoy refuses {}: {}", rejected.what, rejected.why),
            "mend that and send it again; until then the one before is in force, if there is one",
        )
    });
    let mut troubles: Vec<_> = now.collect();
    let metrics = &picture.metrics;
    for refused in metrics
        .named(CONFIGURATIONS.name)
        .filter(|count| count.label("result") == "rejected" && count.value > 0)
    {
        let filter = refused.label("filter");
        let said =
            format!("{filter} has refused a configuration {} times since Envoy's start", refused.value);
        let next = "Envoy's log says why, at `configuration refused`";
        let is_served = metrics.sum(CONFIGURATIONS.name, &[("filter", filter), ("result", "accepted")]) > 0;
        troubles.push(if is_served { Trouble::warning(said, next) } else { Trouble::bad(said, next) });
    }
    if picture.rejected.is_empty() {
        let is_refusal = |name: &str| name.ends_with("update_rejected") || name.ends_with(".config_fail");
        let refusals = metrics.envoys().filter(|(name, value)| is_refusal(name) && *value > 0);
        troubles.extend(refusals.map(|(name, value)| {
            let said = format!("Envoy has refused updates since its start: {name} is {value}");
            Trouble::warning(said, "look into Envoy's log; what came after may be in force")
        }));
    }
    let accepted = metrics.sum(CONFIGURATIONS.name, &[("result", "accepted")]);
    checked(Group::Documents, &REJECTED, format!("none was refused ({accepted} taken by VMs)"), troubles)
}
