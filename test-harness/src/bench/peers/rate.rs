//! Nothing fails, and everything is configured: requests per second of sixteen busy clients, times and CPU time at a fixed rate.
//!
//! All four run at the same time and have their turns; where the machine has two cores, their processes have the first and load and endpoints the
//! others. CPU time is that of all processes of a product, of all rounds together, since ticks are coarse. At the fixed rate a time counts
//! from when the request was due, if its connection was still busy then (Tene's coordinated omission), and else from its sending.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

use super::job::{HOSTS, Job};
use super::pace::quantile_ms;
use super::sides::{Running, Side};
use crate::bench::chain::place;
use crate::bench::chain::wire::{self, Endpoints};
use crate::bench::{median, progress};

/// Requests of the busy clients in one round.
const BUSY: u64 = 10_000;
/// Requests at the fixed rate in one round.
const PACED: u64 = 3_000;
/// Two thousand a second, over so many connections.
const EVERY: Duration = Duration::from_micros(500);
const CONNECTIONS: u32 = 32;

/// What a side showed, round by round.
#[derive(Default)]
struct Figures {
    per_second: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    busy_cpu: Duration,
    paced_cpu: Duration,
}

/// Measures; adds `rate`, the versions, and whether the servers had a core to themselves.
pub(super) async fn measure(report: &mut Map<String, Value>, rounds: usize) -> anyhow::Result<()> {
    let endpoints = Endpoints::start(HOSTS).await?;
    let mut running = Vec::new();
    for side in Side::ALL {
        running.push(Running::start(side, Job::Everything, &endpoints.addresses()).await?);
    }
    report.insert("alone_on_a_core".to_owned(), json!(placed(&running)));
    let mut figures: BTreeMap<Side, Figures> = BTreeMap::new();
    let bar = progress("requests while nothing fails", ((rounds + 1) * running.len()) as u64);
    // Round 0 warms up.
    for round in 0..=rounds {
        running.rotate_left(1);
        for server in &running {
            let mut seen = once(server).await?;
            if round > 0 {
                figures.entry(server.side).or_default().add(&mut seen);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    for server in &running {
        server.version(report).await?;
    }
    let all = figures.iter().map(|(side, figures)| (side.name().to_owned(), figures.object(rounds)));
    report.insert("rate".to_owned(), Value::Object(all.collect()));
    Ok(())
}

/// Gives the servers the first core, and this process the rest. Whether that could be done.
fn placed(running: &[Running]) -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rest = format!("1-{}", cores.saturating_sub(1));
    let mut servers = running.iter().flat_map(Running::processes);
    cores > 1 && place::all_of(std::process::id(), &rest) && servers.all(|id| place::all_of(id, "0"))
}

async fn once(server: &Running) -> anyhow::Result<Figures> {
    let before = server.used()?;
    let wall = wire::load(server.address, BUSY).await?;
    let between = server.used()?;
    let took = paced(server.address).await?;
    Ok(Figures {
        per_second: vec![BUSY as f64 / wall.as_secs_f64()],
        p50_ms: vec![quantile_ms(took.clone(), 0.5)],
        p99_ms: vec![quantile_ms(took, 0.99)],
        busy_cpu: between.saturating_sub(before),
        paced_cpu: server.used()?.saturating_sub(between),
    })
}

/// How long each request took at the fixed rate.
async fn paced(address: SocketAddr) -> anyhow::Result<Vec<Duration>> {
    let sockets = wire::connected(address, CONNECTIONS.into()).await?;
    let (begun, mut clients) = (Instant::now() + EVERY * CONNECTIONS, JoinSet::new());
    for (first, mut socket) in (0_u32..).zip(sockets) {
        clients.spawn(async move {
            let mut turns = interval_at(begun + EVERY * first, EVERY * CONNECTIONS);
            let (mut took, mut answer, mut free) = (Vec::new(), Vec::new(), begun);
            for number in (u64::from(first)..PACED).step_by(CONNECTIONS as usize) {
                let due = turns.tick().await;
                let from = if free > due { due } else { Instant::now() };
                wire::ask(&mut socket, number, &mut answer).await?;
                free = Instant::now();
                took.push(free - from);
            }
            anyhow::Ok(took)
        });
    }
    let mut all = Vec::new();
    while let Some(client) = clients.join_next().await {
        all.extend(client??);
    }
    Ok(all)
}

impl Figures {
    fn add(&mut self, round: &mut Self) {
        self.per_second.append(&mut round.per_second);
        self.p50_ms.append(&mut round.p50_ms);
        self.p99_ms.append(&mut round.p99_ms);
        self.busy_cpu += round.busy_cpu;
        self.paced_cpu += round.paced_cpu;
    }

    fn object(&self, rounds: usize) -> Value {
        let each =
            |cpu: Duration, requests: u64| cpu.as_secs_f64() * 1e6 / (requests * rounds as u64).max(1) as f64;
        json!({
            "per_second": median(&self.per_second),
            "p50_ms": median(&self.p50_ms),
            "p99_ms": median(&self.p99_ms),
            "cpu_us": each(self.busy_cpu, BUSY),
            "cpu_us_at_rate": each(self.paced_cpu, PACED),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_request_at_the_fixed_rate_has_a_time() -> anyhow::Result<()> {
        let endpoints = Endpoints::start(1).await?;
        let address = *endpoints.addresses().first().unwrap();
        let took = paced(address).await?;
        assert_eq!((took.len() as u64, endpoints.counts()), (PACED, vec![PACED]));
        Ok(())
    }
}
