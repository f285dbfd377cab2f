//! The document: routes that have all four filters, in one of many ways.

use crate::simulation::draws::one;
use fastrand::Rng;
use switchyard_frame::fake::{Roots, StreamOf, Subject};

pub(crate) type Worker = Roots<Chain>;
pub(crate) type Stream = StreamOf<Chain>;

/// switchyard.wasm; a test's section is all of its routes.
pub(crate) struct Chain;

/// What a section begins with whose upstreams ask nobody for their endpoints: no root ticks for their sake.
const STATIC: &str = "static:";

/// Of so many endpoints of the first upstream so many percent may be ejected.
pub(crate) const ENDPOINTS: u32 = 5;
pub(crate) const MOST_EJECTED_PERCENT: u32 = 40;

impl Subject for Chain {
    type Filter = switchyard_switchyard::Switchyard;
    const STEP: u64 = 1;

    fn document(section: &str) -> String {
        let (routes, two) = match section.strip_prefix(STATIC) {
            Some(routes) => (routes, r#"[{"address": "10.0.1.1:80"}, {"address": "10.0.1.2:80"}]"#),
            None => (section, r#"{"http": {"cluster": "registry", "path": "/two", "interval": "1s"}}"#),
        };
        let one: Vec<_> =
            (1..=ENDPOINTS).map(|last| format!(r#"{{"address": "10.0.0.{last}:80"}}"#)).collect();
        let outlier = format!(
            r#""consecutive_5xx": 3, "base_ejection_time": "2s", "max_ejection_time": "6s", "interval": "1s",
            "max_ejection_percent": {MOST_EJECTED_PERCENT}"#
        );
        format!(
            r#"{{
                "default_cluster": "one",
                "upstreams": [
                    {{
                        "name": "one", "cluster": "one", "endpoints": [{}],
                        "balance": {{"policy": "ring_hash", "hash_on": [{{"header": "x-tenant"}}], "candidates": 2}},
                        "outlier": {{{outlier}, "heartbeat": {{"path": "/health", "interval": "1s"}}}}
                    }},
                    {{
                        "name": "two", "cluster": "two", "endpoints": {two},
                        "balance": {{"policy": "least_request"}}, "outlier": {{{outlier}}}
                    }}
                ],
                "routes": [{routes}]
            }}"#,
            one.join(", ")
        )
    }
}

/// What every filter must refuse.
pub(crate) const REFUSED: [&str; 4] = [
    "{",
    r#"{"upstreams": [], "routes": [{"match": {}, "upstream": "nobody"}]}"#,
    r#"{"upstreams": [{"name": "one", "endpoints": [{"address": "10.0.0.1:80"}], "balance": {"policy": "luck"}}], "routes": []}"#,
    r#"{"routes": [{"match": {}, "coalesce": {"max_wait": "soon"}}]}"#,
];

/// The document in force.
pub(crate) struct Document {
    /// All of its routes.
    pub(crate) section: String,
    /// So many attempts a request of retry's own engine may have.
    pub(crate) most_attempts: u64,
    /// So many retries there may be per request, and per second.
    pub(crate) budget: (f64, f64),
    /// Answers are kept for later.
    pub(crate) keeps_answers: bool,
}

impl Document {
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let (budget, (times, retry)) = (one(&BUDGETS, rng), one(&RETRY, rng));
        let section = routes(budget, times, retry, rng);
        let keeps_answers = ["\"hold\"", "stale_if_error"].iter().any(|what| section.contains(what));
        Self { section, most_attempts: times + 1, budget, keeps_answers }
    }

    /// One that keeps no answers for later.
    pub(crate) fn lean(rng: &mut Rng) -> Self {
        let any = std::iter::repeat_with(|| Self::any(rng));
        any.into_iter().find(|document| !document.keeps_answers).expect("one in six does not")
    }

    /// The same, but that nobody is asked for endpoints.
    pub(crate) fn at_rest(&mut self) {
        self.section = [STATIC, &self.section].concat();
    }

    /// No routes, and nobody is asked for endpoints.
    pub(crate) fn empty(&mut self) {
        STATIC.clone_into(&mut self.section);
    }
}

/// Over so many seconds a budget compares retries with requests.
pub(crate) const WINDOW: f64 = 2.0;
/// So many retries there may be per request, and per second.
const BUDGETS: [(f64, f64); 3] = [(0.05, 2.0), (0.2, 5.0), (1.0, 20.0)];

/// The longest that a request is held: by coalesce for its body, and for another's answer; by batch for its call. And the longest that an
/// answer is. In milliseconds, each with the ticks that see it.
pub(crate) const HOLDS_REQUEST: u64 = (1_750 + 250) + 2 * 800 + 1_000 + SLACK;
pub(crate) const HOLDS_ANSWER: u64 = 2_000 + 5_000 + SLACK;
/// Ticks come late, and calls are answered a little after their time.
const SLACK: u64 = 1_000;

const COALESCE: [&str; 3] = [
    r#""max_wait": "800ms", "max_leader_age": "400ms", "stall_timeout": "100ms", "max_flights": 32"#,
    r#""scope": "worker", "max_wait": "600ms", "hold": "30ms", "on_error": "release", "max_flights": 32"#,
    r#""max_wait": "700ms", "stale_if_error": "1s", "hold": "20ms", "max_followers": 3, "max_flights": 4"#,
];

const BATCH: [&str; 3] = [
    r#""max_items": 4, "max_in_flight": 1"#,
    r#""scope": "proxy", "max_delay": "30ms", "on_failure": "singly""#,
    r#""leaves": "adaptive", "adaptive": {"target": "50ms"}"#,
];

/// Each with how often a request may be tried again.
const RETRY: [(u64, &str); 4] = [
    (2, r#""hedge": {"initial_delay": "20ms", "quantile": 80}"#),
    (3, r#""per_try_timeout": "300ms", "fallback": {"stale_if_error": {"max_age": "5s"}}"#),
    (1, r#""hedge": {"initial_delay": "30ms"}, "fallback": {"stale_if_error": {"max_age": "5s"}}"#),
    (2, r#""fallback": {"answer": {"status": 503, "body": "sorry"}}"#),
];

/// Routes of a process, as it has them until it is configured anew.
fn routes((ratio, per_second): (f64, f64), times: u64, retry: &str, rng: &mut Rng) -> String {
    let (coalesce, batch) = (one(&COALESCE, rng), one(&BATCH, rng));
    let filter = format!(
        r#""retry": {{"engine": "filter", "num_retries": {times}, {retry}, "timeout": "2s", "back_off": {{"base": "2ms", "max": "10ms"}},
            "retry_on": {{"statuses": ["500-599"], "body": [{{"pointer": "/error", "exists": true}}]}},
            "budget": {{"ratio": {ratio}, "min_per_second": {per_second}, "window": "{WINDOW}s"}}}}"#
    );
    let ids = |path: &str| {
        format!(
            r#""batch": {{"protocol": {{"id_list": {{"path": "{path}", "parameter": "ids", "single": true}}}},
            "upstream": "one", "timeout": "1s", {batch}}}"#
        )
    };
    let split = r#""split": [{"upstream": "one", "weight": 70}, {"upstream": "two", "weight": 30}]"#;
    [
        format!(
            r#"{{"name": "items", "match": {{"path_prefix": "/items"}}, {split}, "split_on": [{{"header": "x-tenant"}}],
            "coalesce": {{{coalesce}}}, {}, {filter}}}"#,
            ids("/items")
        ),
        format!(
            r#"{{"name": "steered", "match": {{"path_prefix": "/steered"}}, {split}, "coalesce": {{{coalesce}}}, {},
            "retry": {{"engine": "router", "num_retries": 2, "retry_on": {{"statuses": ["500-599"]}}}}}}"#,
            ids("/steered")
        ),
        format!(
            r#"{{"name": "rpc", "match": {{"path": "/rpc"}}, "upstream": "one", "coalesce": {{"key": {{"body": true}}, {coalesce}}},
            "batch": {{"protocol": {{"json_rpc": {{"repeatable": ["get*"]}}}}, "timeout": "1s", {batch}}}, {filter}}}"#
        ),
    ]
    .join(", ")
}
