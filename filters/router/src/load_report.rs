//! What an endpoint reports of its load with an answer, for policies that weigh endpoints by it.
//!
//! Invariants: a report counts for the endpoint that Envoy says the answer is of ([`switchyard_core::orca`]); one in an answer that Envoy, or a
//! filter, has made or put in another's place counts for nobody. What counts for nobody is taken off the answer all the same, if
//! reports are.
//!
//! Trade-off: one host call for an answer of a policy that looks at reports, the head, and another for trailers, if it has some; three more, and one
//! that takes it off, where there is a report; none for any other policy.

use crate::plan::Plan;
use crate::upstream::Upstream;
use switchyard_core::RequestView as _;
use switchyard_core::contract::{ATTEMPT_COUNT_HEADER, FALLBACK_HEADER};
use switchyard_core::http::decimal;
use switchyard_core::orca::{BINARY_REPORT_HEADER, REPORT_HEADER, Report};
use switchyard_host::{Clock, HeaderMap, HostError, Properties, ResponseHeaders};

/// An answer that may have a report, in its head or behind its body.
pub(crate) struct LoadReport {
    upstream: usize,
    /// The answer is that of the endpoint to which Envoy says the request went.
    counts: bool,
}

/// What an answer's details say when it came from an endpoint.
const VIA_UPSTREAM: &[u8] = b"via_upstream";

impl LoadReport {
    /// What a request to this upstream is answered with.
    pub(crate) fn of(upstream: usize) -> Self {
        Self { upstream, counts: true }
    }

    /// The answer has begun. What is left is for its trailers, where a report may be if none is in the head.
    pub(crate) fn answered(
        mut self,
        plan: &Plan,
        host: &(impl Properties + ResponseHeaders + Clock),
    ) -> Option<Self> {
        let Ok(headers) = host.response_headers() else { return None };
        let attempts = headers.header(ATTEMPT_COUNT_HEADER).and_then(decimal::<u64>);
        // retry.wasm has put another attempt's answer, or an older one, in its place.
        self.counts = attempts.is_none_or(|count| count <= 1) && !headers.contains(FALLBACK_HEADER);
        let has_report = self.take(plan, &headers, host, |name| host.remove_response_header(name));
        (!has_report).then_some(self)
    }

    /// The answer's trailers have come.
    pub(crate) fn ended(self, plan: &Plan, host: &(impl Properties + ResponseHeaders + Clock)) {
        if let Ok(trailers) = host.response_trailers() {
            self.take(plan, &trailers, host, |name| host.remove_response_trailer(name));
        }
    }

    /// Notes the report in these fields and takes it off; whether there is something that is called one.
    fn take(
        &self,
        plan: &Plan,
        fields: &HeaderMap,
        host: &(impl Properties + Clock),
        remove: impl Fn(&str) -> Result<(), HostError>,
    ) -> bool {
        let names =
            [BINARY_REPORT_HEADER, REPORT_HEADER].map(|name| Some(name).filter(|name| fields.contains(name)));
        if names == [None, None] {
            return false;
        }
        let read = |live: &mut Upstream| (live.report_in(fields), live.strips_reports());
        let (report, strips) = plan.with_upstream(self.upstream, read).unwrap_or_default();
        if let Some(report) = report.filter(|_| self.counts) {
            self.tell(plan, &report, host);
        }
        if strips {
            for name in names.into_iter().flatten() {
                // One that cannot be removed is one that the client sees.
                let _ = remove(name);
            }
        }
        true
    }

    fn tell(&self, plan: &Plan, report: &Report, host: &(impl Properties + Clock)) {
        let of_endpoint = host.property(&["response", "code_details"]);
        if !matches!(of_endpoint, Ok(Some(details)) if details == VIA_UPSTREAM) {
            return;
        }
        let (Ok(Some(address)), Ok(now)) = (host.property(&["upstream", "address"]), host.now()) else {
            return;
        };
        if let Ok(address) = core::str::from_utf8(&address) {
            plan.with_upstream(self.upstream, |live| live.reported(address, report, now));
        }
    }
}
