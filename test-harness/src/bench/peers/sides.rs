//! The four that are compared, each as a server that runs.
//!
//! Invariant: whatever starts here listens on loopback, at a port that was free, and ends with its value, by its own id.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::job::Job;
use super::{envoys, haproxy, nginx};
use crate::bench::cpu;
use crate::bench::foreign::{self, Foreign};
use crate::envoy::Envoy;

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// switchyard.wasm and outlier.wasm in Envoy.
    Ours,
    /// Envoy's own policies.
    Native,
    Nginx,
    Haproxy,
}

impl Side {
    pub(super) const ALL: [Self; 4] = [Self::Ours, Self::Native, Self::Nginx, Self::Haproxy];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Native => "native",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// All of them, the first one another in each round.
    pub(super) fn in_turn(round: usize) -> [Self; 4] {
        let mut all = Self::ALL;
        all.rotate_left(round % Self::ALL.len());
        all
    }
}

/// One that runs.
pub(super) struct Running {
    pub(super) side: Side,
    pub(super) address: SocketAddr,
    server: Server,
}

enum Server {
    Envoy(Envoy),
    Foreign(Foreign),
}

impl Running {
    /// Starts one for a job in front of these endpoints.
    pub(super) async fn start(side: Side, job: Job, hosts: &[SocketAddr]) -> anyhow::Result<Self> {
        let started = match side {
            Side::Ours => envoy(Envoy::start(envoys::ours(job, hosts)?).await?).await,
            Side::Native => envoy(Envoy::start(envoys::native(job, hosts)).await?).await,
            Side::Nginx => {
                Foreign::start(|place, at| nginx::command(place, at, job, hosts)).await.map(foreign)
            }
            Side::Haproxy => {
                Foreign::start(|place, at| haproxy::command(place, at, job, hosts)).await.map(foreign)
            }
        };
        let (server, address) = started.with_context(|| format!("starting {} for {job:?}", side.name()))?;
        Ok(Self { side, address, server })
    }

    /// All its processes.
    pub(super) fn processes(&self) -> Vec<u32> {
        cpu::family(match &self.server {
            Server::Envoy(envoy) => envoy.process_id(),
            Server::Foreign(server) => server.id(),
        })
    }

    /// The CPU time of all its processes together.
    pub(super) fn used(&self) -> anyhow::Result<Duration> {
        self.processes().into_iter().map(cpu::used).sum()
    }

    /// Adds what it calls itself.
    pub(super) async fn version(&self, report: &mut Map<String, Value>) -> anyhow::Result<()> {
        let (key, version) = match (&self.server, self.side) {
            (Server::Envoy(envoy), _) => {
                let info: Value = serde_json::from_slice(&envoy.admin("/server_info").await?.body)?;
                ("envoy_version", info.get("version").cloned().unwrap_or_default())
            }
            (_, Side::Nginx) => {
                ("nginx_version", json!(foreign::version(&foreign::program("NGINX")?, "-v")?))
            }
            _ => ("haproxy_version", json!(foreign::version(&foreign::program("HAPROXY")?, "-v")?)),
        };
        report.insert(key.to_owned(), version);
        Ok(())
    }
}

async fn envoy(envoy: Envoy) -> anyhow::Result<(Server, SocketAddr)> {
    let address = envoy.listener_address(envoys::LISTENER).await?;
    Ok((Server::Envoy(envoy), address))
}

fn foreign(server: Foreign) -> (Server, SocketAddr) {
    let address = server.address;
    (Server::Foreign(server), address)
}
