//! The trace that attempts of ours are part of.
//!
//! Envoy's own tracer makes a span of the request and writes it into `traceparent` behind this filter, when its router sends the first
//! attempt; the head as this filter saw it has what the client said, or nothing. What was written can be read as long as the request
//! lasts. So an attempt of ours has the parent that the first one had: the request's span, or with `spawn_upstream_span` that of the first
//! attempt. No attempt of ours has a span of its own, since a filter cannot report one; which it was says `x-envoy-attempt-count`.
//!
//! Invariant: the trace is that of the request, or none. Trade-off: three host calls more for an attempt of ours, and none for others.
//! Source: W3C Trace Context, section 3: who makes no span hands both headers on as they are.

use switchyard_host::Properties;

/// Which span a request is part of.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// What tracers say to each other besides.
pub(crate) const TRACESTATE: &str = "tracestate";

/// Both headers, as Envoy wrote them.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) parent: String,
    /// Empty if there is none.
    pub(crate) state: String,
}

impl Trace {
    /// That of the request in whose name calls are made; `None`: its head has it, or it is part of none.
    pub(crate) fn of(host: &impl Properties) -> Option<Self> {
        let written = |name: &str| {
            let value = host.property(&["request", "headers", name]).ok().flatten()?;
            String::from_utf8(value).ok()
        };
        let parent = written(TRACEPARENT).filter(|parent| !parent.is_empty())?;
        Some(Self { parent, state: written(TRACESTATE).unwrap_or_default() })
    }
}
