//! What becomes of endpoints, whoever judges: outlier.wasm, and the router of the heartbeats that it judges itself.

super::metrics! {
    EJECTIONS: Counter "ejections_total" was "ejections" [upstream, reason]
        unit "ejections",
        bound "upstreams × 10 reasons",
        meaning "endpoints taken out of rotation, by the detector that decided: `consecutive_5xx`, `consecutive_gateway_failure`, `consecutive_local_origin_failure`, `success_rate`, `failure_percentage`, `latency`, `stall`, `signal`, `heartbeat`, `probe` (a half-open trial failed)",
        worry "the same upstream again and again";
    SHADOW_EJECTIONS: Counter "shadow_ejections_total" was "shadow_ejections" [upstream, reason]
        unit "ejections",
        bound "upstreams × 10 reasons",
        meaning "in shadow mode: what would have been ejected, by the same reasons",
        worry "endpoints that the log names are healthy: do not leave shadow mode";
    EJECTIONS_SPARED: Counter "ejections_spared_total" was "ejections_spared" [upstream, reason, result]
        unit "verdicts",
        bound "upstreams × 10 reasons × 2 results",
        meaning "verdicts not carried out: `overflow` (as many are ejected as may be), `not_enforced` (by the enforcing percentage)",
        worry "`overflow`: more endpoints are bad than may be ejected";
    EJECTIONS_ACTIVE: Gauge "ejections_active" [upstream]
        unit "endpoints",
        bound "upstreams",
        meaning "endpoints that are ejected now; not written in shadow mode",
        worry "it stays near what `max_ejection_percent` allows";
    READMISSIONS: Counter "readmissions_total" was "readmissions" [upstream]
        unit "endpoints",
        bound "upstreams",
        meaning "endpoints that came back into rotation",
        worry "many in an hour: an endpoint is ejected and comes back, again and again";
    PROBES: Counter "probes_total" was "probes" [upstream, result]
        unit "endpoints",
        bound "upstreams × 2 results",
        meaning "half-open endpoints, to which single requests go after their ejection, by what came of it: `succeeded`, readmitted after as many good answers as that takes; `failed`, ejected again",
        worry "`failed` goes on: the endpoint does not recover";
    HEARTBEATS: Counter "heartbeats_total" was "heartbeats" [upstream, result]
        unit "heartbeats",
        bound "upstreams × 2 results",
        meaning "heartbeats sent to endpoints, and what came of them: `succeeded`, `failed`",
        worry "`failed` for minutes";
    EJECTION_DISCONNECTED: Gauge "ejection_disconnected" [filter, upstream]
        unit "yes or no",
        bound "upstreams with `outlier`, and 1",
        meaning "1 while outlier and router do not find each other under this `vm_id`: with `filter=\"outlier\"` nothing is judged, with `filter=\"router\"` and `upstream` nobody hears of what is; [outlier.md](outlier.md#under-different-vm_ids) says what is lost",
        worry "1: ejection is configured and does not work";
    UNJUDGED: Counter "unjudged_total" was "unjudged" [upstream, reason]
        unit "attempts",
        bound "upstreams × 1 reason",
        meaning "attempts that outlier does not judge: `not_in_document` (the cluster has an endpoint that the document lacks, which the log names once, the first 64 of a configuration)",
        worry "it grows: an endpoint can never be ejected";
    LEDGER_CONTENDED: Counter "ledger_contended_total" was "ledger_contended" [upstream]
        unit "verdicts",
        bound "upstreams",
        meaning "writes of the table of states that were given up, since too many workers wanted to at once or there is no shared data",
        worry "it grows: verdicts are lost";
    ENDPOINT_ATTEMPTS: Gauge "endpoint_attempts" [upstream, endpoint]
        unit "attempts",
        bound "the first 128 endpoints of a VM",
        meaning "attempts at the endpoint in the last window (T); all figures of endpoints are written when a window is evaluated, by one worker, and not while the upstream has no attempts",
        worry "";
    ENDPOINT_FAILURES: Gauge "endpoint_failures" [upstream, endpoint]
        unit "attempts",
        bound "the first 128 endpoints of a VM",
        meaning "failures of the endpoint in the last window (F)",
        worry "";
    ENDPOINT_FAILURE_RATE: Gauge "endpoint_failure_rate_ppm" [upstream, endpoint]
        unit "millionths",
        bound "the first 128 endpoints of a VM",
        meaning "λ = F/T, in millionths, since Envoy's gauges are whole numbers",
        worry "above 100,000 (a tenth) of an endpoint that is in rotation";
    ENDPOINT_RELIABILITY: Gauge "endpoint_reliability_ppm" [upstream, endpoint]
        unit "millionths",
        bound "the first 128 endpoints of a VM",
        meaning "R = (1-λ)^N, the chance that all N attempts of a kind of request succeed there, in millionths",
        worry "below 900,000: the endpoint spoils requests";
    ENDPOINT_STATE: Gauge "endpoint_state" [upstream, endpoint]
        unit "0, 1 or 2",
        bound "the first 128 endpoints of a VM",
        meaning "0 Healthy, 1 Ejected, 2 HalfOpen; in shadow mode what would be",
        worry "";
    ENDPOINT_TIMES_EJECTED: Gauge "endpoint_times_ejected" [upstream, endpoint]
        unit "ejections",
        bound "the first 128 endpoints of a VM",
        meaning "how often the endpoint has been ejected lately, which makes the next ejection longer",
        worry "it grows from hour to hour";
    ENDPOINT_EJECTED_UNTIL: Gauge "endpoint_ejected_until_timestamp_seconds" was "endpoint_ejected_until_seconds" [upstream, endpoint]
        unit "seconds",
        bound "the first 128 endpoints of a VM",
        meaning "until when the endpoint is ejected, as Unix time; 0: it is in rotation",
        worry "";
    ENDPOINT_EJECTED_REASON: Gauge "endpoint_ejected_reason" [upstream, endpoint]
        unit "a number",
        bound "the first 128 endpoints of a VM",
        meaning "the last reason: 0 none, 1 `consecutive_5xx`, 2 `consecutive_gateway_failure`, 3 `consecutive_local_origin_failure`, 4 `success_rate`, 5 `failure_percentage`, 6 `latency`, 7 `stall`, 8 `signal`, 9 `heartbeat`, 10 `probe`",
        worry "";
}
