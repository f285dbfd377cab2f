//! A real etcd for one test: on free ports, ready when started, gone when dropped.
//!
//! The program is the one that `$ETCD` names. Invariant: its data live in a folder of its own, so that one that is stopped and started
//! again has what it had.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::Client;
use crate::wait;

/// A running etcd.
pub struct Etcd {
    address: SocketAddr,
    peers: SocketAddr,
    folder: TempDir,
    child: Mutex<Option<Child>>,
    client: Client,
}

impl Etcd {
    /// Starts one without keys.
    ///
    /// # Errors
    /// If there is no program, or it is not ready in time.
    pub async fn start() -> anyhow::Result<Self> {
        let (address, peers) = (free_address()?, free_address()?);
        let folder = TempDir::with_prefix("switchyard-etcd-")?;
        let etcd = Self { address, peers, folder, child: Mutex::default(), client: Client::to(address) };
        etcd.run().await?;
        Ok(etcd)
    }

    /// Where clients reach it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it again after [`Etcd::stop`], with the keys that it had.
    ///
    /// # Errors
    /// If it is not ready in time.
    pub async fn run(&self) -> anyhow::Result<()> {
        let program = std::env::var_os("ETCD").filter(|path| !path.is_empty());
        let program =
            program.context("no etcd: run this through `cargo xtask test`, or set ETCD to the program")?;
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let (clients, peers) = (format!("http://{}", self.address), format!("http://{}", self.peers));
        let child = Command::new(program)
            .args(["--name", "one", "--data-dir"])
            .arg(self.folder.path().join("data"))
            .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("one={peers}")])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let ready = wait::until("etcd to be healthy", wait::DEADLINE, || async {
            let answer = self.client.get("/health").send().await;
            Ok(answer.ok().filter(|answer| answer.text().contains("true")).map(drop))
        });
        let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        ready.await.with_context(log)
    }

    /// Ends its process, as a crash would.
    pub fn stop(&self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Both fail only if the process has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sets a key.
    ///
    /// # Errors
    /// If etcd does not take it.
    pub async fn put(&self, key: &str, value: &str) -> anyhow::Result<()> {
        self.ask("/v3/kv/put", &json!({ "key": STANDARD.encode(key), "value": STANDARD.encode(value) }))
            .await
            .map(drop)
    }

    /// Sets a key that goes when nobody renews it within so many seconds.
    ///
    /// # Errors
    /// If etcd does not take it.
    pub async fn put_for(&self, key: &str, value: &str, seconds: u32) -> anyhow::Result<()> {
        let lease = self.ask("/v3/lease/grant", &json!({ "TTL": seconds })).await?;
        let lease = lease.get("ID").cloned().context("etcd has granted no lease")?;
        let put = json!({ "key": STANDARD.encode(key), "value": STANDARD.encode(value), "lease": lease });
        self.ask("/v3/kv/put", &put).await.map(drop)
    }

    /// Removes a key.
    ///
    /// # Errors
    /// If etcd does not.
    pub async fn delete(&self, key: &str) -> anyhow::Result<()> {
        self.ask("/v3/kv/deleterange", &json!({ "key": STANDARD.encode(key) })).await.map(drop)
    }

    /// Forgets what keys were before now.
    ///
    /// # Errors
    /// If etcd does not.
    pub async fn compact(&self) -> anyhow::Result<()> {
        let now = self.ask("/v3/kv/range", &json!({ "key": STANDARD.encode("/") })).await?;
        let revision = now.pointer("/header/revision").cloned().context("etcd has no revision")?;
        self.ask("/v3/kv/compaction", &json!({ "revision": revision, "physical": true })).await.map(drop)
    }

    async fn ask(&self, path: &str, question: &Value) -> anyhow::Result<Value> {
        let answer = self.client.post(path, question.to_string()).send().await?;
        anyhow::ensure!(answer.status.is_success(), "etcd {path}: {} {}", answer.status, answer.text());
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An address that nobody listens on. Another program may take it first; then etcd says so.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
