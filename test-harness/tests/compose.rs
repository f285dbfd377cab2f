//! docker-compose.yml as a user brings it up: keys stay, one upstream's container stops and its keys move, it starts
//! again and they return. Runs where `cargo xtask test` found a Docker engine and images.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use switchyard_test_harness::compose::Project;
use switchyard_test_harness::prelude::*;
use tokio::task::block_in_place;

/// A path whose route is a ring hash on x-user in the shipped document.
const PATH: &str = "/";
/// The upstream of that route, in the metric of its endpoints.
const LIST: &str = "upstream=\"checkout\",state=\"healthy\"";
/// Keys that are watched: enough that three upstreams share them, few enough for a slow machine.
const KEYS: u64 = 300;
/// Requests under way at once. A stopped container costs each of its keys one connect timeout, and more than
/// three of them at a time need retries beyond Envoy's default limit of three per cluster.
const CLIENTS: usize = 8;
/// Containers take their time to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the scenario has in all, once the containers stand.
const ALL_TIME: Duration = Duration::from_secs(180);
const VICTIM: &str = "upstream-2";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_move_when_their_container_stops_and_return_with_it() -> Result<()> {
    if std::env::var_os("SWITCHYARD_COMPOSE").is_none_or(|value| value != "1") {
        println!(
            "not run: SWITCHYARD_COMPOSE is not 1, as `cargo xtask test` sets it where a Docker engine answers"
        );
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("the harness lies in the checkout")?;
    let project = block_in_place(|| Project::up(root, &wasm_dir(root)))?;
    // Dropped by the time that is out, too: then it shows Envoy's log and takes the containers down.
    tokio::time::timeout(ALL_TIME, scenario(project)).await.context("the scenario did not come to its end")?
}

async fn scenario(project: Project) -> Result<()> {
    let envoy = block_in_place(|| project.address("envoy", 10_000))?;
    let metrics = Client::to(block_in_place(|| project.address("envoy", 9_902))?);
    wait::until("Envoy's /ready", PATIENCE, || async {
        Ok(metrics.get("/ready").send().await.ok().filter(|answer| answer.status.is_success()))
    })
    .await?;
    wait::until("an answer of every upstream", PATIENCE, || async {
        Ok(ask(envoy).await.ok().filter(|round| round.by_upstream.len() == 3))
    })
    .await?;

    let known =
        |line: &str| line.starts_with("switchyard_endpoints{") && line.ends_with(" 3") && line.contains(LIST);
    wait::until("the list of endpoints that Envoy has", PATIENCE, || async {
        ask(envoy).await?;
        Ok(metrics.get("/stats/prometheus").send().await?.text().lines().any(known).then_some(()))
    })
    .await?;

    let before = ask(envoy).await?;
    ensure!(before.by_upstream.len() == 3, "not all upstreams have keys: {:?}", before.by_upstream);
    ensure!(before.moved_keys(&ask(envoy).await?).is_empty(), "keys wander though nothing changed");
    let series = metrics.get("/stats/prometheus").send().await?.text();
    ensure!(series.lines().any(|line| line.starts_with("switchyard_")), "no switchyard series in:\n{series}");

    let during =
        while_clients_ask(envoy, || project.stop(VICTIM)).await.context("while the container stops")?;
    only_the_victims_keys_moved(&before, &during)?;
    only_the_victims_keys_moved(&before, &ask(envoy).await?)?;

    block_in_place(|| project.start(VICTIM))?;
    wait::until("all keys to be home again", PATIENCE, || async {
        Ok(before.moved_keys(&ask(envoy).await?).is_empty().then_some(()))
    })
    .await?;
    ensure!(before.moved_keys(&ask(envoy).await?).is_empty(), "keys came home and left again");
    block_in_place(|| project.finish())
}

/// Everything that the victim had is elsewhere, and nothing else is.
fn only_the_victims_keys_moved(before: &Report, after: &Report) -> Result<()> {
    ensure!(!after.by_upstream.contains_key(VICTIM), "{VICTIM} answers though it was stopped");
    let moved = before.moved_keys(after);
    ensure!(!moved.is_empty(), "{VICTIM} had no key, so its stop shows nothing");
    for (key, home, now) in moved {
        ensure!(home == VICTIM, "{key} moved from {home} to {now} though only {VICTIM} was stopped");
    }
    Ok(())
}

/// Asks for all keys again and again while `change` runs, and once more after it: the answers of that last round.
async fn while_clients_ask(envoy: SocketAddr, change: impl FnOnce() -> Result<()>) -> Result<Report> {
    let changed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&changed);
    let asking = tokio::spawn(async move {
        loop {
            // Read before the round, so that the last one begins after the change.
            let last = seen.load(Ordering::SeqCst);
            let round = ask(envoy).await;
            if last || round.is_err() {
                return round;
            }
        }
    });
    let done = block_in_place(change);
    changed.store(true, Ordering::SeqCst);
    let round = asking.await?;
    done.and(round)
}

/// One round over all keys. Any answer but a success of an upstream fails it.
async fn ask(envoy: SocketAddr) -> Result<Report> {
    let load = Load::against(envoy).path(PATH).requests(KEYS).concurrency(CLIENTS);
    let round = load.keys("x-user", |number| format!("user-{number}")).run().await?;
    let (statuses, first) = (&round.by_status, &round.first_error);
    ensure!(
        round.successes() == KEYS,
        "clients saw errors: {statuses:?}, without an answer {}, {first:?}",
        round.errors
    );
    ensure!(!round.by_upstream.contains_key(""), "an answer names no upstream");
    Ok(round)
}

fn wasm_dir(root: &Path) -> PathBuf {
    std::env::var_os("SWITCHYARD_WASM_DIR").map_or_else(|| root.join("target/wasm"), PathBuf::from)
}
