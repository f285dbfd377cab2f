//! How endpoints and filters are.

use super::check::{Check, Group, Trouble, checked, list};
use super::documented::{Steered, documents, steered};
use super::should_be_zero;
use crate::admin::Picture;
use crate::finding::{Code, Severity};
use switchyard_core::outlier::Reason;
use switchyard_frame::metrics::catalogue::{
    EJECTIONS_ACTIVE, ENDPOINT_EJECTED_REASON, ENDPOINT_STATE, ENDPOINTS, PANICS, RETRIES_DENIED,
    RETRY_BUDGET_BALANCE,
};

pub(super) const TRAPS: Code = Code {
    id: "SY0741",
    title: "traps",
    severity: Severity::Error,
    page: "A VM that traps fails the requests of its worker that are under way; FAIL_RELOAD gives the next one a new VM. Nothing in the \
           filters panics by intent, so each is a fault of ours, or memory ran out (docs/memory.md).\n\nEnvoy's log has the trap with its \
           stack, at `wasm`; please report it.",
};

pub(super) const PANIC: Code = Code {
    id: "SY0742",
    title: "panic",
    severity: Severity::Error,
    page: "Fewer endpoints are in rotation than `healthy_panic_threshold` asks for, so health is ignored, or with \
           `fail_traffic_on_panic` requests are refused.\n\nMend the endpoints; look at SY0743 for why they are ejected. A threshold of 0 \
           never panics.",
};

pub(super) const EJECTED: Code = Code {
    id: "SY0743",
    title: "ejected endpoints",
    severity: Severity::Warning,
    page: "outlier.wasm has taken these endpoints out of rotation; they come back on evidence when their time is up. The reason is the \
           detector that decided.\n\nLook at the endpoint's own log and metrics. docs/outlier.md has the detectors.",
};

pub(super) const BUDGET: Code = Code {
    id: "SY0744",
    title: "retry budgets",
    severity: Severity::Warning,
    page: "A budget bounds retries to a share of the requests, so that an outage is not multiplied. One that is used up means that more \
           fails than it covers: clients see those failures.\n\nFind out what fails (`switchyard_retries_total` by reason); raise `budget` only if \
           the upstream can take the attempts.",
};

/// What health comes to.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    let steered = steered(picture, &documents(picture));
    [
        traps(picture),
        panic(picture, &steered),
        ejected(picture),
        budget(picture),
        should_be_zero::all(picture),
    ]
    .concat()
}

fn traps(picture: &Picture) -> Vec<Check> {
    let metrics = &picture.metrics;
    let reloads = metrics.envoys_sum(".vm_reload_success") + metrics.envoys_sum(".vm_reload_failure");
    let failures = metrics.envoys_sum(".vm_reload_failure");
    let next = "Envoy's log has the trap, at `wasm`; please report it";
    let trouble = match (failures, reloads) {
        (0, 0) => None,
        (0, reloads) => {
            Some(Trouble::warning(format!("VMs have trapped: {reloads} were loaded again"), next))
        }
        (failures, _) => {
            Some(Trouble::bad(format!("VMs have trapped, and {failures} could not be loaded again"), next))
        }
    };
    checked(Group::Health, &TRAPS, "no VM has trapped", trouble.into_iter().collect())
}

fn panic(picture: &Picture, steered: &[Steered<'_>]) -> Vec<Check> {
    let metrics = &picture.metrics;
    let mut troubles = Vec::new();
    for one in steered {
        let label = [("upstream", one.upstream.name())];
        let out = metrics
            .named(EJECTIONS_ACTIVE.name)
            .filter(|gauge| gauge.label("upstream") == one.upstream.name());
        let out = out.map(|gauge| gauge.value).max().unwrap_or(0)
            + metrics.sum(ENDPOINTS.name, &[label[0], ("state", "unhealthy")]);
        let all = match one.upstream.endpoints().len() as u64 {
            0 => metrics.sum(ENDPOINTS.name, &label),
            listed => listed,
        };
        let threshold = u64::from(one.upstream.health_policy().panic_threshold);
        let decisions = metrics.sum(PANICS.name, &label);
        let name = one.upstream.name();
        if all > 0 && (all.saturating_sub(out)) * 100 < threshold * all {
            troubles.push(Trouble::bad(
                format!("upstream {name} is in panic: {out} of {all} endpoints are out, and less than {threshold} % serve"),
                "mend its endpoints; until then health is ignored, or requests are refused with fail_traffic_on_panic",
            ));
        } else if decisions > 0 {
            troubles.push(Trouble::note(
                format!("upstream {name} was in panic for {decisions} requests since Envoy's start"),
                "nothing, if that is over; switchyard_panics_total by time tells when it was",
            ));
        }
    }
    checked(Group::Health, &PANIC, "no upstream is in panic", troubles)
}

fn ejected(picture: &Picture) -> Vec<Check> {
    let metrics = &picture.metrics;
    let states = metrics.named(ENDPOINT_STATE.name).filter(|state| state.value == 1);
    let trouble = |state: &crate::admin::Series| {
        let (upstream, address) = (state.label("upstream"), state.label("endpoint"));
        let labels = [("upstream", upstream), ("endpoint", address)];
        let number = u8::try_from(metrics.sum(ENDPOINT_EJECTED_REASON.name, &labels)).unwrap_or(0);
        let reason = Reason::from_number(number).map_or("for no reason that is known", Reason::name);
        Trouble::warning(
            format!("upstream {upstream}: {address} is ejected ({reason})"),
            "look at that endpoint; it is tried again when its time is up",
        )
    };
    checked(Group::Health, &EJECTED, "no endpoint is ejected", states.map(trouble).collect())
}

fn budget(picture: &Picture) -> Vec<Check> {
    let metrics = &picture.metrics;
    let name = |series: &crate::admin::Series| match series.label("route") {
        "" => format!("upstream {}", series.label("upstream")),
        route => format!("route {route}"),
    };
    let empty: Vec<_> =
        metrics.named(RETRY_BUDGET_BALANCE.name).filter(|series| series.value == 0).map(name).collect();
    let mut troubles = Vec::new();
    if !empty.is_empty() {
        let said = format!("retry budgets are used up: {}", list(empty));
        troubles.push(Trouble::warning(said, "find out what fails: switchyard_retries_total, by reason"));
    }
    let denied = metrics.sum(RETRIES_DENIED.name, &[("reason", "budget")]);
    if denied > 0 {
        let said = format!("{denied} retries were denied by their budgets since Envoy's start");
        troubles.push(Trouble::note(said, "nothing, if that was an outage: that is what a budget is for"));
    }
    checked(Group::Health, &BUDGET, "no retry was denied by a budget", troubles)
}
