//! A real Envoy for one test: on free ports, ready when started, gone when dropped.
//!
//! The binary is the one that `$ENVOY` names. Invariant: an error about Envoy carries the end of its log, and a
//! test that panics prints it.

mod bootstrap;
mod capabilities;
mod crossings;
mod endpoints;
mod logs;
mod modules;
pub mod pieces;
mod process;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use serde_json::Value;

pub use bootstrap::{Bootstrap, Form, set_document_text};
pub use crossings::Crossings;
pub use modules::Modules;

use crate::load::Client;
use crate::wait;
use process::{Process, Resource};

/// A running Envoy.
pub struct Envoy {
    process: Mutex<Process>,
    admin: Client,
    admin_address: SocketAddr,
    listeners: Mutex<Vec<Value>>,
}

impl Envoy {
    /// Starts Envoy and waits until it is live.
    ///
    /// # Errors
    /// If the bootstrap could not be made, there is no binary, or Envoy ends or is not ready in time; then with
    /// the end of its log.
    pub async fn start(bootstrap: Bootstrap) -> anyhow::Result<Self> {
        let process = Mutex::new(Process::spawn(&bootstrap)?);
        let path = lock(&process).directory.path().join("admin");
        let address = wait::until("Envoy's admin address", wait::DEADLINE, || async {
            lock(&process).check_alive()?;
            Ok(std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<SocketAddr>().ok()))
        });
        let address = address.await.with_context(|| process::tail(&lock(&process).log()))?;
        if let Some(cluster) = &bootstrap.admin_cluster {
            let localities = pieces::localities(&[(address, 1)]);
            endpoints::write(lock(&process).directory.path(), cluster, &localities)?;
        }
        let ready = bootstrap.ready()?;
        let listeners = ready.pointer("/static_resources/listeners").and_then(Value::as_array).cloned();
        let envoy = Self {
            process,
            admin: Client::to(address),
            admin_address: address,
            listeners: Mutex::new(listeners.unwrap_or_default()),
        };
        envoy
            .until("Envoy to be live", async || {
                let answer = envoy.admin.get("/ready").send().await;
                Ok(answer.ok().filter(|answer| answer.text().trim() == "LIVE").map(drop))
            })
            .await?;
        Ok(envoy)
    }

    /// Whether Envoy accepts the bootstrap, wasm plugins included (`--mode validate`).
    ///
    /// # Errors
    /// What Envoy printed.
    pub fn validate(bootstrap: &Bootstrap) -> anyhow::Result<()> {
        process::validate(bootstrap)
    }

    /// Where the admin interface listens.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// The process, for whoever stops it for a while, or looks at what it takes.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        lock(&self.process).id()
    }

    /// Where a listener listens.
    ///
    /// # Errors
    /// If there is none of this name.
    pub async fn listener_address(&self, name: &str) -> anyhow::Result<SocketAddr> {
        let all = self.admin_json("/listeners?format=json").await?;
        let statuses = all.get("listener_statuses").and_then(Value::as_array).map(Vec::as_slice);
        let found =
            statuses.unwrap_or_default().iter().find(|one| one.get("name") == Some(&Value::from(name)));
        let socket = found.and_then(|one| one.pointer("/local_address/socket_address"));
        let socket = socket.with_context(|| format!("Envoy has no listener {name:?}"))?;
        let part = |key| socket.get(key).with_context(|| format!("the address of {name:?} has no {key}"));
        let ip = part("address")?.as_str().context("an address that is not text")?.parse()?;
        let port = part("port_value")?.as_u64().and_then(|port| u16::try_from(port).ok());
        Ok(SocketAddr::new(ip, port.context("a port that is not a number")?))
    }

    /// A client of a listener.
    ///
    /// # Errors
    /// If there is none of this name.
    pub async fn client(&self, listener: &str) -> anyhow::Result<Client> {
        Ok(Client::to(self.listener_address(listener).await?))
    }

    /// Replaces the listener of that name (or adds it). Needs [`Bootstrap::live_listeners`]. Returns when Envoy
    /// has taken the update or refused it: `Ok(Err(…))` is a refusal, with Envoy's complaint.
    ///
    /// # Errors
    /// If Envoy does neither.
    pub async fn update_listener(&self, listener: &Value) -> anyhow::Result<Result<(), String>> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        listeners.retain(|old| old.get("name") != listener.get("name"));
        listeners.push(listener.clone());
        let taken = self.update(Resource::Listeners, &listeners).await?;
        if taken.is_ok() {
            *self.listeners.lock().unwrap_or_else(PoisonError::into_inner) = listeners;
        }
        Ok(taken)
    }

    /// Replaces all clusters by those of `bootstrap`. Needs [`Bootstrap::live_clusters`]. Returns as
    /// [`Envoy::update_listener`] does.
    ///
    /// # Errors
    /// If Envoy neither takes nor refuses them.
    pub async fn update_clusters(&self, bootstrap: &Bootstrap) -> anyhow::Result<Result<(), String>> {
        let ready = bootstrap.ready()?;
        let clusters = ready.pointer("/static_resources/clusters").and_then(Value::as_array).cloned();
        self.update(Resource::Clusters, &clusters.unwrap_or_default()).await
    }

    /// Changes the clusters that Envoy has now, those that come from files included. Needs [`Bootstrap::live_clusters`]. Returns as
    /// [`Envoy::update_listener`] does.
    ///
    /// # Errors
    /// If Envoy neither takes nor refuses them.
    pub async fn edit_clusters(&self, change: impl Fn(&mut Value)) -> anyhow::Result<Result<(), String>> {
        let mut clusters = process::read_resources(lock(&self.process).directory.path(), Resource::Clusters)?;
        clusters.iter_mut().for_each(change);
        self.update(Resource::Clusters, &clusters).await
    }

    /// Replaces the endpoints of a cluster by these localities (`LocalityLbEndpoints`; see [`pieces::localities`]). Needs
    /// [`Bootstrap::live_endpoints`]. Returns when Envoy has taken them.
    ///
    /// # Errors
    /// If Envoy does not.
    pub async fn update_endpoints(&self, cluster: &str, localities: &Value) -> anyhow::Result<()> {
        let counter = format!("cluster.{cluster}.update_success");
        let before = self.stat(&counter).await?;
        endpoints::write(lock(&self.process).directory.path(), cluster, localities)?;
        self.wait_for_stat(&counter, |count| count > before).await.map(drop)
    }

    async fn update(&self, resource: Resource, items: &[Value]) -> anyhow::Result<Result<(), String>> {
        let (success, rejected) = resource.counters();
        let before = (self.stat(success).await?, self.stat(rejected).await?);
        let complaints = self.log().len();
        process::write_resources(lock(&self.process).directory.path(), resource, items)?;
        let refused = self
            .until("Envoy to take or refuse the update", async || {
                let now = (self.stat(success).await?, self.stat(rejected).await?);
                Ok((now != before).then_some(now.1 != before.1))
            })
            .await?;
        if refused {
            return Ok(Err(self.log().get(complaints..).unwrap_or_default().to_owned()));
        }
        Ok(Ok(()))
    }

    /// All counters and gauges.
    ///
    /// # Errors
    /// If the admin interface does not answer.
    pub async fn stats(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let all = self.admin_json("/stats?format=json").await?;
        let entries = all.get("stats").and_then(Value::as_array).context("no stats in the answer")?;
        let entry =
            |stat: &Value| Some((stat.get("name")?.as_str()?.to_owned(), stat.get("value")?.as_u64()?));
        Ok(entries.iter().filter_map(entry).collect())
    }

    /// One counter or gauge by its full name; 0 if Envoy does not have it (yet). Some versions put the metrics of an
    /// upstream filter under `cluster.<name>.`; there they are found, too.
    ///
    /// # Errors
    /// If the admin interface does not answer.
    pub async fn stat(&self, name: &str) -> anyhow::Result<u64> {
        let stats = self.stats().await?;
        let in_cluster = |key: &String| {
            key.starts_with("cluster.") && key.strip_suffix(name).is_some_and(|head| head.ends_with('.'))
        };
        let found = stats.iter().filter(|(key, _)| *key == name || in_cluster(key));
        Ok(found.map(|(_, value)| value).sum())
    }

    /// Waits until a counter or gauge is as wished, and returns it.
    ///
    /// # Errors
    /// If it does not get there, with what it is.
    pub async fn wait_for_stat(&self, name: &str, wished: impl Fn(u64) -> bool) -> anyhow::Result<u64> {
        let last = std::sync::atomic::AtomicU64::new(0);
        let what = format!("the stat {name}");
        let reached = self.until(&what, async || {
            let value = self.stat(name).await?;
            last.store(value, std::sync::atomic::Ordering::Relaxed);
            Ok(wished(value).then_some(value))
        });
        reached
            .await
            .with_context(|| format!("{name} is {}", last.load(std::sync::atomic::Ordering::Relaxed)))
    }

    /// What Prometheus would scrape.
    ///
    /// # Errors
    /// If the admin interface does not answer.
    pub async fn prometheus(&self) -> anyhow::Result<String> {
        Ok(self.admin("/stats/prometheus").await?.text())
    }

    /// Any GET of the admin interface.
    ///
    /// # Errors
    /// If it does not answer 200.
    pub async fn admin(&self, path: &str) -> anyhow::Result<crate::load::Response> {
        let answer = self.admin.get(path).send().await;
        let answer = answer.with_context(|| process::tail(&self.log()))?;
        anyhow::ensure!(answer.status.is_success(), "admin {path}: {} {}", answer.status, answer.text());
        Ok(answer)
    }

    async fn admin_json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.admin(path).await?.body)?)
    }

    /// Waits until no connection to this endpoint is open. After [`crate::upstream::Behaviour::Refuse`] Envoy learns only by and by that
    /// those it had are gone, and a request that went into one may have been seen: that is no longer one that reached nobody.
    ///
    /// # Errors
    /// If one stays.
    pub async fn until_disconnected(&self, endpoint: SocketAddr) -> anyhow::Result<()> {
        let open = format!("::{endpoint}::cx_active::");
        let none = async || {
            let hosts = self.admin("/clusters").await?.text();
            let mut counts = hosts.lines().filter_map(|line| line.split_once(&open).map(|(_, count)| count));
            Ok(counts.all(|count| count == "0").then_some(()))
        };
        self.until(&format!("the connections to {endpoint} to be gone"), none).await
    }

    /// What the access log has so far, a line each, with what was decided as JSON.
    #[must_use]
    pub fn access_log(&self) -> Vec<Value> {
        logs::lines(lock(&self.process).directory.path())
    }

    /// The whole log so far.
    #[must_use]
    pub fn log(&self) -> String {
        lock(&self.process).log()
    }

    /// The end of the log, without the lists that Envoy begins with.
    #[must_use]
    pub fn log_tail(&self) -> String {
        process::tail(&self.log())
    }

    /// Waits until the log contains `text`.
    ///
    /// # Errors
    /// If it does not come, with the end of the log.
    pub async fn wait_for_log(&self, text: &str) -> anyhow::Result<()> {
        self.until(&format!("{text:?} in the log"), async || Ok(self.log().contains(text).then_some(())))
            .await
    }

    /// [`wait::until`] with this Envoy's health and log: ends early if the process does.
    ///
    /// # Errors
    /// After the deadline or when Envoy ends, with the end of the log.
    pub async fn until<T>(
        &self,
        what: &str,
        mut probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let started = std::time::Instant::now();
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            lock(&self.process).check_alive()?;
            if let Some(value) = probe().await? {
                return Ok(value);
            }
            if started.elapsed() > wait::DEADLINE {
                anyhow::bail!(
                    "waited {:?} in vain for {what}; Envoy's log:\n{}",
                    wait::DEADLINE,
                    process::tail(&self.log())
                );
            }
        }
    }
}

fn lock(process: &Mutex<Process>) -> std::sync::MutexGuard<'_, Process> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}
