//! What stands around a plugin in Envoy's configuration, of which a filter sees nothing.

mod clusters;
mod front;
mod page;
mod settings;
mod timeouts;

use super::found::Found;
use crate::finding::codes;
use crate::source::{Carried, File, Kind};
use crate::surroundings::{self, RELOAD, STOP_FLAG};
use std::collections::BTreeSet;

/// Of one plugin that stands in Envoy's own form.
pub(super) fn plugin(carried: &Carried) -> Vec<Found> {
    if !is_envoys(carried) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if carried.failure_policy() != RELOAD {
        let problem = match carried.setting("failure_policy") {
            Some(_) => {
                let policy = carried.failure_policy();
                format!("failure_policy is {policy}: a trap stops the filter in that worker for good")
            }
            None => "failure_policy is not set: after a trap the worker answers 503 for good".to_owned(),
        };
        found.push(
            Found::new(&codes::NO_RELOAD, "", problem)
                .fix(format!("write failure_policy: {RELOAD}, with a reload_config")),
        );
    }
    found.extend(no_stop_flag(carried));
    found.extend(settings::find(carried));
    found
}

fn no_stop_flag(carried: &Carried) -> Option<Found> {
    let wanting = bodies(carried);
    (!carried.stop_flag() && !wanting.is_empty()).then(|| {
        let problem = format!("the plugin's bodies never come, and these need them: {}", wanting.join(", "));
        Found::new(&codes::NO_STOP_FLAG, "", problem).fix(format!("write {STOP_FLAG}: true beside vm_config"))
    })
}

/// What of this the document needs bodies for, if the plugin's module does it.
pub(super) fn bodies(carried: &Carried) -> Vec<String> {
    // What is wrong in the document is said elsewhere.
    if carried.result.is_err() {
        return Vec::new();
    }
    let needs = surroundings::bodies(&carried.tree).into_iter();
    needs.filter(|need| need.is_must && carried.does(need.filter)).map(|need| need.path).collect()
}

/// Of all of a file.
pub(super) fn find(file: &File, carried: &[Carried]) -> Vec<Found> {
    let mut found = Vec::new();
    found.extend(vm_ids(carried));
    if file.kind == Kind::Bootstrap || file.kind == Kind::Resources {
        for tree in &file.trees {
            found.extend(clusters::find(tree, carried));
            found.extend(front::find(tree));
            found.extend(page::find(tree));
            found.extend(timeouts::find(tree, carried));
        }
    }
    found
}

/// Whether its settings are Envoy's PluginConfig, and not a manifest's.
fn is_envoys(carried: &Carried) -> bool {
    carried.setting("vm_config").is_some_and(|vm| vm.get("code").is_some() || vm.get("runtime").is_some())
}

fn vm_ids(carried: &[Carried]) -> Option<Found> {
    let ours = carried.iter().filter(|one| is_envoys(one));
    let ids: BTreeSet<&str> = ours.map(Carried::vm_id).collect();
    (ids.len() > 1).then(|| {
        let ids: Vec<_> = ids.iter().map(|id| format!("{id:?}")).collect();
        let problem =
            format!("Switchyard's plugins have the vm_ids {}, and share nothing across them", ids.join(", "));
        Found::new(&codes::VM_IDS, "", problem).fix("give all of them the same")
    })
}
