//! Every query is answered, and not by nothing where the script makes something happen.

use std::collections::BTreeSet;
use std::time::Duration;

use switchyard_test_harness::prelude::*;

use super::Outcome;
use super::faults::Script;
use super::queries::{Query, of_alerts, of_panels, of_rules};

/// Metrics that the script does not move, and why: what asks for one of them need only be a query that Prometheus takes.
const STAYS_AWAY: [(&str, &str); 12] = [
    ("ledger_contended", "so many workers as contend are not here"),
    ("retry_watchdog", "it counts faults of ours"),
    ("deadlines_exceeded", "no request has a deadline"),
    ("metrics_dropped", "4,096 series are not here"),
    ("without_queue", "every worker has its queue"),
    ("noisy_headers", "it takes hundreds of requests"),
    ("coalesce_degraded", "flights reach all workers"),
    ("batch_degraded", "the section is of one worker"),
    ("batch_withheld", "answers are small"),
    ("batch_stalled", "the service answers"),
    ("document_", "the document is in Envoy's configuration"),
    ("ejection_disconnected", "both sides find each other"),
];

/// The alerts that the script brings about, firing or about to.
const BROUGHT_ABOUT: [&str; 8] = [
    "SwitchyardPanic",
    "SwitchyardTooManyEjected",
    "SwitchyardMoreAreBadThanMayGo",
    "SwitchyardEndpointNotInCluster",
    "SwitchyardAttemptsUnjudged",
    "SwitchyardRetryBudgetExhausted",
    "SwitchyardBatchProtocol",
    "SwitchyardConfigurationRejected",
];

/// Rounds of faults go on until all is seen, or for so long.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_rule_and_alert_sees_a_real_envoy_under_faults() -> Outcome {
    let script = Script::start().await?;
    let prometheus = Prometheus::start(script.envoy.admin_address()).await?;
    let (mut unseen, mut alerts): (Vec<Query>, BTreeSet<_>) =
        ([of_panels()?, of_rules()?].into_iter().flatten().collect(), BROUGHT_ABOUT.into());
    let all = unseen.len();
    assert!(all > 100, "{all} queries");
    unseen.retain(|query| !STAYS_AWAY.iter().any(|(metric, _)| query.text.contains(metric)));
    let moved = unseen.len();
    let started = std::time::Instant::now();
    for round in 0.. {
        script.round(round).await?;
        unseen = still_unseen(&prometheus, unseen).await?;
        for name in prometheus.alerts().await? {
            alerts.remove(name.as_str());
        }
        if unseen.is_empty() && alerts.is_empty() {
            println!("{all} queries, {moved} of them not empty after {} rounds", round + 1);
            break;
        }
        let places: Vec<_> =
            unseen.iter().map(|query| format!("{}\n    {}", query.place, query.text)).collect();
        assert!(
            started.elapsed() < PATIENCE,
            "{} rounds, and these are empty:\n  {}\nand these do not fire: {alerts:?}",
            round + 1,
            places.join("\n  "),
        );
    }
    // What need not have an answer is a question all the same.
    for query in [of_panels()?, of_rules()?, of_alerts()?].into_iter().flatten() {
        prometheus.query(&query.text).await?;
    }
    Ok(())
}

async fn still_unseen(prometheus: &Prometheus, queries: Vec<Query>) -> anyhow::Result<Vec<Query>> {
    let mut unseen = Vec::new();
    for query in queries {
        if prometheus.query(&query.text).await?.is_empty() {
            unseen.push(query);
        }
    }
    Ok(unseen)
}
