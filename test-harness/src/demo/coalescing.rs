//! The seventh act: two hundred clients ask for the same thing at the same time.

use anyhow::{Result, ensure};
use std::time::Instant;
use tokio::task::JoinSet;

use super::Stage;
use crate::load::Client;
use crate::upstream::{Behaviour, Upstream};

/// Clients, each with a connection of its own.
const CLIENTS: usize = 200;
/// How long an upstream takes, in milliseconds: all clients have asked by then.
const SLOW: u64 = 500;

impl Stage {
    pub(super) async fn many_ask_for_the_same(&self) -> Result<()> {
        println!(
            "\nACT 7. {CLIENTS} clients ask for the same search at the same time; it takes {SLOW} ms.\n"
        );
        for upstream in self.upstreams.iter() {
            upstream.behave(Behaviour::slow(SLOW)).await?;
        }
        println!("  {:<34}{:>9}{:>10}{:>13}{:>14}", "", "clients", "upstream", "first, ms", "last, ms");
        let alone = self.burst("/catalog?q=tea", "without coalescing").await?;
        ensure!(alone == CLIENTS as u64, "{alone} requests for {CLIENTS} clients");
        let shared = self.burst("/search?q=tea", "with coalescing").await?;
        ensure!(shared == 1, "{shared} requests went upstream, not one");
        for upstream in self.upstreams.iter() {
            upstream.behave(Behaviour::default()).await?;
        }
        let followers = |place: &str| {
            format!("wasmcustom.switchyard.route=.=search;.;result=.={place};.;coalesce_followers_total")
        };
        // Counters are written on a tick of each worker.
        let all = CLIENTS as u64 - 1;
        let (local, remote) = self
            .envoy
            .until("every follower to be counted", async || {
                let stats = self.envoy.stats().await?;
                let count = |place| stats.get(&followers(place)).copied().unwrap_or_default();
                let counts = (count("local"), count("remote"));
                Ok((counts.0 + counts.1 >= all).then_some(counts))
            })
            .await?;
        println!("\nOne client led; {local} followed it in its own worker and {remote} in the other one.");
        println!("Each got the same answer, with cache-status: switchyard; fwd=miss; collapsed.");
        Ok(())
    }

    /// Asks with all clients at once; how many requests the upstreams saw.
    async fn burst(&self, path: &'static str, what: &str) -> Result<u64> {
        self.upstreams.forget();
        let address = self.envoy.listener_address("ingress").await?;
        let began = Instant::now();
        let mut clients: JoinSet<Result<f64>> = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(async move {
                let answer = Client::to(address).get(path).send().await?;
                ensure!(answer.status.is_success(), "a client got {}", answer.status);
                Ok(began.elapsed().as_secs_f64() * 1000.0)
            });
        }
        let mut times = clients.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
        times.sort_by(f64::total_cmp);
        let requests = self.upstreams.iter().map(Upstream::count).sum();
        let (first, last) =
            (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default());
        println!("  {what:<34}{CLIENTS:>9}{requests:>10}{first:>13.0}{last:>14.0}");
        Ok(requests)
    }
}
