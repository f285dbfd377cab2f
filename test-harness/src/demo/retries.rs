//! The sixth act: an endpoint that lies, and a total outage.

use anyhow::{Context as _, Result, ensure};

use super::{Stage, USERS};
use crate::upstream::{Behaviour, Upstream};

/// How many requests each line of the table is made of.
const REQUESTS: u64 = USERS / 3;

impl Stage {
    pub(super) async fn retries_know_why(&self) -> Result<()> {
        println!(
            "\nACT 6. Retries: /catalog is tried again by switchyard.wasm, which reads what answers say.\n"
        );
        println!("  {:<34}{:>9}{:>10}{:>13}{:>9}", "", "requests", "attempts", "old answers", "errors");
        let stale = "wasmcustom.switchyard.route=.=catalog;.;reason=.=stale;.;fallback_answers_total";
        let run = async |what: &str, expected: u64| {
            self.upstreams.forget();
            let before = self.envoy.stat(stale).await?;
            let report = self.load("/catalog", REQUESTS, false).await?;
            let attempts: u64 = self.upstreams.iter().map(Upstream::count).sum();
            let errors = report.requests() - report.successes();
            // Counters are written on a tick.
            let old = self.envoy.wait_for_stat(stale, |count| count >= before + expected).await? - before;
            println!("  {what:<34}{REQUESTS:>9}{attempts:>10}{old:>13}{errors:>9}");
            ensure!(old == expected, "{old} old answers, not {expected}");
            anyhow::Ok(attempts)
        };
        run("all is well", 0).await?;
        let liar = self.upstreams.get(1).context("three upstreams")?;
        liar.behave(Behaviour::Lie).await?;
        let attempts = run("upstream-2 says 200 {\"error\": …}", 0).await?;
        ensure!(attempts > REQUESTS, "nothing was tried again");
        for upstream in self.upstreams.iter() {
            upstream.behave(Behaviour::status(503)).await?;
        }
        let attempts = run("all of them say 503", REQUESTS).await?;
        ensure!(attempts < REQUESTS * 2, "{attempts} attempts: the budget does not hold");
        for upstream in self.upstreams.iter() {
            upstream.behave(Behaviour::default()).await?;
        }
        let attempts = run("it is over", 0).await?;
        ensure!(attempts == REQUESTS, "{attempts} attempts: retries were left over");
        println!(
            "\nIn the outage the budget kept the retries to a fifth of the requests and ten a second; clients got the last"
        );
        println!("good answer, marked x-switchyard-fallback: stale. Nobody saw an error.");
        Ok(())
    }
}
