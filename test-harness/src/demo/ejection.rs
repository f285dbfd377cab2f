//! The fifth act: an endpoint goes bad, is ejected, and comes back.

use anyhow::{Context as _, Result, ensure};

use super::{Stage, USERS};
use crate::load::Report;
use crate::upstream::Behaviour;

/// How many requests each line of the table is made of.
const REQUESTS: u64 = USERS / 3;

impl Stage {
    /// Sends users until the log has told of so many readmissions.
    pub(super) async fn until_readmitted(&self, times: usize) -> Result<()> {
        self.envoy
            .until("the endpoint to be readmitted", async || {
                self.load("/", USERS / 30, true).await?;
                Ok((self.envoy.log().matches("outlier: readmitted ").count() >= times).then_some(()))
            })
            .await
    }

    /// One line of the table: answers by upstream, and the attempts that reached the bad one.
    fn phase(&self, what: &str, report: &Report) {
        let answers = self.upstreams.iter().map(|upstream| {
            let count = report.by_upstream.get(upstream.name()).copied().unwrap_or_default();
            format!("{:>11}", format!("{:.1} %", count as f64 * 100.0 / report.requests() as f64))
        });
        let attempts = self.upstreams.get(1).map_or(0, crate::upstream::Upstream::count);
        let errors = report.requests() - report.successes();
        println!("  {what:<22}{}{attempts:>13}{errors:>9}", answers.collect::<String>());
    }

    pub(super) async fn an_endpoint_goes_bad(&self) -> Result<()> {
        let bad = self.upstreams.get(1).context("three upstreams")?;
        println!("\nACT 5. {} goes bad: it answers every request with 500.\n", bad.name());
        let names: String =
            self.upstreams.iter().map(|upstream| format!("{:>11}", upstream.name())).collect();
        println!("  {:<22}{names}{:>13}{:>9}", "", "sent to it", "errors");
        let told = self.envoy.log().len();
        let run = async |what: &str| {
            self.upstreams.forget();
            let report = self.load("/", REQUESTS, true).await?;
            self.phase(what, &report);
            anyhow::Ok(report)
        };
        run("before").await?;
        bad.behave(Behaviour::status(500)).await?;
        run("it begins to fail").await?;
        run("it is ejected").await?;
        self.page_says(bad).await?;
        ensure!(bad.count() <= REQUESTS / 10, "{} requests still reached it", bad.count());
        bad.behave(Behaviour::default()).await?;
        self.until_readmitted(2).await?;
        let back = run("it has recovered").await?;
        ensure!(back.by_upstream.contains_key(bad.name()), "nothing went back to it");
        println!("\nWhat outlier.wasm logged meanwhile:");
        let log = self.envoy.log();
        let since = log.get(told..).unwrap_or_default();
        for line in since.lines().filter_map(|line| line.split("switchyard.outlier: ").nth(1)) {
            println!("  {line}");
        }
        println!("Nobody saw an error: while an endpoint is judged, Envoy's retries go to the next one.");
        Ok(())
    }
}
