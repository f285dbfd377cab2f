//! How much there may be: items, weight and bytes of a batch, requests and bytes of a worker.
//!
//! Invariant: what holds others has room for one of them: a batch for the longest body, a worker for the largest batch;
//! and no batch is beyond what its protocol lets a request have.
//! Trade-off: a default that goes with another field gives way to it; only what is written is ever wrong.

use crate::error::{Errors, Path};
use crate::raw::batch as raw;
use crate::resolve::{bounded, narrow, size};
use switchyard_core::batch::{Embeddings, Protocol, Settings};

/// The longest body that is batched: what Envoy's connection buffers take by default.
const MOST_BODY: u64 = 1 << 20;
/// The largest batch.
const MOST_BYTES: u64 = 64 << 20;
/// A worker's memory for requests, beyond which a VM of 32 bits comes into reach.
const MOST_HELD: u64 = 1 << 30;
/// Nobody weighs more, in bytes or in tokens.
const MOST_WEIGHT: u64 = 1_000_000_000;

/// Reads the limits into `settings`, whose protocol is there already.
pub(super) fn resolve(raw: &raw::Batch, settings: &mut Settings, at: &Path<'_>, errors: &mut Errors) {
    let embeddings = match &settings.protocol {
        Protocol::Embeddings(limits) => Some(limits.clone()),
        Protocol::JsonRpc(_) | Protocol::JsonArray(_) | Protocol::IdList(_) => None,
    };
    if let Some(limits) = &embeddings {
        let inputs = u32::try_from(limits.max_items).unwrap_or(u32::MAX);
        settings.max_items = settings.max_items.min(inputs);
        settings.max_weight = settings.max_weight.min(limits.max_tokens);
        check_embeddings(raw, limits, at, errors);
    }
    // More would wait for each other, or the operator knows better.
    if raw.leaves == Some(raw::Leaves::Adaptive) {
        settings.max_in_flight = 1;
    }
    let counts = [
        ("max_items", raw.max_items, &mut settings.max_items, 10_000),
        ("max_in_flight", raw.max_in_flight, &mut settings.max_in_flight, 1_000),
        ("max_requests", raw.max_requests, &mut settings.max_requests, 1_000_000),
    ];
    for (name, value, count, most) in counts {
        *count = narrow(bounded(value, (*count).into(), 1, most, &at.field(name), errors));
    }
    let weight_at = at.field("max_weight");
    settings.max_weight = bounded(raw.max_weight, settings.max_weight, 1, MOST_WEIGHT, &weight_at, errors);
    sizes(raw, settings, at, errors);
}

/// Refuses batches that would be more than a request may be.
fn check_embeddings(raw: &raw::Batch, limits: &Embeddings, at: &Path<'_>, errors: &mut Errors) {
    let Some(section) = raw.protocol.as_ref().and_then(|raw| raw.embeddings.as_ref()) else { return };
    let inputs = u64::try_from(limits.max_items).unwrap_or(u64::MAX);
    let limits = [
        ("max_items", raw.max_items, "max_items", section.max_items, inputs, "2048"),
        ("max_weight", raw.max_weight, "max_tokens", section.max_tokens, limits.max_tokens, "300000"),
    ];
    for (name, value, limit, written, most, usual) in limits {
        // What is out of range, or could not be read, is no measure for others.
        let is_known = written.is_none_or(|written| written == most) && !section.bad.contains(&limit);
        if is_known && value.is_some_and(|value| value > most) {
            let problem = format!("is more than protocol.embeddings.{limit} ({usual} by default)");
            errors.add(&at.field(name), problem + "; lower it or raise that");
        }
    }
}

/// How many bytes of what there may be; each of them has room for the one before.
fn sizes(raw: &raw::Batch, settings: &mut Settings, at: &Path<'_>, errors: &mut Errors) {
    let (bytes_at, held_at) = (at.field("max_bytes"), at.field("max_bytes_held"));
    let body = size(raw.max_body, settings.max_body, (1, MOST_BODY), &at.field("max_body"), errors);
    let bytes = size(raw.max_bytes, settings.max_bytes, (1, MOST_BYTES), &bytes_at, errors);
    let held = size(raw.max_bytes_held, settings.max_bytes_held, (1, MOST_HELD), &held_at, errors);
    // What is out of range, or could not be read, is no measure for others.
    let has_bodies = raw.protocol.as_ref().is_some_and(|raw| raw.bad.is_empty() && raw.id_list.is_none());
    if has_bodies && (1..body).contains(&bytes) && body <= MOST_BODY && !raw.bad.contains(&"max_body") {
        let problem = "is less than max_body (64KiB by default), so the longest request would fit no batch; raise it \
                       or lower that";
        errors.add(&bytes_at, problem);
    }
    if (1..bytes).contains(&held) && bytes <= MOST_BYTES && !raw.bad.contains(&"max_bytes") {
        let problem = "is less than max_bytes (1MiB by default), so the largest batch would not fit; raise it or \
                       lower that";
        errors.add(&held_at, problem);
    }
    (settings.max_body, settings.max_bytes, settings.max_bytes_held) = (body, bytes, held);
}
