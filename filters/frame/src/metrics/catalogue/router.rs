//! What the router counts: decisions, and the lists of endpoints that are not in the document.

super::metrics! {
    DECISIONS: Counter "decisions_total" was "decisions" [route, upstream, policy]
        unit "requests",
        bound "routes × their upstreams",
        meaning "requests that the router decided on, under the `policy` of the upstream; where it could name no endpoint, `switchyard_fallbacks_total` says why",
        worry "it stops while requests come";
    UNMATCHED: Counter "unmatched_total" was "unmatched" []
        unit "requests",
        bound "1",
        meaning "requests that no route matched, and no upstream by the cluster of Envoy's own route",
        worry "it grows where every request should have a route";
    FALLBACKS: Counter "fallbacks_total" was "fallbacks" [upstream, reason]
        unit "requests",
        bound "upstreams × 6 reasons",
        meaning "requests that did not go as the policy says: `no_hash` (nothing to hash, `no_hash` policy chose), `no_endpoint` (nobody to choose, Envoy's fallback decides), `no_list` (the list of endpoints has not been read yet, the same), `not_in_cluster` (Envoy's cluster does not have the endpoint that was named first, which the log names once), `fail_traffic_on_panic` (nobody may be chosen, and 503 was the answer), `no_headers` (the host gave no headers; without `upstream`)",
        worry "`not_in_cluster` and `no_headers` at all; `no_list` for more than a moment after the start; `no_endpoint`";
    PANICS: Counter "panics_total" was "panics" [upstream]
        unit "requests",
        bound "upstreams",
        meaning "decisions made with health ignored, or with `fail_traffic_on_panic` refused, since too few endpoints were in rotation",
        worry "it grows: most of the upstream is ejected or unhealthy";
    ENDPOINTS: Gauge "endpoints" [upstream, state]
        unit "endpoints",
        bound "upstreams with a list × 4 states",
        meaning "endpoints of a list that is not in the document, as its source has them: `healthy`, `degraded`, `unhealthy`, `draining`",
        worry "none is `healthy`";
    ENDPOINT_LIST_AGE: Gauge "endpoint_list_age_seconds" [upstream]
        unit "seconds",
        bound "upstreams with a list",
        meaning "how old the list was when it was asked for last in vain; 0 after an answer",
        worry "more than a few times `interval`: the list in force is no longer kept";
    ENDPOINT_LIST_CHANGES: Counter "endpoint_list_changes_total" was "endpoint_list_changes" [upstream]
        unit "lists",
        bound "upstreams with a list",
        meaning "how often the list became another one",
        worry "it changes every time that it is asked for";
    ENDPOINT_LIST_ERRORS: Counter "endpoint_list_errors_total" was "endpoint_list_errors" [upstream, reason]
        unit "answers",
        bound "upstreams with a list × 8 reasons",
        meaning "answers that were not believed: `unreachable`, `timeout`, `status`, `too_long`, `memory` (a worker has no room for it), `malformed`, `no_cluster`, `empty`",
        worry "it grows for longer than the source takes to start again";
    ENDPOINT_LIST_SKIPPED: Gauge "endpoint_list_skipped" [upstream]
        unit "entries",
        bound "upstreams with a list",
        meaning "entries of the last list that are no endpoints",
        worry "it is not 0 and you did not mean that";
}
