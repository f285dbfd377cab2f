//! Fields that do nothing beside others.
//!
//! Invariant: each is refused by its own name, with the name of what it goes by.
//! Trade-off: one that says its default does no harm, and is let be.

use crate::error::{Errors, Path};
use crate::raw::batch as raw;

/// Refuses what is never looked at.
pub(super) fn check(raw: &raw::Batch, at: &Path<'_>, errors: &mut Errors) {
    check_leaves(raw, at, errors);
    if let Some(protocol) = &raw.protocol {
        check_weighing(raw, protocol, &at.field("protocol"), errors);
        check_repeats(raw, protocol, at, errors);
        let of_bodies = [
            ("max_body", raw.max_body.is_some()),
            ("body_timeout", raw.body_timeout.is_some()),
            ("strict", raw.strict == Some(true)),
        ];
        for (name, _) in of_bodies.into_iter().filter(|(_, set)| *set && protocol.id_list.is_some()) {
            errors.add(&at.field(name), "is for bodies, which requests of id_list have none; remove it");
        }
    }
    check_failures(raw, at, errors);
}

/// The policy and its own section belong together.
fn check_leaves(raw: &raw::Batch, at: &Path<'_>, errors: &mut Errors) {
    let adapts = raw.leaves == Some(raw::Leaves::Adaptive);
    if raw.adaptive.is_some() && !adapts && !raw.bad.contains(&"leaves") {
        errors.add(&at.field("adaptive"), "belongs to leaves: adaptive; add that or remove it");
    }
    if adapts && raw.adaptive.is_none() && !raw.bad.contains(&"adaptive") {
        let problem = "needs the section adaptive; add one, as in {\"target\": \"50ms\"}";
        errors.add(&at.field("leaves"), problem);
    }
}

/// What items weigh is looked at for one limit alone.
fn check_weighing(raw: &raw::Batch, protocol: &raw::Protocol, at: &Path<'_>, errors: &mut Errors) {
    let json_rpc = protocol.json_rpc.as_ref().and_then(|raw| raw.weigh.as_ref());
    let json_array = protocol.json_array.as_ref().and_then(|raw| raw.weigh.as_ref());
    let is_limited = raw.max_weight.is_some() || raw.bad.contains(&"max_weight");
    for (name, weigh) in [("json_rpc", json_rpc), ("json_array", json_array)] {
        if weigh.is_some() && !is_limited {
            let problem = "is looked at for max_weight alone; add that or remove it";
            errors.add(&at.field(name).field("weigh"), problem);
        }
    }
}

/// What is repeatable need be said once.
fn check_repeats(raw: &raw::Batch, protocol: &raw::Protocol, at: &Path<'_>, errors: &mut Errors) {
    if raw.repeatable != Some(true) {
        return;
    }
    let always = [("embeddings", protocol.embeddings.is_some()), ("id_list", protocol.id_list.is_some())];
    for (name, _) in always.into_iter().filter(|(_, is_there)| *is_there) {
        let problem = format!("requests of {name} may be made twice in any case; remove it");
        errors.add(&at.field("repeatable"), problem);
    }
    for name in repeating(protocol) {
        let problem = "says no more than the section's repeatable: true; remove one of them";
        errors.add(&at.field("protocol").field(name).field("repeatable"), problem);
    }
}

/// Nothing is made again where every client gets the failure.
fn check_failures(raw: &raw::Batch, at: &Path<'_>, errors: &mut Errors) {
    if raw.on_failure != Some(raw::OnFailure::Fail) {
        return;
    }
    let problem = "is not looked at with on_failure: fail; remove one of them";
    for name in raw.protocol.iter().flat_map(repeating) {
        errors.add(&at.field("protocol").field(name).field("repeatable"), problem);
    }
    let idle = [("repeatable", raw.repeatable == Some(true)), ("budget", raw.budget.is_some())];
    for (name, _) in idle.into_iter().filter(|(_, set)| *set) {
        errors.add(&at.field(name), problem);
    }
}

/// The protocols that say that something may be made twice.
fn repeating(protocol: &raw::Protocol) -> impl Iterator<Item = &'static str> + use<> {
    let json_rpc = protocol.json_rpc.as_ref().is_some_and(|raw| raw.repeatable.is_some());
    let json_array = protocol.json_array.as_ref().is_some_and(|raw| raw.repeatable == Some(true));
    let protocols = [("json_rpc", json_rpc), ("json_array", json_array)];
    protocols.into_iter().filter_map(|(name, repeats)| repeats.then_some(name))
}
