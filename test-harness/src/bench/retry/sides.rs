//! The three that are compared: Envoy's own retry policy, and retry.wasm behind router.wasm with either engine.
//!
//! Invariant: same hosts in turn, same failures tried again, two retries to other hosts after the same waits, and a budget of
//! the same share. Nobody ejects. What a budget is differs: Envoy's is a share of the requests under way now and at least
//! three; ours is a share of the requests of the last ten seconds and ten a second.

use std::time::Duration;

use serde_json::{Value, json};

use crate::envoy::{Bootstrap, Modules, pieces};
use crate::retrying::retrying;
use crate::steered::retried;
use crate::upstream::Upstreams;

/// Who tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Native,
    Router,
    Filter,
}

/// What a policy allows on every side.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    /// Retries per request.
    pub(super) budget_percent: u32,
    /// The live quantile of the filter's hedge, and the fixed time after which Envoy's router begins its own.
    pub(super) hedge: Option<(u64, Duration)>,
}

const RETRIES: u32 = 2;
const MIN_PER_SECOND: u32 = 10;
const MIN_CONCURRENCY: u32 = 3;

impl Side {
    pub(super) const ALL: [Self; 3] = [Self::Native, Self::Router, Self::Filter];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Router => "router",
            Self::Filter => "filter",
        }
    }

    pub(super) fn bootstrap(self, upstreams: &Upstreams, terms: Terms) -> Bootstrap {
        let bootstrap = match self {
            Self::Native => native(upstreams, terms),
            Self::Router | Self::Filter => {
                let document = retrying(upstreams, &self.policy(terms));
                let waits = json!({ "retry_back_off": back_off() });
                let bootstrap = retried(upstreams, &document).only(&["router", "retry"]);
                bootstrap.modules(Modules::Separate).retry_policy(&waits)
            }
        };
        bootstrap.concurrency(2)
    }

    /// The route's `retry` section.
    fn policy(self, terms: Terms) -> Value {
        let mut policy = json!({
            "engine": self.name(),
            "retry_on": { "statuses": ["500-599"], "reset": true, "connect_failure": true, "refused_stream": true },
            "num_retries": RETRIES,
            "budget": { "ratio": f64::from(terms.budget_percent) / 100.0, "min_per_second": MIN_PER_SECOND },
        });
        let more = match (self, terms.hedge) {
            (Self::Filter, hedge) => json!({
                "back_off": { "base": "25ms", "max": "250ms" },
                "hedge": hedge.map(|(quantile, _)| json!({ "quantile": quantile })),
            }),
            (_, Some((_, per_try))) => json!({
                "per_try_timeout": format!("{}ms", per_try.as_millis()),
                "hedge_on_per_try_timeout": true,
            }),
            (_, None) => json!({}),
        };
        if let (Some(policy), Some(more)) = (policy.as_object_mut(), more.as_object()) {
            policy.extend(more.clone().into_iter().filter(|(_, value)| !value.is_null()));
        }
        policy
    }
}

fn back_off() -> Value {
    json!({ "base_interval": "0.025s", "max_interval": "0.25s" })
}

fn native(upstreams: &Upstreams, terms: Terms) -> Bootstrap {
    let mut policy = json!({
        "retry_on": "5xx,reset,connect-failure,refused-stream",
        "num_retries": RETRIES,
        "retry_back_off": back_off(),
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            },
        }],
        "host_selection_retry_max_attempts": 5,
    });
    let mut route = json!({ "cluster": "checkout" });
    if let (Some((_, per_try)), Some(policy), Some(route)) =
        (terms.hedge, policy.as_object_mut(), route.as_object_mut())
    {
        policy.insert("per_try_timeout".to_owned(), json!(format!("{}s", per_try.as_secs_f64())));
        route.insert("hedge_policy".to_owned(), json!({ "hedge_on_per_try_timeout": true }));
    }
    if let Some(route) = route.as_object_mut() {
        route.insert("retry_policy".to_owned(), policy);
    }
    let mut cluster = pieces::cluster("checkout", &upstreams.addresses());
    let budget = json!({
        "budget_percent": { "value": terms.budget_percent },
        "min_retry_concurrency": MIN_CONCURRENCY,
    });
    if let Some(cluster) = cluster.as_object_mut() {
        let breakers = json!({ "thresholds": [{ "retry_budget": budget }] });
        cluster.insert("circuit_breakers".to_owned(), breakers);
    }
    let route = json!({ "match": { "prefix": "/" }, "route": route });
    Bootstrap::empty().cluster(cluster).listener(pieces::listener("ingress", &[route], &[]))
}
