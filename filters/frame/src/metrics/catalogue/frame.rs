//! What every filter tells: its configurations, its document, and its metrics themselves.

super::metrics! {
    CONFIGURATIONS: Counter "configurations_total" was "configurations" [filter, result]
        unit "configurations",
        bound "filters × 2 results",
        meaning "configurations `accepted` and `rejected`, once per VM: each worker, and two on the main thread",
        worry "`rejected` at all: the configuration before stays in force, and the log has every error";
    BUILD_INFO: Gauge "build_info" [filter, version]
        unit "always 1",
        bound "filters × versions since Envoy's start",
        meaning "a filter of this `version` has taken a configuration",
        worry "a filter or a proxy lacks it: it never started";
    METRICS_DROPPED: Counter "metrics_dropped_total" was "metrics_dropped" []
        unit "series",
        bound "1",
        meaning "series over the bound of 4,096 per VM, each counted once however often it is asked for",
        worry "at all: some series are not shown";
    DOCUMENT_VERSION: Gauge "document_version" [filter]
        unit "a number",
        bound "filters",
        meaning "of a document in a store: etcd's revision or Consul's index of the one in force; of HTTP, how many there have been",
        worry "proxies of one store differ for minutes";
    DOCUMENT_CHANGES: Counter "document_changes_total" was "document_changes" [filter]
        unit "documents",
        bound "filters",
        meaning "how often another document of the store came into force",
        worry "";
    DOCUMENT_AGE: Gauge "document_age_seconds" [filter]
        unit "seconds",
        bound "filters",
        meaning "for how long the store had not been heard when it was asked for last in vain; 0 after an answer",
        worry "it grows for minutes: no change arrives";
    DOCUMENT_ERRORS: Counter "document_errors_total" was "document_errors" [filter, reason]
        unit "answers",
        bound "filters × 9 reasons",
        meaning "answers that brought no document: `invalid`, or a reason as of `switchyard_endpoint_list_errors_total`; `empty`: there is nothing under the key",
        worry "`invalid`: what is in the store is refused";
}
