//! One Envoy, its endpoints, its clients, and the levers that the operator has.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::client::Clients;
use super::document::{Levers, bad_document, bootstrap, document, set};
use super::echo::Echo;
use super::endpoint::Endpoint;
use super::script::{Broken, ENDPOINTS, Round};
use super::sky::Sky;
use crate::envoy::{Bootstrap, Envoy, set_document_text};
use crate::listed::localities;

/// What a soak of one Envoy stands on.
pub(super) struct Stage {
    pub(super) envoy: Envoy,
    pub(super) sky: Arc<Sky>,
    pub(super) endpoints: Vec<Endpoint>,
    bootstrap: Bootstrap,
    echo: Echo,
    clients: RwLock<Arc<Clients>>,
    directory: TempDir,
    jumps: bool,
    broken: Option<Broken>,
    /// Names that change with every new configuration, so that Envoy takes it for another one.
    versions: AtomicU64,
}

impl Stage {
    pub(super) async fn set(round: &Round, sky: &Arc<Sky>) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("switchyard-soak-")?;
        let mut endpoints = Vec::new();
        for place in 0..ENDPOINTS {
            endpoints.push(Endpoint::start(place, sky).await?);
        }
        let echo = Echo::start(sky).await?;
        let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address).collect();
        let (pressure, clock) = (directory.path().join("pressure"), directory.path().join("clock"));
        std::fs::write(&pressure, "0")?;
        std::fs::write(&clock, 0_i64.to_ne_bytes())?;
        let library = shim(directory.path());
        let levers = Levers {
            pressure: &pressure,
            clock: library.as_deref().map(|library| (library, clock.as_path())),
        };
        let document = document(0, round.broken, &addresses, echo.address);
        let bootstrap = bootstrap(round, &document, (&addresses, echo.address), &levers)?;
        let envoy = Envoy::start(bootstrap.clone()).await?;
        // Where clusters are served from files, listeners come after them.
        let address =
            envoy.until("the listener", async || Ok(envoy.listener_address("ingress").await.ok())).await?;
        let clients = Clients::of(address);
        let stage = Self {
            envoy,
            sky: Arc::clone(sky),
            endpoints,
            bootstrap,
            echo,
            clients: RwLock::new(Arc::new(clients)),
            directory,
            jumps: library.is_some(),
            broken: round.broken,
            versions: AtomicU64::new(0),
        };
        stage.until_listed().await?;
        Ok(stage)
    }

    /// The first request makes a worker ask for the endpoints.
    async fn until_listed(&self) -> anyhow::Result<()> {
        let client = self.envoy.client("ingress").await?;
        let name = "wasmcustom.switchyard.upstream=.=checkout;.;state=.=healthy;.;endpoints";
        self.envoy
            .until("the endpoints to be known", async || {
                client.get("/crowd/start").send().await?;
                Ok((self.envoy.stat(name).await? == ENDPOINTS as u64).then_some(()))
            })
            .await
    }

    pub(super) fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.clients.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The clients leave their connections, and make new ones.
    pub(super) async fn renew_clients(&self) -> anyhow::Result<()> {
        let clients = Clients::of(self.envoy.listener_address("ingress").await?);
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(clients);
        Ok(())
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.endpoints.iter().map(|endpoint| endpoint.address).collect()
    }

    /// Another document, which has to be taken; or one that has to be refused.
    pub(super) async fn document(&self, version: usize, good: bool) -> anyhow::Result<()> {
        let mut document = document(version, self.broken, &self.addresses(), self.echo.address);
        // So that it is another one in any case.
        set(&mut document, "_version", self.versions.fetch_add(1, Ordering::Relaxed).into());
        let text = if good { document.to_string() } else { bad_document(version, &document) };
        let mut listener = self.bootstrap.listener_named("ingress")?;
        set_document_text(&mut listener, &text);
        let taken = self.envoy.update_listener(&listener).await?;
        ensure!(taken.is_ok() == good, "a document that is good: {good}; Envoy: {taken:?}");
        if good { self.renew_clients().await } else { Ok(()) }
    }

    /// The same clusters with another limit, which makes them others for Envoy.
    pub(super) async fn clusters(&self) -> anyhow::Result<()> {
        let version = self.versions.fetch_add(1, Ordering::Relaxed);
        let change = |cluster: &mut Value| {
            let is_ours =
                ["checkout", "catalog"].iter().any(|name| cluster.get("name") == Some(&Value::from(*name)));
            if is_ours {
                cluster["connect_timeout"] = Value::from(format!("{}.{:03}s", 5, version % 1000));
            }
        };
        let taken = self.envoy.edit_clusters(change).await?;
        taken.map_err(|said| anyhow::anyhow!("Envoy refused clusters: {said}"))
    }

    pub(super) async fn members(&self, without: Option<usize>) -> anyhow::Result<()> {
        let mut addresses = self.addresses();
        if let Some(place) = without {
            addresses.remove(place % ENDPOINTS);
        }
        self.envoy.update_endpoints("checkout", &localities(&addresses)).await
    }

    pub(super) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.envoy.process_id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status()?;
        ensure!(sent.success(), "kill -{name} {id}: {sent}");
        Ok(())
    }

    pub(super) fn pressure(&self, share: &str) -> anyhow::Result<()> {
        let aside = self.directory.path().join("pressure.next");
        std::fs::write(&aside, share)?;
        std::fs::rename(&aside, self.directory.path().join("pressure"))?;
        Ok(())
    }

    /// Whether there is a clock that can be moved; it is moved by so much then.
    pub(super) fn clock(&self, milliseconds: i64) -> anyhow::Result<bool> {
        if self.jumps {
            // In place: Envoy has it in its memory.
            let mut file =
                std::fs::OpenOptions::new().write(true).open(self.directory.path().join("clock"))?;
            std::io::Write::write_all(&mut file, &(milliseconds * 1_000_000).to_ne_bytes())?;
        }
        Ok(self.jumps)
    }
}

/// The clock that jumps, where there is a compiler for it.
fn shim(directory: &Path) -> Option<PathBuf> {
    let (source, library) = (directory.join("clock.c"), directory.join("clock.so"));
    std::fs::write(&source, include_str!("clock.c")).ok()?;
    let made = Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).output();
    made.is_ok_and(|made| made.status.success()).then_some(library)
}

/// A number of a process from its status: `VmRSS`, in KiB.
pub(super) fn status_of(process: u32, name: &str) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()).context("no such line")?;
    Ok(number.parse()?)
}
