//! What an ask costs the worker that asks, and Envoy's main thread, which answers: CPU with asks less CPU without, by the number of asks.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::documents::listed;
use crate::bench::cpu;
use crate::envoy::{Envoy, pieces};
use crate::listed::{ADMIN, live};
use crate::load::Client;
use crate::upstream::Upstreams;

/// How long asks are counted.
const COUNTED: Duration = Duration::from_secs(20);

pub(super) async fn measure() -> anyhow::Result<Map<String, Value>> {
    let mut all = Map::new();
    for (name, endpoints, others) in [("10", 10, 0), ("1000", 1_000, 0), ("10_of_500_clusters", 10, 499)] {
        let (often, seldom) = (run(endpoints, others, "100ms").await?, run(endpoints, others, "1h").await?);
        let polls = (often.polls - seldom.polls).max(1.0);
        for (thread, with, without) in
            [("worker", often.worker, seldom.worker), ("main", often.main, seldom.main)]
        {
            let each = (with.saturating_sub(without)).as_secs_f64() * 1_000.0 / polls;
            all.insert(format!("poll_{thread}_ms_{name}"), json!(each));
        }
        all.insert(format!("rss_mib_{name}"), json!(often.rss_mib));
    }
    Ok(all)
}

struct Seen {
    polls: f64,
    worker: Duration,
    main: Duration,
    rss_mib: f64,
}

async fn run(endpoints: u16, others: u16, interval: &str) -> anyhow::Result<Seen> {
    // It answers at every address of 127.0.0.0/8.
    let upstreams = Upstreams::start_at(&[SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))]).await?;
    let port = upstreams.addresses().first().context("an upstream")?.port();
    let address = |number: u16| {
        let [high, low] = number.to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(127, 1, high, low.max(1)), port))
    };
    let mut addresses: Vec<_> = (0..endpoints).map(address).collect();
    addresses.dedup();
    let document = listed(&json!({ "policy": "round_robin" }), interval);
    let mut bootstrap = live(&addresses, &document).concurrency(1);
    for other in 0..others {
        bootstrap = bootstrap.cluster(pieces::cluster(&format!("other-{other}"), &addresses));
    }
    let envoy = Envoy::start(bootstrap).await?;
    let client = envoy.client("ingress").await?;
    let asks = format!("cluster.{ADMIN}.upstream_rq_completed");
    envoy
        .until("the list", async || {
            let answer = client.get("/").send().await?;
            let named = !answer.header("x-switchyard-explain").contains("candidates=none");
            Ok((named && envoy.stat(&asks).await? > 0).then_some(()))
        })
        .await?;
    let pid = cpu::envoy_pid()?;
    let before = (envoy.stat(&asks).await?, thread(pid, "wrk:worker_0")?, main(pid)?);
    busy(&client).await?;
    let after = (envoy.stat(&asks).await?, thread(pid, "wrk:worker_0")?, main(pid)?);
    Ok(Seen {
        polls: (after.0 - before.0) as f64,
        worker: after.1.saturating_sub(before.1),
        main: after.2.saturating_sub(before.2),
        rss_mib: cpu::resident_mib(pid)?,
    })
}

/// Ten requests in a second keep the worker asking.
async fn busy(client: &Client) -> anyhow::Result<()> {
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    let end = tokio::time::Instant::now() + COUNTED;
    while tokio::time::Instant::now() < end {
        beat.tick().await;
        client.get("/").send().await?;
    }
    Ok(())
}

/// CPU time of the thread of this name.
fn thread(pid: u32, name: &str) -> anyhow::Result<Duration> {
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = entry?.path();
        if fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name) {
            return cpu::in_stat(&path.join("stat"));
        }
    }
    anyhow::bail!("Envoy has no thread {name}")
}

fn main(pid: u32) -> anyhow::Result<Duration> {
    cpu::in_stat(std::path::Path::new(&format!("/proc/{pid}/task/{pid}/stat")))
}
