//! What stands around a plugin in Envoy's configuration, of which a filter sees nothing.

mod bodies;
mod clusters;
mod front;
mod settings;
mod timeouts;

use super::found::Found;
use super::parts::Parts;
use crate::finding::codes;
use crate::source::{Carried, File, Kind};
use serde_json::Value;
use std::collections::BTreeSet;

/// Of one plugin that stands in Envoy's own form.
pub(super) fn plugin(carried: &Carried) -> Vec<Found> {
    if !is_envoys(carried) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let policy = text(&carried.settings, &["failure_policy", "failurePolicy"]);
    if policy != Some("FAIL_RELOAD") {
        let problem = match policy {
            Some(policy) => {
                format!("failure_policy is {policy}: a trap stops the filter in that worker for good")
            }
            None => "failure_policy is not set: after a trap the worker answers 503 for good".to_owned(),
        };
        found.push(
            Found::new(&codes::NO_RELOAD, "", problem)
                .fix("write failure_policy: FAIL_RELOAD, with a reload_config"),
        );
    }
    found.extend(no_stop_flag(carried));
    found.extend(settings::find(carried));
    found
}

fn no_stop_flag(carried: &Carried) -> Option<Found> {
    let names = ["allow_on_headers_stop_iteration", "allowOnHeadersStopIteration"];
    let flag = names.iter().find_map(|name| carried.settings.get(name));
    // A BoolValue, which some write as an object.
    let is_set =
        flag.is_some_and(|flag| flag == &Value::Bool(true) || flag.get("value") == Some(&Value::Bool(true)));
    let wanting = bodies(carried);
    (!is_set && !wanting.is_empty()).then(|| {
        let problem = format!("the plugin's bodies never come, and these need them: {}", wanting.join(", "));
        Found::new(&codes::NO_STOP_FLAG, "", problem)
            .fix("write allow_on_headers_stop_iteration: true beside vm_config")
    })
}

/// What of this the document needs bodies for, if the plugin's module does it.
pub(super) fn bodies(carried: &Carried) -> Vec<String> {
    // What is wrong in the document is said elsewhere.
    if carried.result.is_err() {
        return Vec::new();
    }
    bodies::wanted(&carried.tree, Parts::of(&carried.plugin))
}

/// Of all of a file.
pub(super) fn find(file: &File, carried: &[Carried]) -> Vec<Found> {
    let mut found = Vec::new();
    found.extend(vm_ids(carried));
    if file.kind == Kind::Bootstrap || file.kind == Kind::Resources {
        for tree in &file.trees {
            found.extend(clusters::find(tree, carried));
            found.extend(front::find(tree));
            found.extend(timeouts::find(tree, carried));
        }
    }
    found
}

/// Whether its settings are Envoy's PluginConfig, and not a manifest's.
fn is_envoys(carried: &Carried) -> bool {
    carried
        .settings
        .get("vm_config")
        .or_else(|| carried.settings.get("vmConfig"))
        .is_some_and(|vm| vm.get("code").is_some() || vm.get("runtime").is_some())
}

fn text<'a>(tree: &'a Value, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| tree.get(name)).and_then(Value::as_str)
}

fn vm_ids(carried: &[Carried]) -> Option<Found> {
    let ours = carried.iter().filter(|one| is_envoys(one));
    let of = |one: &Carried| {
        let vm = one.settings.get("vm_config").or_else(|| one.settings.get("vmConfig"))?;
        Some(text(vm, &["vm_id", "vmId"]).unwrap_or_default().to_owned())
    };
    let ids: BTreeSet<String> = ours.filter_map(of).collect();
    (ids.len() > 1).then(|| {
        let ids: Vec<_> = ids.iter().map(|id| format!("{id:?}")).collect();
        let problem =
            format!("Switchyard's plugins have the vm_ids {}, and share nothing across them", ids.join(", "));
        Found::new(&codes::VM_IDS, "", problem).fix("give all of them the same")
    })
}
