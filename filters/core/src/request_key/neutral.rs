//! Headers that change no answer, or change it in fewer ways than they are written.
//!
//! Invariant: a header is here only if a reason stands beside it; docs/coalesce.md has the same table for operators. What is not here
//! is in the key.
//! Trade-off: a server that answers by one of these must say so in `vary`, or its operator names the header in `key.headers`. That
//! is asked of servers by every shared cache; RFC 9110, section 12.5.5.
//! Source: RFC 9110, sections 7.6 and 10.1.5; RFC 9218 (priority); W3C Trace Context; OpenTelemetry's list of propagators; the
//! documentation of Envoy, AWS, Cloudflare, Azure and Google for what their proxies add.

/// Why a header changes no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is about the connection, or the next hop alone.
    Connection,
    /// It names this one request or its trace, for whoever reads logs.
    Tracing,
    /// It says on which way the request came, or from which address.
    Way,
    /// It describes the client's program; servers that answer by it have to say so.
    Client,
    /// It says how soon an answer is wanted, or how long the body is that is compared itself.
    Transfer,
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Connection, Self::Tracing, Self::Way, Self::Client, Self::Transfer];
}

/// The headers (in lower case) with their reasons, by name.
pub const NEUTRAL: [(&str, Reason); 47] = [
    ("b3", Reason::Tracing),
    ("cdn-loop", Reason::Way),
    ("cf-connecting-ip", Reason::Way),
    ("cf-connecting-ipv6", Reason::Way),
    ("cf-ray", Reason::Tracing),
    ("connection", Reason::Connection),
    ("content-length", Reason::Transfer),
    ("correlation-id", Reason::Tracing),
    ("elastic-apm-traceparent", Reason::Tracing),
    ("fastly-client-ip", Reason::Way),
    ("grpc-trace-bin", Reason::Tracing),
    ("http2-settings", Reason::Connection),
    ("keep-alive", Reason::Connection),
    ("newrelic", Reason::Tracing),
    ("priority", Reason::Transfer),
    ("proxy-connection", Reason::Connection),
    ("request-id", Reason::Tracing),
    ("sec-ch-ua", Reason::Client),
    ("sec-ch-ua-platform", Reason::Client),
    ("sentry-trace", Reason::Tracing),
    ("te", Reason::Connection),
    ("traceparent", Reason::Tracing),
    ("tracestate", Reason::Tracing),
    ("trailer", Reason::Connection),
    ("transfer-encoding", Reason::Connection),
    ("true-client-ip", Reason::Way),
    ("uber-trace-id", Reason::Tracing),
    ("upgrade", Reason::Connection),
    ("user-agent", Reason::Client),
    ("via", Reason::Way),
    ("x-amz-cf-id", Reason::Tracing),
    ("x-amzn-requestid", Reason::Tracing),
    ("x-amzn-trace-id", Reason::Tracing),
    ("x-azure-ref", Reason::Tracing),
    ("x-client-ip", Reason::Way),
    ("x-client-trace-id", Reason::Tracing),
    ("x-cloud-trace-context", Reason::Tracing),
    ("x-cluster-client-ip", Reason::Way),
    ("x-correlation-id", Reason::Tracing),
    ("x-envoy-external-address", Reason::Way),
    ("x-forwarded-for", Reason::Way),
    ("x-ot-span-context", Reason::Tracing),
    ("x-queue-start", Reason::Tracing),
    ("x-real-ip", Reason::Way),
    ("x-request-id", Reason::Tracing),
    ("x-request-start", Reason::Tracing),
    ("x-trace-id", Reason::Tracing),
];

/// Beginnings of names that are all neutral.
pub const NEUTRAL_BEGINNINGS: [(&str, Reason); 2] =
    [("x-b3-", Reason::Tracing), ("x-datadog-", Reason::Tracing)];

/// Why this header (in lower case) changes no answer; `None`: it may.
///
/// ```
/// use switchyard_core::request_key::neutral::{Reason, reason};
/// assert_eq!(reason(b"traceparent"), Some(Reason::Tracing));
/// assert_eq!(reason(b"x-tenant-id"), None);
/// ```
pub fn reason(name: &[u8]) -> Option<Reason> {
    let found = NEUTRAL.binary_search_by(|(known, _)| known.as_bytes().cmp(name));
    let known = found.ok().and_then(|place| NEUTRAL.get(place));
    let beginning =
        || NEUTRAL_BEGINNINGS.iter().find(|(beginning, _)| name.starts_with(beginning.as_bytes()));
    known.or_else(beginning).map(|(_, reason)| *reason)
}
