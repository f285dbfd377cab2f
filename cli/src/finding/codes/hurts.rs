//! SY04: what is legal in a document, and hurts.

use super::{Code, Severity, codes};

codes! {
    /// A budget of no retries.
    IDLE_BUDGET = Warning "SY0401" "a retry budget without retries"
        "The budget bounds retries that nobody makes: no route to the upstream has a section `retry`, or `num_retries` is 0. Somebody may take \
         retries for configured that are not. Add `retry`, or remove the budget.";
    /// Old answers whose key lacks who asks.
    STALE_WITHOUT_PRINCIPAL = Warning "SY0402" "old answers are shared by clients that the document tells apart"
        "`stale_if_error` gives an old answer to every request with the same key. This key leaves out what says who asks: a header or cookie \
         by which the document itself hashes clients, or what Envoy knows of them from a token or a certificate. When the upstream is down, \
         one client can get what another was answered. Credentials in `authorization` and `cookie` are safe without it: their answers are not \
         kept. Add the header to `key.headers`, or ignore less.";
    /// Waits that leave no time.
    LATE_BATCH = Warning "SY0403" "max_delay takes most of the time that a request has"
        "A request may wait for its batch longer than the retry section of its route, or Envoy's route in this file, gives it altogether: it is \
         answered 504 before its batch leaves. Lower `max_delay`, or raise the timeout in both places.";
    /// A route that no request reaches.
    UNREACHABLE = Warning "SY0404" "no request reaches the route"
        "An earlier route, for the same hosts, takes every request that this one is for: a wider `path_prefix`, an expression like `/.*`, or no \
         path at all, and no condition that this one lacks. Of routes whose hosts are equally near the first wins. Move this one in front of \
         it, or remove it. What is said of expressions holds for paths that are text.";
    /// The same conditions again.
    SAME_CONDITIONS = Warning "SY0405" "two routes have the same conditions"
        "The second is never taken. Often it was copied and its conditions were to be changed. Change them, or remove it.";
    /// An upstream that no route names.
    UNUSED_UPSTREAM = Warning "SY0406" "no route goes to the upstream"
        "Neither a route nor a fallback nor a batch of the document names it. It is not dead: requests that no route of the document matches, \
         and that Envoy's own route sends to its cluster, are served by it ([endpoints.md](endpoints.md#envoys-own-routes-and-a-mesh-of-clusters)). \
         If that is meant, suppress this; if not, add a route or remove it.";
    /// A split that splits nothing.
    IDLE_SPLIT = Warning "SY0407" "all of the split goes to one upstream"
        "Only one share has a weight of more than 0. That is how a release begins or ends; where it stays so, write `upstream`.";
    /// Clients share answers.
    SHARED_ANSWERS = Warning "SY0408" "clients share answers across credentials"
        "With `i_know_that_clients_share_answers_across_credentials` a client gets what another client's credentials obtained. That is right for \
         routes whose answers are the same for everybody, and a leak on all others. If it is meant, suppress this for the route.";
    /// Principals share calls.
    MIXED_PRINCIPALS = Warning "SY0409" "a batch mixes principals"
        "With `i_know_that_batches_mix_principals` a call is made with the credentials of its first request, and its answers go to all. That is \
         right where the upstream looks at no credentials. If it is meant, suppress this for the route.";
    /// A condition that stands twice.
    SAME_CONDITION = Warning "SY0410" "a condition stands twice"
        "The same condition on a header or parameter stands twice in one `match`. All conditions must hold, so the second says nothing; often \
         another value was meant.";
    /// Answers whose key lacks who asks.
    COALESCE_WITHOUT_PRINCIPAL = Warning "SY0411" "answers are shared by clients that the document tells apart"
        "`coalesce` gives one answer to all requests with the same key. This key leaves out what says who asks: a header or cookie by which the \
         document itself hashes clients, or what Envoy knows of them from a token or a certificate. Add the header to `key.headers`, or ignore \
         less.";
    /// Conditions that no request meets together.
    CONTRADICTION = Warning "SY0412" "no request meets the conditions"
        "Two conditions on the same header or parameter ask for different values, or for its presence and its absence. All conditions of a \
         `match` must hold, so no request is of this route. For one of several values write a `regex`, as in `a|b`.";
}
