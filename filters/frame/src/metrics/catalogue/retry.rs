//! What retries count, of both engines.

super::metrics! {
    ATTEMPTS: Counter "attempts_total" was "attempts" [route]
        unit "attempts",
        bound "routes with `retry`",
        meaning "attempts, the first of each request included",
        worry "it is much more than the requests: retries carry a failing upstream";
    RETRIES: Counter "retries_total" was "retries" [route, reason]
        unit "attempts",
        bound "routes with `retry` × 9 reasons",
        meaning "retries decided on: `status`, `grpc_status`, `connect_failure`, `refused_stream`, `reset`, `timeout`, `header`, `body`; with the router's engine `envoy`, which does not say why",
        worry "more than a fifth of the attempts for minutes";
    SHADOW_RETRIES: Counter "shadow_retries_total" was "shadow_retries" [route, reason]
        unit "attempts",
        bound "routes with `retry` × 8 reasons",
        meaning "in shadow mode: what would have been",
        worry "";
    RETRIES_DENIED: Counter "retries_denied_total" was "retries_denied" [route, reason]
        unit "requests",
        bound "routes with `retry` × 10 reasons",
        meaning "no further attempt: `budget`, `concurrency`, `deadline`, `body_size`, `memory`, `not_idempotent`, `retry_after`, `num_retries`, `no_endpoint`, `answer`; with the router's engine `budget` counts requests that went out without the right to be tried again",
        worry "`budget` and `num_retries` grow: clients see those failures; `answer` at all";
    RETRY_BUDGET_BALANCE: Gauge "retry_budget_balance" [route, upstream]
        unit "attempts",
        bound "routes with `retry`, and upstreams with a budget",
        meaning "retries that are left, of the budget of a `route` or of an `upstream`",
        worry "0 for minutes: more fails than the budget covers";
    RETRY_BACK_OFF: Counter "retry_back_off_milliseconds_total" was "retry_back_off_ms" [route]
        unit "milliseconds",
        bound "routes with `retry`",
        meaning "time that requests were told to wait before a retry",
        worry "";
    HEDGES: Counter "hedges_total" was "hedges" [route]
        unit "attempts",
        bound "routes with `hedge`",
        meaning "second attempts beside a first that was slow",
        worry "more than a tenth of the requests: the upstream is slow as a whole";
    HEDGES_WON: Counter "hedges_won_total" was "hedges_won" [route]
        unit "attempts",
        bound "routes with `hedge`",
        meaning "second attempts that were quicker than the first",
        worry "hardly any of the hedges: they cost and do not help";
    FALLBACK_ANSWERS: Counter "fallback_answers_total" was "fallback_answers" [route, reason]
        unit "answers",
        bound "routes with `fallback` × 3 reasons",
        meaning "substitutes that clients got for failures: `upstream`, `stale`, `answer`",
        worry "it grows: clients get the second best";
    DEADLINES_EXCEEDED: Counter "deadlines_exceeded_total" was "deadlines_exceeded" [route]
        unit "requests",
        bound "routes with `retry`",
        meaning "requests that the filter ended for want of time",
        worry "it grows";
    RETRY_WATCHDOG: Counter "retry_watchdog_total" was "retry_watchdog" [route]
        unit "requests",
        bound "routes with `retry`",
        meaning "waits that the watchdog ended",
        worry "at all: report it, with Envoy's log";
}
