//! How the distinct requests of a route share calls: when a batch leaves, what it may hold, what becomes of one that
//! failed. How requests are joined is [`protocol`], what keeps them apart [`key`].
//!
//! Invariant: a bound on what is never done is refused, not left out in silence.
//! Trade-off: where batches of a split go must be written, even if all its shares but one are 0.

mod idle;
mod key;
mod leaves;
mod limits;
mod protocol;
mod reach;

use super::{deadline, retry};
use crate::error::{Errors, Path};
use crate::raw::batch as raw;
use crate::raw::{Mode, Route};
use switchyard_core::batch::{JsonRpc, OnFailure, Protocol, Scope, Settings, Short};

/// How a route batches, and where its batches go.
#[derive(Clone, Debug)]
pub struct Batching {
    settings: Settings,
    upstream: usize,
}

impl Batching {
    pub(super) fn new(settings: Settings, upstream: usize) -> Self {
        Self { settings, upstream }
    }

    /// What an operator may say about it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Position, in the document, of the upstream that batches go to.
    pub fn upstream(&self) -> usize {
        self.upstream
    }
}

/// How a route batches, if it does, and the upstream that the section names; `named` finds one by its name.
pub(super) fn resolve(
    route: &Route,
    shadow: bool,
    named: impl FnOnce(&str, &Path<'_>, &mut Errors) -> Option<usize>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<(Settings, Option<usize>)> {
    let raw = route.batch.as_ref()?;
    let protocol =
        raw.protocol.as_ref().and_then(|raw| protocol::resolve(raw, &at.field("protocol"), errors));
    if let Some(protocol) = &protocol {
        reach::check(protocol, route, at, errors);
    }
    idle::check(raw, at, errors);
    let upstream = upstream(raw, route, named, at, errors);
    // Without a protocol the document is refused already; what else is wrong with it is said all the same.
    let protocol = protocol.unwrap_or_else(|| Protocol::JsonRpc(JsonRpc::default()));
    let mut settings = choices(raw, shadow, Settings::new(protocol));
    settings.key = key::resolve(raw, at, errors);
    if let Some(raw) = &raw.budget {
        settings.budget = retry::budget(raw, &at.field("budget"), errors);
    }
    limits::resolve(raw, &mut settings, at, errors);
    let header = raw.deadline_header.as_deref();
    settings.deadline = deadline::resolve((raw.timeout, header, raw.deadline_floor), &raw.bad, at, errors);
    leaves::resolve(raw, &mut settings, at, errors);
    Some((settings, upstream))
}

/// What is one word of a few.
fn choices(raw: &raw::Batch, shadow: bool, settings: Settings) -> Settings {
    Settings {
        shadow: raw.mode.map_or(shadow, |mode| mode == Mode::Shadow),
        scope: match raw.scope {
            Some(raw::Scope::Proxy) => Scope::Proxy,
            Some(raw::Scope::Worker) | None => Scope::Worker,
        },
        short: match raw.short_deadline {
            Some(raw::ShortDeadline::Refuse) => Short::Refuse,
            Some(raw::ShortDeadline::Alone) | None => Short::Alone,
        },
        on_failure: match raw.on_failure {
            Some(raw::OnFailure::Singly) => OnFailure::Singly,
            Some(raw::OnFailure::Fail) => OnFailure::Fail,
            Some(raw::OnFailure::Bisect) | None => OnFailure::Bisect,
        },
        is_repeatable: raw.repeatable == Some(true),
        strict: raw.strict == Some(true),
        tells: raw.tell == Some(true),
        ..settings
    }
}

/// The upstream that the section names.
fn upstream(
    raw: &raw::Batch,
    route: &Route,
    named: impl FnOnce(&str, &Path<'_>, &mut Errors) -> Option<usize>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<usize> {
    if let Some(name) = raw.upstream.as_deref() {
        return named(name, &at.field("upstream"), errors);
    }
    if route.split.is_some() && route.upstream.is_none() && !raw.bad.contains(&"upstream") {
        let problem = "is missing; a batch goes to one upstream, so a route with a split must name the one";
        errors.add(&at.field("upstream"), problem);
    }
    None
}
