//! The document as it is written: one declaration per field, with the description that editors show.
//!
//! This is stage one: every field has its type, nothing is checked against anything else. Stage two is
//! [`crate::resolve`].

pub(crate) mod batch;
pub(crate) mod coalesce;
pub(crate) mod discovery;
pub(crate) mod fallback;
pub(crate) mod key;
pub(crate) mod load_report;
pub(crate) mod outlier;
pub(crate) mod retry;
pub(crate) mod retry_on;
pub(crate) mod stored;

use crate::read::{section, words};
use crate::values::{Duration, Percent};
pub(crate) use batch::Batch;
pub(crate) use coalesce::Coalesce;
pub(crate) use discovery::Endpoints;
pub(crate) use load_report::LoadReport;
pub(crate) use outlier::Outlier;
pub(crate) use retry::Retry;
pub(crate) use stored::StoredDocument;

section! {
    /// The configuration that all Switchyard filters share. An empty document does nothing.
    Document {
        required {}
        optional {
            /// `enforce` acts; `shadow` decides and counts, and changes nothing. Default: enforce.
            mode: Mode,
            /// Adds the response header x-switchyard-explain: route, upstream, policy, hash, candidates.
            /// Default: false.
            explain: bool,
            /// Says of every request what was decided for it, where Envoy's access log and traces read it: the filter state
            /// wasm.switchyard, see docs/logs.md. Costs a host call. Default: false.
            log_decisions: bool,
            /// The cluster that Envoy's own route names. A request for it needs no cluster header, which saves
            /// a host call. Default: none.
            default_cluster: String,
            /// The services that requests can be sent to.
            upstreams: Vec<Upstream>,
            /// Which request goes where. Of the routes that match, the one whose host is nearest wins, and of those the first. A request
            /// that none matches goes where Envoy's own route leads: to an endpoint of the upstream that names that route's cluster, or, if none does, untouched.
            routes: Vec<Route>,
            /// Where the document is, if not here; then nothing else stands here. Default: here.
            document: StoredDocument,
        }
    }
}

words! {
    /// Whether decisions are acted on.
    Mode {
        /// Decide and act.
        Enforce = "enforce",
        /// Decide and count only.
        Shadow = "shadow",
    }
}

section! {
    /// One service: its Envoy cluster, its endpoints, and how one of them is chosen.
    Upstream {
        required {
            /// Its name, by which routes refer to it and metrics label it.
            name: String,
            /// Its endpoints, which Envoy's cluster must have too: a list of one at least, or where they are asked for.
            endpoints: Endpoints,
        }
        optional {
            /// The Envoy cluster, whose policy is override_host. Default: the name.
            cluster: String,
            /// This section is for each of Envoy's clusters whose name matches this expression whole and that no other upstream
            /// names: an upstream for each, whose name is the cluster's, once a request that no route of the document matches goes there. `endpoints` must be Envoy's
            /// own view. Instead of `cluster`. Default: none.
            cluster_pattern: String,
            /// How many clusters are followed by `cluster_pattern`, 1 to 1000; requests to others pass untouched. Default: 100.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000)))]
            max_clusters: u64,
            /// How endpoints are chosen. Default: smooth_weighted_round_robin, which honours weights and is plain
            /// round robin if they are equal.
            balance: Balance,
            /// Passive health ejection, by outlier.wasm. Default: none.
            outlier: Outlier,
            /// How many retries there may be, of all routes to this upstream together. Default: what the routes' own budgets
            /// allow.
            retry_budget: retry::Budget,
            /// Retries, by retry.wasm, of requests that go to this upstream and whose route says nothing of retries; those of a split go by what the upstream says that they go to. Default: none.
            retry: Retry,
        }
    }
}

impl Upstream {
    /// Whether it is no upstream itself, but one for each of several clusters.
    pub(crate) fn stands_for_many(&self) -> bool {
        self.cluster_pattern.is_some() || self.bad.contains(&"cluster_pattern")
    }
}

section! {
    /// One address that serves the upstream.
    Endpoint {
        required {
            /// `ip:port` as Envoy prints it: "10.0.0.1:8080", "[2001:db8::1]:8080".
            address: String,
        }
        optional {
            /// Share of the traffic relative to the others, 1 or more. Default: 1.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4_294_967_295u32)))]
            weight: u64,
            /// What consistent hashing hashes instead of the address (Envoy's envoy.lb.hash_key); unique in its
            /// upstream.
            hash_key: String,
            /// `ejected` takes the endpoint out of rotation by hand: it is never named, whatever becomes of the others. Default: healthy.
            health: Health,
            /// Its level, 0 to 128: endpoints of a higher number get what those of lower ones cannot serve, and then by
            /// `overprovisioning_factor`. Give it in Envoy's cluster, too. Default: 0.
            #[cfg_attr(feature = "schema", schemars(range(max = 128)))]
            priority: u64,
            /// The zone that it is in, as the proxies' nodes name theirs; for `zone_aware`. Default: nowhere.
            zone: String,
            /// The region of the zone, where zones of several regions have the same name. Default: any.
            region: String,
            /// The part of the zone. Default: any.
            sub_zone: String,
        }
    }
}

words! {
    /// Where an endpoint stands by the operator's word.
    Health {
        /// In rotation.
        Healthy = "healthy",
        /// Out of rotation.
        Ejected = "ejected",
    }
}

section! {
    /// How the endpoints of a request are chosen.
    Balance {
        required {
            /// The policy.
            policy: PolicyName,
        }
        optional {
            /// What is hashed, in order, 16 entries at most (ring_hash and maglev). Several hashes are combined as Envoy does.
            #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 16)))]
            hash_on: Vec<HashOn>,
            /// Hash of the ring's points (ring_hash). Default: xx_hash.
            hash_function: HashFunction,
            /// Fewest points on the ring, 1 to 8388608 (ring_hash). Default: 1024.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 8_388_608)))]
            minimum_ring_size: u64,
            /// Most points on the ring, 1 to 8388608 (ring_hash). Default: 8388608.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 8_388_608)))]
            maximum_ring_size: u64,
            /// Points for each endpoint and unit of its weight, whoever else is there, 1 to 65536 (ring_hash): an endpoint that comes or goes moves its own
            /// keys and no others. Not with minimum_ring_size and maximum_ring_size, by which the points of all change with their number.
            /// Default: a ring of those sizes, as Envoy's.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 65_536)))]
            points_per_endpoint: u64,
            /// Slots of the table, a prime of at most 5000011, no fewer than endpoints (maglev). Default: 65537.
            #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 5_000_011)))]
            table_size: u64,
            /// Bounded loads: no endpoint takes more than this percentage of the mean load, 100 to 100000
            /// (ring_hash and maglev). Default: unbounded.
            #[cfg_attr(feature = "schema", schemars(range(min = 100, max = 100_000)))]
            hash_balance_factor: u64,
            /// The policy for requests that have nothing to hash (ring_hash and maglev), with the defaults of its
            /// own fields: `least_request` draws 2 and `peak_ewma` forgets in 10s. Default: random.
            no_hash: PolicyName,
            /// How many endpoints are drawn, 2 to 16 (least_request). Default: 2.
            #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 16)))]
            choice_count: u64,
            /// How strongly requests in flight lower a weight, 0 to 100 (least_request with unequal weights).
            /// Default: 1.
            #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 100)))]
            active_request_bias: f64,
            /// Time constant with which latencies are forgotten (peak_ewma): what was not heard of for three times as long is
            /// forgotten. Default: 10s.
            decay: Duration,
            /// Latency assumed of an endpoint that was asked and has not answered yet (peak_ewma). Default: 30ms.
            default_latency: Duration,
            /// How weights are made of what endpoints report (load_reported). Default: as its fields say.
            load_report: LoadReport,
            /// How many endpoints are named, best first, for Envoy's retries to walk, 1 to 16. Default: 3.
            #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 16)))]
            candidates: u64,
            /// Percentage of endpoints in rotation below which health is ignored; 0 never panics. Those taken out by hand do
            /// not count. Default: 50.
            healthy_panic_threshold: Percent,
            /// While too few endpoints are in rotation, or none can be chosen, requests are answered 503 at once. With
            /// `healthy_panic_threshold: 0` that is when nobody is left. Default: false.
            fail_traffic_on_panic: bool,
            /// How a new or readmitted endpoint ramps up. Default: at once.
            slow_start: SlowStart,
            /// Percentage of its traffic that a level of `priority` serves with all of its endpoints in rotation, 100 or more. With
            /// 140, half of its endpoints still get 70 % of the traffic, and the next level the rest. Default: 140.
            #[cfg_attr(feature = "schema", schemars(range(min = 100, max = 4_294_967_295u32)))]
            overprovisioning_factor: u64,
            /// Prefers endpoints of the proxy's own zone (not ring_hash and maglev). Default: no zone is preferred.
            zone_aware: ZoneAware,
        }
    }
}

words! {
    /// A balancing policy.
    PolicyName {
        /// Each in turn, weights ignored.
        RoundRobin = "round_robin",
        /// Any, weights ignored.
        Random = "random",
        /// Any, by weight.
        WeightedRandom = "weighted_random",
        /// In turn by weight, spread evenly.
        SmoothWeightedRoundRobin = "smooth_weighted_round_robin",
        /// Fewest requests in flight, as Envoy's.
        LeastRequest = "least_request",
        /// Lowest time to the first byte times requests that wait for theirs.
        PeakEwma = "peak_ewma",
        /// In turn by what endpoints report of their load (ORCA), as Envoy's client_side_weighted_round_robin; weights ignored.
        LoadReported = "load_reported",
        /// Consistent hash, Envoy's ring.
        RingHash = "ring_hash",
        /// Consistent hash, Envoy's Maglev.
        Maglev = "maglev",
    }
}

words! {
    /// Hash of a ring's points.
    HashFunction {
        /// xxHash64.
        XxHash = "xx_hash",
        /// MurmurHash2, as libstdc++ has it.
        MurmurHash2 = "murmur_hash_2",
    }
}

section! {
    /// A part of the request that is hashed: exactly one of header, cookie, query_parameter, source_ip, path.
    HashOn {
        required {}
        optional {
            /// The values of this header that are not empty. Of `:authority` the host: without port, in lower case.
            header: String,
            /// The first value of this cookie that is not empty.
            cookie: Cookie,
            /// The first value of this query parameter that is not empty, as it stands in the path.
            query_parameter: String,
            /// The client's address without its port.
            source_ip: bool,
            /// The path without its query.
            path: bool,
            /// If this part is there, the later ones are not looked at. Default: false.
            terminal: bool,
        }
    }
}

section! {
    /// A cookie that carries the key.
    Cookie {
        required {
            /// Its name.
            name: String,
        }
        optional {
            /// Give a client that comes without it a new one of this lifetime; "0s": for its session.
            /// Default: give none.
            ttl: Duration,
            /// The path of a new cookie. Default: none.
            path: String,
            /// The domain of a new cookie, to whose hosts a browser sends it, too. Default: none, only to the host that set it.
            domain: String,
            /// With which requests from other sites a browser sends a new cookie. Default: what browsers do without a word, mostly `lax`.
            same_site: SameSite,
            /// A browser sends a new cookie over TLS alone. Default: false.
            secure: bool,
        }
    }
}

words! {
    /// With which requests from other sites a browser sends a cookie.
    SameSite {
        /// With none.
        Strict = "strict",
        /// When its user follows a link.
        Lax = "lax",
        /// With all; browsers want `secure: true` then.
        None = "none",
    }
}

section! {
    /// Envoy's slow start: share = max(min_weight_percent, (time / window) ^ (1 / aggression)).
    SlowStart {
        required {
            /// How long the ramp lasts.
            window: Duration,
        }
        optional {
            /// Above 1 faster at first, below 1 slower; more than 0 to 100. Default: 1.
            #[cfg_attr(feature = "schema", schemars(range(max = 100), extend("exclusiveMinimum" = 0)))]
            aggression: f64,
            /// Where the ramp starts, 1 or more. Default: 10.
            min_weight_percent: Percent,
        }
    }
}

section! {
    /// Zone aware routing as Envoy's, taking the proxies to be spread evenly over the zones of the endpoints of the first `priority`. A zone
    /// gets as large a part of all requests as it has of the endpoints in rotation: first those that start there, then what other
    /// zones cannot serve. The proxy's zone is that of its node; until it is known, and if no endpoint is there, none is preferred.
    ZoneAware {
        required {}
        optional {
            /// Percentage of requests that are routed so. Default: 100.
            routing_enabled: Percent,
            /// With fewer endpoints in rotation none is. Default: 6.
            #[cfg_attr(feature = "schema", schemars(range(max = 4_294_967_295u32)))]
            min_cluster_size: u64,
        }
    }
}

section! {
    /// Where requests of one kind go.
    Route {
        required {
            /// Which requests.
            r#match: Match,
        }
        optional {
            /// Its name in metrics and explanations. Default: route-<position>.
            name: String,
            /// The upstream that they go to. Either this or `split`.
            upstream: String,
            /// The upstreams that they are split between, 64 at most. Either this or `upstream`.
            #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
            split: Vec<SplitTarget>,
            /// Makes the split sticky: the same key goes to the same upstream, and a change of weights moves
            /// as few keys as can be. Default: at random.
            #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 16)))]
            split_on: Vec<HashOn>,
            /// Retries, by retry.wasm. Default: none.
            retry: Retry,
            /// Identical requests under way share one answer, by coalesce.wasm. Default: none.
            coalesce: Coalesce,
            /// Distinct requests share one call to the upstream, by batch.wasm. Default: none.
            batch: Batch,
        }
    }
}

section! {
    /// Which requests; all conditions must hold, and none means every request.
    Match {
        required {}
        optional {
            /// The host is one of these, 64 at most, whatever its port and the case of its letters: `shop.example.com`, `*.example.com` for all that end so,
            /// `shop.*` for all that begin so, `*` for all. A name is nearer than an end, that than a beginning, that than `*` or no
            /// hosts; the longer is nearer. Default: every host.
            #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
            hosts: Vec<Option<String>>,
            /// The path, without its query, is this or below it: `/admin` is for `/admin` and `/admin/users`, not for
            /// `/administrator`; `/admin/` only for what is below.
            path_prefix: String,
            /// The path, without its query, is this.
            path: String,
            /// The path, without its query, matches this expression whole. Linear time, no look-around.
            path_regex: String,
            /// The case of letters does not matter in `path_prefix` and `path` (of ASCII; in an expression write `(?i)`). Default: false.
            ignore_case: bool,
            /// The method is one of these.
            methods: Vec<Option<String>>,
            /// Conditions on headers.
            headers: Vec<HeaderMatch>,
            /// Conditions on parameters of the query.
            query: Vec<QueryMatch>,
        }
    }
}

section! {
    /// A condition on a header: exactly one of exact, prefix, regex, present.
    HeaderMatch {
        required {
            /// The header's name, in lower case; `:authority` for the host as the client wrote it, see `hosts`.
            name: String,
        }
        optional {
            /// The value is this.
            exact: String,
            /// The value begins with this.
            prefix: String,
            /// The value matches this expression whole.
            regex: String,
            /// The header is there.
            present: bool,
            /// Turns the condition round; a missing header still meets none but `present`. Default: false.
            invert: bool,
        }
    }
}

section! {
    /// A condition on the first parameter of this name: exactly one of exact, prefix, regex, present. Nothing is decoded.
    QueryMatch {
        required {
            /// The parameter's name.
            name: String,
        }
        optional {
            /// The value is this.
            exact: String,
            /// The value begins with this.
            prefix: String,
            /// The value matches this expression whole.
            regex: String,
            /// The parameter is there.
            present: bool,
            /// Turns the condition round; a missing parameter still meets none but `present`. Default: false.
            invert: bool,
        }
    }
}

section! {
    /// One share of a split.
    SplitTarget {
        required {
            /// The upstream.
            upstream: String,
            /// Its share relative to the others; 0 gets nothing.
            weight: u64,
        }
        optional {}
    }
}
