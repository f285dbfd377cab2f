//! Envoy, and our modules in it.

use super::check::{Check, Group, Trouble, checked, count, list};
use super::page;
use crate::admin::{Picture, Running};
use crate::finding::{Code, Severity};
use std::collections::BTreeSet;
use switchyard_frame::metrics::catalogue::BUILD_INFO;

pub(super) const ENVOY: Code = Code {
    id: "SY0701",
    title: "Envoy's version",
    severity: Severity::Error,
    page: "The filters were run on Envoy 1.36 to 1.40. Before 1.36 Envoy lacks what they need (`allow_on_headers_stop_iteration`, which 1.34 \
           refuses as an unknown field). A newer one has not been run with this version of the filters.\n\nTake an Envoy of 1.36 to 1.40.",
};

pub(super) const RUNTIME: Code = Code {
    id: "SY0702",
    title: "runtime of the modules",
    severity: Severity::Warning,
    page: "The modules were run on V8 alone (`runtime: envoy.wasm.runtime.v8`). An Envoy without V8 refuses them.\n\nTake Envoy's \
           published builds, which have V8, and leave `runtime` at envoy.wasm.runtime.v8.",
};

pub(super) const PLUGINS: Code = Code {
    id: "SY0703",
    title: "our plugins in Envoy",
    severity: Severity::Error,
    page: "A plugin is ours if its name begins with `switchyard`, also behind a namespace, if it loads one of our modules from a file, or if \
           its image is called so. Where there is none, Envoy runs without Switchyard: the listener has not come, the patch matches \
           nothing, or this is another Envoy.\n\nOn Istio `istioctl proxy-config ecds` and `istioctl analyze` say whether the EnvoyFilter \
           matches.",
};

pub(super) const CONFIGURED: Code = Code {
    id: "SY0704",
    title: "plugins took their configuration",
    severity: Severity::Error,
    page: "A module that took a configuration shows `switchyard_build_info`. One that stands in Envoy's configuration and shows none has \
           not started: its file or image was not there, it was refused, or Envoy's stats_matcher leaves its metrics out (on Istio: add \
           `wasmcustom` to the annotation sidecar.istio.io/statsInclusionPrefixes).\n\nEnvoy's log has the reason, at `wasm`.",
};

pub(super) const SAME_VERSION: Code = Code {
    id: "SY0705",
    title: "modules of one version",
    severity: Severity::Error,
    page: "Modules share data under one `vm_id`: who is ejected, budgets, flights. The form of that belongs to a version, so \
           modules of different versions may not understand each other. Metrics tell the versions; status.wasm writes none, and says its own on \
           the page and as `build` of /status.json.\n\nLoad all modules from the same release.",
};

/// What there is to say of Envoy itself.
pub(super) fn envoy(picture: &Picture) -> Vec<Check> {
    let server = &picture.server;
    let next = "take an Envoy of 1.36 to 1.40: those were run";
    let trouble = match server.number {
        Some((1, 36..=40)) => None,
        Some(number) if number < (1, 36) => {
            Some(Trouble::bad(format!("Envoy {} is older than the filters know", server.version), next))
        }
        _ => Some(Trouble::warning(format!("Envoy {} was not run with these filters", server.version), next)),
    };
    let is_live = server.state == "LIVE";
    let waits = || {
        let said = format!("Envoy is {} and not LIVE", server.state);
        Trouble::warning(said, "wait until it is, or look at its log for what it waits for")
    };
    let troubles = trouble.into_iter().chain((!is_live).then(waits)).collect();
    checked(Group::Envoy, &ENVOY, format!("Envoy {} answers and is known to work", server.version), troubles)
}

/// What there is to say of the modules.
pub(super) fn modules(picture: &Picture) -> Vec<Check> {
    let plugins = &picture.plugins;
    if picture.filters().next().is_none() {
        let said = match plugins.is_empty() {
            true => "no listener, no cluster and no extension has a plugin of ours",
            false => "of ours there is the status page alone, and no filter that it could show",
        };
        let next = "add the filter, as place (1) of envoy-config/envoy.yaml has it; if it is there, this is another Envoy";
        return checked(Group::Modules, &PLUGINS, "", vec![Trouble::bad(said, next)]);
    }
    let kinds: BTreeSet<_> = plugins.iter().map(|plugin| plugin.filter).collect();
    let found = format!("{} of ours: {}", count(plugins.len(), "plugin"), list(kinds));
    let mut checks = checked(Group::Modules, &PLUGINS, found, Vec::new());
    checks.extend(runtime(picture));
    checks.extend(configured(picture));
    checks
}

fn runtime(picture: &Picture) -> Vec<Check> {
    let is_v8 = |plugin: &&Running| matches!(plugin.runtime(), "" | "envoy.wasm.runtime.v8");
    let others: BTreeSet<_> =
        picture.plugins.iter().filter(|plugin| !is_v8(plugin)).map(Running::runtime).collect();
    let mut troubles = Vec::new();
    if !others.is_empty() {
        let said = format!("plugins run on {}, where the filters were never run", list(others));
        troubles.push(Trouble::warning(said, "set runtime: envoy.wasm.runtime.v8"));
    }
    let active = picture.metrics.envoys_sum("wasm.envoy.wasm.runtime.v8.active");
    let found = format!("they run on V8, in {active} VMs");
    checked(Group::Modules, &RUNTIME, found, troubles)
}

fn configured(picture: &Picture) -> Vec<Check> {
    let metrics = &picture.metrics;
    let built: BTreeSet<_> =
        metrics.named(BUILD_INFO.name).map(|info| info.label("filter").to_owned()).collect();
    let versions: BTreeSet<_> =
        metrics.named(BUILD_INFO.name).map(|info| info.label("version").to_owned()).collect();
    // status.wasm writes no metrics, so whether it started these do not tell.
    let missing: BTreeSet<_> = picture
        .filters()
        .map(|plugin| plugin.filter)
        .filter(|filter| !built.contains(&filter.to_string()))
        .collect();
    let mut troubles = Vec::new();
    if !missing.is_empty() {
        let filtered = picture.stats_config.get("stats_matcher").is_some();
        let next = if filtered {
            "stats_config has a stats_matcher: let `wasmcustom` through (Istio: sidecar.istio.io/statsInclusionPrefixes); then look again"
        } else {
            "Envoy's log says why, at `wasm`: the module was not there, or its document was refused"
        };
        troubles.push(Trouble::bad(format!("{} never took a configuration", list(missing)), next));
    }
    let found = format!("all of them took a configuration: {}", list(built));
    let mut checks = checked(Group::Modules, &CONFIGURED, found, troubles);
    let apart = (versions.len() > 1).then(|| {
        let said = format!("modules of the versions {} run together", list(&versions));
        Trouble::bad(said, "load all modules from the same release")
    });
    let own = env!("CARGO_PKG_VERSION");
    let other =
        versions.iter().next().filter(|version| versions.len() == 1 && *version != own).map(|version| {
            Trouble::note(
                format!("the modules are {version}, and this program is {own}"),
                "take the program of the modules' release",
            )
        });
    if !versions.is_empty() {
        let unknown = page::of_unknown_version(picture);
        let found = format!("all modules are {}{unknown}", list(&versions));
        checks.extend(checked(
            Group::Modules,
            &SAME_VERSION,
            found,
            apart.into_iter().chain(other).collect(),
        ));
    }
    checks
}
