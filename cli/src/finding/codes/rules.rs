//! SY03: rules of the document's sections, by the section.

use super::{Code, Severity, codes};

codes! {
    /// `match`.
    MATCH = Error "SY0301" "a rule of match is broken"
        "The conditions of a route contradict each other, or no request can meet them: two rules for the path, an empty list of methods, a \
         path without its slash. [routes.md](routes.md#which-route) has how routes are found.";
    /// `hash_on` and `split_on`.
    HASH_ON = Error "SY0302" "a rule of hash_on or split_on is broken"
        "What is hashed is not said in a way that can work: an empty list, an entry that names two parts of a request, a cookie that browsers \
         throw away. [routes.md](routes.md#what-is-hashed) has the parts and their meaning.";
    /// `balance`.
    BALANCE = Error "SY0303" "a rule of balance is broken"
        "A field of `balance` belongs to another policy, or two of them do not go together. What a policy does not look at is refused, not \
         left out in silence.";
    /// `outlier`.
    OUTLIER = Error "SY0304" "a rule of outlier is broken"
        "The settings of passive health contradict each other: a longest ejection that is shorter than the first, more healthy endpoints than \
         there are. [outlier.md](outlier.md) has what each of them does.";
    /// `retry`, `retry_budget` and `fallback`.
    RETRY = Error "SY0305" "a rule of retry is broken"
        "A setting belongs to the other engine, bounds something that is never done, or would repeat what must not be repeated. \
         [retry.md](retry.md) has what each engine can do.";
    /// `coalesce`.
    COALESCE = Error "SY0306" "a rule of coalesce is broken"
        "A setting is for requests that the route does not have, or a key would never be shared, or one that must hold who asks does not. \
         [coalesce.md](coalesce.md) has what is in a key.";
    /// `batch`.
    BATCH = Error "SY0307" "a rule of batch is broken"
        "The limits do not fit into each other, or leave no time for the call, or the protocol is not for the route's methods. \
         [batch.md](batch.md) has what they bound.";
    /// `endpoints`.
    ENDPOINTS = Error "SY0308" "a rule of endpoints is broken"
        "Addresses must stand as Envoy prints them, or it would not find the host; a source of endpoints is one of four. \
         [endpoints.md](endpoints.md) has them.";
    /// `document`.
    STORED = Error "SY0309" "a rule of document is broken"
        "A document that says where the document is says nothing else. [endpoints.md](endpoints.md) has the stores.";
    /// `upstream` and `split` of a route.
    TARGETS = Error "SY0310" "a rule of upstream or split is broken"
        "A route goes to one `upstream`, or to a `split` of several whose weights sum to more than 0.";
    /// All else.
    OTHER = Error "SY0311" "a rule of the document is broken"
        "A name that cannot stand in a metric, a cluster without a name, or fields of an upstream or a route that do not go together.";
}
