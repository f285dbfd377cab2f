//! The ninth act: endpoints come and go while requests flow, and nobody edits a document.

use anyhow::{Result, ensure};
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Stage, USERS};
use crate::envoy::Envoy;
use crate::listed::{envoys_view, live, localities, until_named};
use crate::load::{Load, Report};
use crate::upstream::Upstreams;

/// Users by whom it is seen that a change is followed.
const PROBES: u64 = 100;

impl Stage {
    pub(super) async fn endpoints_come_and_go() -> Result<()> {
        println!(
            "\nACT 9. Endpoints come and go by EDS while {USERS} users send requests; the document names none of them, and no route.\n"
        );
        let upstreams = Upstreams::start(4).await?;
        let all = upstreams.addresses();
        let balance = json!({
            "policy": "ring_hash", "hash_on": [{ "header": "x-user" }], "points_per_endpoint": 1_000,
        });
        let document = json!({
            "explain": true,
            "upstreams": [{ "name": "checkout", "endpoints": envoys_view("5s"), "balance": balance }],
        });
        let (first, last) = (all.get(..3).unwrap_or_default(), all.get(1..).unwrap_or_default());
        let envoy = Envoy::start(live(first, &document).only(&["router"]).concurrency(2)).await?;
        until_named(&envoy, PROBES, first).await?;
        let row = |what: &str, report: &Report, moved: &str, followed: &str| {
            let shares = upstreams.iter().map(|one| report.by_upstream.get(one.name()).copied().unwrap_or(0));
            let shares: String = shares.map(|count| format!("{count:>12}")).collect();
            println!("  {what:<22}{shares}{moved:>14}{followed:>16}");
        };
        let names: String = upstreams.iter().map(|one| format!("{:>12}", one.name())).collect();
        println!("  {:<22}{names}{:>14}{:>16}", "", "users moved", "followed after");
        let before = everybody(&envoy).await?;
        row("three", &before, "", "");
        let took = change(&envoy, &all).await?;
        let with = everybody(&envoy).await?;
        let moved = before.moved_keys(&with);
        row("a fourth comes", &with, &moved.len().to_string(), &format!("{} ms", took.as_millis()));
        let fourth = upstreams.get(3).map(|one| one.name().to_owned()).unwrap_or_default();
        ensure!(moved.iter().all(|(_, _, there)| *there == fourth), "users moved between those that stayed");
        let took = change(&envoy, last).await?;
        let without = everybody(&envoy).await?;
        let moved = with.moved_keys(&without);
        row("the first goes", &without, &moved.len().to_string(), &format!("{} ms", took.as_millis()));
        let gone = upstreams.first().map(|one| one.name().to_owned()).unwrap_or_default();
        ensure!(moved.iter().all(|(_, here, _)| *here == gone), "users of those that stayed moved");
        println!("\nOnly the users moved that must, and nobody saw an error.");
        Ok(())
    }
}

/// Each user once.
async fn everybody(envoy: &Envoy) -> Result<Report> {
    let load = Load::against(envoy.listener_address("ingress").await?).requests(USERS);
    let report = load.keys("x-user", |number| format!("user-{number}")).run().await?;
    ensure!(report.successes() == USERS, "not every answer was a success: {:?}", report.by_status);
    Ok(report)
}

/// Envoy has these endpoints from now on, while requests flow; how long it takes until the router names them.
async fn change(envoy: &Envoy, endpoints: &[SocketAddr]) -> Result<Duration> {
    let flow = everybody(envoy);
    let change = async {
        let began = Instant::now();
        envoy.update_endpoints("checkout", &localities(endpoints)).await?;
        until_named(envoy, PROBES, endpoints).await?;
        Ok(began.elapsed())
    };
    let (flowed, took) = tokio::join!(flow, change);
    flowed?;
    took
}
