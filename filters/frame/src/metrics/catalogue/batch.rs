//! What batching counts.

super::metrics! {
    BATCH_DEPARTURES: Counter "batch_departures_total" was "batch_departures" [route, reason]
        unit "calls",
        bound "routes with `batch` × 11 reasons",
        meaning "batches and lone requests that left: `idle` (nothing was under way), `returned` (something came back), `max_items`, `max_bytes`, `max_weight`, `max_delay`, `adaptive` (more wait than may go), `deadline`, `short_deadline`, `repeat` (a part of one that failed), `no_batches` ([the upstream does not take them](batch.md#when-a-batch-fails)). Calls saved are all `switchyard_batch_requests_total` less these",
        worry "`no_batches` that lasts";
    BATCH_SIZE: Histogram "batch_size" [route]
        unit "items",
        bound "routes with `batch`",
        meaning "items of each of them",
        worry "";
    BATCH_WAIT: Histogram "batch_wait_milliseconds" was "batch_wait_ms" [route]
        unit "milliseconds",
        bound "routes with `batch`",
        meaning "how long requests waited that did",
        worry "its 99th percentile comes near `max_delay`";
    BATCH_REQUESTS: Counter "batch_requests_total" was "batch_requests" [route, result]
        unit "requests",
        bound "routes with `batch` × 7 results",
        meaning "what became of requests: `answered` (a part of an answer), `alone`, `lost` (left out by the upstream), `failed`, `timed_out`, `refused`, `gone`",
        worry "`lost` at all; `failed` and `timed_out` grow";
    BATCH_NOISY_HEADERS: Counter "batch_noisy_headers_total" was "batch_noisy_headers" [route, header]
        unit "headers",
        bound "8 names of each route and worker",
        meaning "headers, or what Envoy knows of a request, that are another one in nearly every request; counted once by each worker",
        worry "at all: hardly any two requests share a call";
    BATCH_PASSED: Counter "batch_passed_total" was "batch_passed" [route, reason]
        unit "requests",
        bound "routes with `batch` × 32 reasons",
        meaning "requests that went by themselves at once ([reasons](batch.md#who-shares-a-call-the-key))",
        worry "`no_body`: the plugin lacks `allow_on_headers_stop_iteration`; `max_requests` and `max_bytes_held`: the upstream does not keep up";
    BATCH_FAILURES: Counter "batch_failures_total" was "batch_failures" [route, reason]
        unit "calls",
        bound "routes with `batch` × 16 reasons",
        meaning "batches that failed as a whole: `status`, `syntax`, `repeated`, `form`, `length`, `no_id`, `same_id`, `other_id`, `encoded`, `too_large`, `refused` (taken for no request), `timeout`, `reset`, `memory` (no room for the answer), `call` (it could not be made), `unreached` (it reached no endpoint)",
        worry "more than a few a minute; `length`, `no_id`, `same_id` and `other_id`: the upstream does not keep to the protocol";
    BATCH_REPEATS: Counter "batch_repeats_total" was "batch_repeats" [route, result]
        unit "calls",
        bound "routes with `batch` × 4 results",
        meaning "what was made in their place: `whole`, `half`, `alone`; `denied`: the budget had none left",
        worry "`denied` at all";
    BATCH_WITHHELD: Counter "batch_withheld_total" was "batch_withheld" [route]
        unit "requests",
        bound "routes with `batch`",
        meaning "shares for which there was no room: their requests went alone, or got a 502",
        worry "at all: have smaller batches";
    BATCH_ACTIVE: Gauge "batch_active" [route]
        unit "requests",
        bound "routes with `batch`",
        meaning "requests that wait or are under way, lone ones until their answer begins, all workers together",
        worry "it stays near `max_requests`";
    BATCH_BYTES_HELD: Gauge "batch_bytes_held" [route]
        unit "bytes",
        bound "routes with `batch`",
        meaning "what those requests and their batches' answers hold, all workers together",
        worry "it stays near `max_bytes_held`";
    BATCH_CALL: Gauge "batch_call_microseconds" was "batch_call_us" [route]
        unit "microseconds",
        bound "routes with `batch`",
        meaning "the model: what a call takes, as the last worker that learnt something has it",
        worry "";
    BATCH_ITEM: Gauge "batch_item_microseconds" was "batch_item_us" [route]
        unit "microseconds",
        bound "routes with `batch`",
        meaning "the model: what each item of a call takes",
        worry "it is near `switchyard_batch_call_microseconds`: batches save little";
    BATCH_LIMIT: Gauge "batch_limit" [route]
        unit "items",
        bound "routes with `batch`",
        meaning "the most items of the next batch; with `adaptive` the current size",
        worry "";
    BATCH_STALLED: Counter "batch_stalled_total" was "batch_stalled" [route]
        unit "calls",
        bound "routes with `batch`",
        meaning "batches without an answer, and lone requests without its beginning or its end, that [count no more](batch.md#when-a-batch-leaves) among those under way",
        worry "it grows: the upstream hangs";
    BATCH_DEGRADED: Counter "batch_degraded_total" was "batch_degraded" [route]
        unit "requests",
        bound "routes with `batch`",
        meaning "with `scope: proxy`: requests that had to be gathered in their own worker",
        worry "it grows: batches are smaller than they could be";
    BATCH_WITHOUT_QUEUE: Counter "batch_without_queue_total" was "batch_without_queue" []
        unit "workers",
        bound "1",
        meaning "workers without a queue: their batches leave a little later, by the tick",
        worry "at all: Envoy's log says why";
}
