//! One run of one variant, and what all of them showed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::place::Worker;
use super::variants::Variant;
use super::wire::{self, Endpoints};
use crate::bench::median;
use crate::envoy::Envoy;

/// What one run showed.
pub(super) struct Seen {
    requests: u64,
    wall: Duration,
    /// The worker's CPU time.
    cpu: Duration,
    /// Requests at each endpoint.
    by_endpoint: Vec<u64>,
}

/// What a variant showed, round by round.
#[derive(Default)]
pub(super) struct Figures {
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
    by_endpoint: Vec<u64>,
}

impl Figures {
    pub(super) fn add(&mut self, seen: Seen) {
        self.per_second.push(seen.requests as f64 / seen.wall.as_secs_f64());
        self.cpu_us.push(seen.cpu.as_secs_f64() * 1e6 / seen.requests as f64);
        self.by_endpoint = seen.by_endpoint;
    }

    /// Requests per second by the clock.
    pub(super) fn per_second(&self) -> f64 {
        median(&self.per_second)
    }

    /// Microseconds of the worker's CPU time per request.
    pub(super) fn cpu_us(&self) -> f64 {
        median(&self.cpu_us)
    }
}

/// So many requests through a variant's listener, all of which must succeed.
pub(super) async fn once(
    envoy: &Envoy,
    worker: &Worker,
    variant: Variant,
    requests: u64,
    endpoints: &Endpoints,
) -> anyhow::Result<Seen> {
    let address = envoy.listener_address(variant.name()).await?;
    let (counts, before) = (endpoints.counts(), worker.used()?);
    let wall = wire::load(address, requests).await?;
    let cpu = worker.used()?.saturating_sub(before);
    let by_endpoint: Vec<u64> =
        endpoints.counts().iter().zip(counts).map(|(now, before)| now - before).collect();
    let arrived: u64 = by_endpoint.iter().sum();
    let name = variant.name();
    // Every request has a key of its own, so there is nothing to share.
    anyhow::ensure!(arrived == requests, "{name}: {requests} requests made {arrived} at the endpoints");
    Ok(Seen { requests, wall, cpu, by_endpoint })
}

/// Variants that hash alike spread the same keys alike; a benchmark of two that do not would compare nothing.
pub(super) fn same_choices(figures: &BTreeMap<Variant, Figures>) -> anyhow::Result<()> {
    let of = |variant| figures.get(&variant).map(|figures| &figures.by_endpoint);
    let native = of(Variant::Native);
    for variant in Variant::HASHING {
        let (ours, name) = (of(variant), variant.name());
        anyhow::ensure!(ours == native, "{name} spread the keys {ours:?}, Envoy's own policy {native:?}");
    }
    Ok(())
}
