//! What coalescing counts.

super::metrics! {
    COALESCE_LEADERS: Counter "coalesce_leaders_total" was "coalesce_leaders" [route]
        unit "requests",
        bound "routes with `coalesce`",
        meaning "requests that led from the start",
        worry "";
    COALESCE_FOLLOWERS: Counter "coalesce_followers_total" was "coalesce_followers" [route, result]
        unit "requests",
        bound "routes with `coalesce` × 2 results",
        meaning "requests that waited for a flight of their own worker (`local`) or of another (`remote`)",
        worry "";
    COALESCE_EXITS: Counter "coalesce_exits_total" was "coalesce_exits" [route, reason]
        unit "requests",
        bound "routes with `coalesce` × 11 reasons",
        meaning "what became of those that waited: `collapsed`, `hit`, `stale`, `shared_error`, `led`, `released`, `vary`, `max_wait` (in its turn), `overdue` (at the even pace), `gone`. Requests saved are `collapsed`, `stale` and `shared_error`",
        worry "`max_wait` and `overdue`: the upstream is slower than `max_wait`";
    COALESCE_WAIT: Histogram "coalesce_wait_milliseconds" was "coalesce_wait_ms" [route]
        unit "milliseconds",
        bound "routes with `coalesce`",
        meaning "how long requests waited for another's answer",
        worry "its 99th percentile comes near `max_wait`";
    COALESCE_PASSED: Counter "coalesce_passed_total" was "coalesce_passed" [route, reason]
        unit "requests",
        bound "routes with `coalesce` × 19 reasons",
        meaning "requests that went on at once, for [the reasons of their own](coalesce.md#who-shares-the-key), and `hit_for_pass`, `max_followers`, `max_flights`, `memory`, `shadow`",
        worry "`max_followers`, `max_flights` and `memory`: a bound of the section is met; `no_body`: the plugin lacks `allow_on_headers_stop_iteration`";
    COALESCE_SUCCESSIONS: Counter "coalesce_successions_total" was "coalesce_successions" [route, reason]
        unit "flights",
        bound "routes with `coalesce` × 5 reasons",
        meaning "leaders that were succeeded by another: `gone`, `failed`, `max_leader_age`, `stall`, `worker_lost`",
        worry "`worker_lost`: a VM died; `stall` and `max_leader_age`: the upstream hangs";
    COALESCE_NOT_SHARED: Counter "coalesce_not_shared_total" was "coalesce_not_shared" [route, reason]
        unit "answers",
        bound "routes with `coalesce` × 11 reasons",
        meaning "answers that were for one client: `status`, `private`, `no_store`, `set_cookie`, `vary`, `partial`, `too_long`, `trailers`, `stream`, `incomplete`, `memory`",
        worry "nearly all answers of a route: it has little to share";
    COALESCE_NOISY_HEADERS: Counter "coalesce_noisy_headers_total" was "coalesce_noisy_headers" [route, header]
        unit "headers",
        bound "8 names of each route and worker",
        meaning "headers, or what Envoy knows of a request, that are another one in nearly every request; counted once by each worker",
        worry "at all: hardly any two requests share anything";
    COALESCE_HITS: Counter "coalesce_hits_total" was "coalesce_hits" [route, result]
        unit "requests",
        bound "routes with `coalesce` × 2 results",
        meaning "answers from the micro-cache: `hit`; and to leaders in place of failures: `stale`",
        worry "`stale`: the upstream fails";
    COALESCE_BYTES_HELD: Gauge "coalesce_bytes_held" [route]
        unit "bytes",
        bound "routes with `coalesce`",
        meaning "what flights and the micro-cache hold, all workers together",
        worry "it stays near [what may be held](memory.md)";
    COALESCE_HIT_FOR_PASS_KEYS: Gauge "coalesce_hit_for_pass_keys" [route]
        unit "keys",
        bound "routes with `coalesce`",
        meaning "keys whose answers were for one client and whose requests pass for a while, all workers together",
        worry "";
    COALESCE_DEGRADED: Counter "coalesce_degraded_total" was "coalesce_degraded" [route]
        unit "flights",
        bound "routes with `coalesce`",
        meaning "flights that had to stay within their worker, though the section says `scope: proxy`",
        worry "it grows: an upstream sees up to one request of each worker";
    COALESCE_WITHOUT_QUEUE: Counter "coalesce_without_queue_total" was "coalesce_without_queue" []
        unit "workers",
        bound "1",
        meaning "workers without a queue: flights stay within them",
        worry "at all: Envoy's log says why";
}
