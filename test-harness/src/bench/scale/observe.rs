//! One Envoy, looked at while nothing comes, while every cluster gets a few requests, and after.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::shape::Shape;
use crate::bench::cpu;
use crate::envoy::Envoy;
use crate::load::Load;
use crate::upstream::Upstreams;

/// How long idle CPU is counted: ticks of 10 ms are 0.2 % of it.
const COUNTED: Duration = Duration::from_secs(5);
/// How long after the start, and after the last request, it is idle.
const AT_REST: Duration = Duration::from_secs(2);
/// Requests to each cluster from each connection.
const ROUNDS: u64 = 2;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Memory and time to ready.
    Memory,
    /// CPU while idle, too.
    Idle,
}

/// What was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Of a core.
    pub(super) idle_before_percent: f64,
    pub(super) idle_after_percent: f64,
    pub(super) config_bytes: usize,
    pub(super) rss_mib: f64,
    pub(super) ready_s: f64,
}

/// Runs an Envoy of this shape to its end.
pub(super) async fn run(shape: &Shape, look: Look) -> anyhow::Result<Seen> {
    // It answers at every address of 127.0.0.0/8.
    let upstreams = Upstreams::start_at(&[SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))]).await?;
    let port = upstreams.addresses().first().context("an upstream")?.port();
    let bootstrap = shape.bootstrap(port)?;
    let config_bytes = bootstrap.ready()?.to_string().len();
    let started = Instant::now();
    let envoy = Envoy::start(bootstrap).await?;
    let mut seen = Seen { config_bytes, ready_s: started.elapsed().as_secs_f64(), ..Seen::default() };
    let pid = cpu::envoy_pid()?;
    if look == Look::Idle {
        seen.idle_before_percent = idle(pid).await?;
    }
    serve(&envoy, shape).await?;
    if look == Look::Idle {
        seen.idle_after_percent = idle(pid).await?;
    }
    seen.rss_mib = cpu::resident_mib(pid)?;
    Ok(seen)
}

/// Every cluster, from every worker: connections are spread over them.
async fn serve(envoy: &Envoy, shape: &Shape) -> anyhow::Result<()> {
    let address = envoy.listener_address("ingress").await?;
    let connections = 4 * usize::try_from(shape.workers)?;
    for cluster in 0..shape.clusters {
        let requests = ROUNDS * connections as u64;
        let load = Load::against(address).path(&Shape::path(cluster)).requests(requests);
        let report = load.concurrency(connections).run().await?;
        anyhow::ensure!(report.successes() == requests, "{cluster}: {:?}", report.by_status);
    }
    Ok(())
}

/// The share of a core that the process uses while nothing comes, in percent.
async fn idle(pid: u32) -> anyhow::Result<f64> {
    // Nothing is waited for: it is this time in which nothing may happen.
    let rests = tokio::time::Instant::now() + AT_REST;
    tokio::time::sleep_until(rests).await;
    let (before, began) = (cpu::used(pid)?, Instant::now());
    tokio::time::sleep_until(rests + COUNTED).await;
    Ok(cpu::used(pid)?.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0)
}
