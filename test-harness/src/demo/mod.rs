//! The demonstration: the shipped bootstrap and document in front of three upstreams, in nine acts.
//!
//! Every number that it prints was counted from answers that came through Envoy, and what it claims it checks:
//! if a claim does not hold, it fails.

mod batching;
mod coalescing;
mod coming_and_going;
mod ejection;
mod page;
mod retries;
mod table;

use anyhow::{Context as _, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use table::{Row, Table};

use crate::envoy::{Bootstrap, Envoy};
use crate::listed::ADMIN;
use crate::load::{Load, Report};
use crate::upstream::{Behaviour, Upstreams};

/// Users of the second and third act.
const USERS: u64 = 3_000;
/// Requests of the acts about shares.
const REQUESTS: u64 = 10_000;

/// Runs it from start to end, and leaves so many minutes to look at its status page; it ends by itself.
///
/// # Errors
/// When Envoy or an upstream does not start, or when something that it shows turns out not to be so.
pub async fn run(minutes: u64) -> Result<()> {
    let stage = Stage::set().await?;
    stage.shares_by_weight().await?;
    stage.a_sticky_release().await?;
    let before = stage.keys_that_stay().await?;
    stage.an_endpoint_dies(&before).await?;
    stage.an_endpoint_goes_bad().await?;
    stage.retries_know_why().await?;
    stage.many_ask_for_the_same().await?;
    Stage::many_call_at_a_time().await?;
    Stage::endpoints_come_and_go().await?;
    if minutes > 0 {
        stage.stay(minutes).await?;
    }
    println!(
        "\nenvoy-config/envoy.yaml is the Envoy that you saw; switchyard.yaml beside it is what it was told."
    );
    Ok(())
}

struct Stage {
    upstreams: Upstreams,
    envoy: Envoy,
}

impl Stage {
    async fn set() -> Result<Self> {
        let upstreams = Upstreams::start(3).await?;
        let addresses = upstreams.addresses();
        let weighted: Vec<_> = addresses.iter().copied().zip([5, 3, 2]).collect();
        let bar = progress(0, "starting Envoy");
        let bootstrap = Bootstrap::shipped()
            .endpoints("checkout", &addresses)
            .weighted_endpoints("catalog", &weighted)
            .endpoints("checkout-canary", addresses.get(2..).unwrap_or_default())
            .admin_cluster(ADMIN)
            .concurrency(2);
        let envoy = Envoy::start(bootstrap).await?;
        bar.finish_and_clear();
        println!(
            "Envoy listens on {}, with switchyard.wasm, and outlier.wasm at its clusters; behind it:",
            envoy.listener_address("ingress").await?
        );
        for upstream in upstreams.iter() {
            println!("  {}  {}", upstream.name(), upstream.address());
        }
        println!(
            "While this runs, `switchyard doctor http://{}` says what it thinks of it.",
            envoy.admin_address()
        );
        let stage = Self { upstreams, envoy };
        println!("Its status page, of which docs/status.md has a picture: {}", stage.page().await?);
        stage.until_endpoints_are_known().await?;
        Ok(stage)
    }

    /// The first request has Envoy asked which endpoints its clusters have; until that is known requests go as Envoy itself sends them.
    async fn until_endpoints_are_known(&self) -> Result<()> {
        let began = std::time::Instant::now();
        let client = self.envoy.client("ingress").await?;
        self.envoy
            .until("the endpoints of all upstreams to be known", async || {
                client.get("/").send().await?;
                let stats = self.envoy.stats().await?;
                let known = |(upstream, count): &(&str, u64)| {
                    let name =
                        format!("wasmcustom.switchyard.upstream=.={upstream};.;state=.=healthy;.;endpoints");
                    stats.get(&name) == Some(count)
                };
                Ok([("checkout", 3), ("catalog", 3), ("checkout-canary", 1)].iter().all(known).then_some(()))
            })
            .await?;
        println!(
            "The document names none of them: {} ms after the first request Envoy had said what its clusters have.",
            began.elapsed().as_millis()
        );
        Ok(())
    }

    async fn load(&self, path: &str, requests: u64, user: bool) -> Result<Report> {
        let bar = progress(requests, path);
        let load = Load::against(self.envoy.listener_address("ingress").await?).path(path).requests(requests);
        let counter = bar.clone();
        let load = load.keys(if user { "x-user" } else { "x-correlation-id" }, move |number| {
            counter.inc(1);
            format!("user-{number}")
        });
        let report = load.run().await?;
        bar.finish_and_clear();
        ensure!(report.errors == 0, "requests failed: {}", report.first_error.unwrap_or_default());
        ensure!(report.successes() == requests, "not every answer was a success: {:?}", report.by_status);
        Ok(report)
    }

    async fn shares_by_weight(&self) -> Result<()> {
        println!(
            "\nACT 1. Shares by weight: {REQUESTS} requests to /catalog, policy weighted_random, weights 5, 3, 2.\n"
        );
        let report = self.load("/catalog", REQUESTS, false).await?;
        println!("{}", self.table(&report, &[5.0, 3.0, 2.0]));
        Ok(())
    }

    async fn keys_that_stay(&self) -> Result<Report> {
        println!(
            "ACT 3. Keys that stay: {USERS} users, ring_hash on the header x-user, each user comes twice.\n"
        );
        let before = self.load("/", USERS, true).await?;
        let again = self.load("/", USERS, true).await?;
        let moved = before.moved_keys(&again).len();
        println!("{}", self.table(&again, &[1.0, 1.0, 1.0]));
        println!("Users that changed their endpoint: {moved} of {USERS}");
        ensure!(moved == 0, "keys moved while nothing changed");
        Ok(before)
    }

    async fn an_endpoint_dies(&self, before: &Report) -> Result<()> {
        let dead = self.upstreams.get(1).context("three upstreams")?;
        println!("\nACT 4. {} dies: its port is closed. All users come again.\n", dead.name());
        dead.behave(Behaviour::Refuse).await?;
        let without = self.load("/", USERS, true).await?;
        let moved = before.moved_keys(&without);
        println!("{}", self.table(&without, &[1.0, 0.0, 1.0]));
        let others = moved.iter().filter(|(_, here, _)| here != dead.name()).count();
        let its = before.by_upstream.get(dead.name()).copied().unwrap_or_default();
        println!(
            "Users of {}: {its}, moved: {}. Users of the others that moved: {others}.",
            dead.name(),
            moved.len() - others
        );
        println!(
            "Nobody saw an error: Envoy's retries went to the next endpoint that switchyard.wasm had named."
        );
        ensure!(others == 0, "keys of healthy endpoints moved");
        ensure!(moved.len() as u64 == its, "keys of the dead endpoint did not move");
        dead.behave(Behaviour::default()).await?;
        self.until_readmitted(1).await?;
        // The worker that readmitted it knows at once, the other one with its next tick.
        self.envoy
            .until("every user to be where they were at first", async || {
                let back = self.load("/", USERS, true).await?;
                Ok(before.moved_keys(&back).is_empty().then_some(()))
            })
            .await?;
        println!("{} is back, and every user is where they were at first.", dead.name());
        Ok(())
    }

    async fn a_sticky_release(&self) -> Result<()> {
        println!(
            "\nACT 2. A sticky release: /release is split 95/5 between checkout and checkout-canary, by user.\n"
        );
        let first = self.load("/release", USERS, true).await?;
        let again = self.load("/release", USERS, true).await?;
        let moved = first.moved_keys(&again).len();
        let canary = "switchyard.route=.=release;.;upstream=.=checkout-canary;.;";
        let name = format!("wasmcustom.{canary}policy=.=round_robin;.;decisions_total");
        let count = self.envoy.wait_for_stat(&name, |count| count > 0).await?;
        let percent = count as f64 * 50.0 / USERS as f64;
        println!(
            "Sent to the canary: {percent:.1} % of the users. Users that changed sides when they came again: {moved}.\n"
        );
        ensure!(moved == 0, "the split did not stick");
        Ok(())
    }

    fn table(&self, report: &Report, weights: &[f64]) -> Table {
        let (sum, total) = (weights.iter().sum::<f64>(), report.requests() as f64);
        let row = |(upstream, weight): (&crate::upstream::Upstream, &f64)| {
            let answers = report.by_upstream.get(upstream.name()).copied().unwrap_or_default();
            let latency = |percent| report.percentile_of(upstream.name(), percent);
            Row {
                endpoint: upstream.name().to_owned(),
                weight: *weight,
                expected: weight / sum * 100.0,
                seen: answers as f64 / total * 100.0,
                errors: report.errors,
                p50: latency(50.0),
                p99: latency(99.0),
            }
        };
        Table(self.upstreams.iter().zip(weights).map(row).collect())
    }
}

fn progress(length: u64, what: &str) -> ProgressBar {
    let bar = if length == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(length) };
    let style = if length == 0 { "{spinner} {msg}" } else { "{bar:40} {pos}/{len} {msg}" };
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}
