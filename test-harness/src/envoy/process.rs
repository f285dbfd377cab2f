//! The Envoy process: found, started, waited for, ended.
//!
//! Invariant: the process ends with the value that owns it, by its own id. Its log goes to a file by way of
//! standard error, since Envoy buffers a `--log-path` for seconds.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use super::bootstrap::Bootstrap;
use super::{endpoints, logs};

/// Lines of the log that a failure shows.
const TAIL: usize = 200;

pub(super) struct Process {
    child: Child,
    pub(super) directory: TempDir,
}

impl Process {
    pub(super) fn spawn(bootstrap: &Bootstrap) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("switchyard-envoy-")?;
        let mut value = bootstrap.ready()?;
        for cluster in &bootstrap.live_endpoints {
            endpoints::from_file(&mut value, directory.path(), cluster)?;
        }
        for resource in &bootstrap.live {
            serve_from_file(&mut value, directory.path(), *resource)?;
        }
        let logs = logs::to_file(&mut value, directory.path());
        let path = directory.path().join("bootstrap.json");
        std::fs::write(&path, value.to_string())?;
        let log = File::create(directory.path().join("envoy.log"))?;
        let binary = binary()?;
        let child = Command::new(&binary)
            .args(["--disable-hot-restart", "--log-level", "info"])
            .args(["--component-log-level", &bootstrap.component_log_level])
            .args(["--concurrency", &bootstrap.concurrency.to_string()])
            .args(["--drain-time-s", &bootstrap.drain_seconds.to_string()])
            .args(if logs { &["--file-flush-interval-msec", logs::FLUSH][..] } else { &[] })
            .arg("--config-path")
            .arg(&path)
            .arg("--admin-address-path")
            .arg(directory.path().join("admin"))
            .envs(bootstrap.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        Ok(Self { child, directory })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The whole log so far. Bytes that are not UTF-8 are replaced.
    pub(super) fn log(&self) -> String {
        let bytes = std::fs::read(self.directory.path().join("envoy.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// # Errors
    /// With the end of the log, if Envoy is no longer there.
    pub(super) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => anyhow::bail!("Envoy ended with {status}:\n{}", tail(&self.log())),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Through eprintln, so that the test runner captures it with the failing test.
            eprintln!("--- the last {TAIL} lines of Envoy's log\n{}\n---", tail(&self.log()));
        }
        // Both fail only if the process has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether Envoy accepts a bootstrap (`--mode validate`, which configures the wasm plugins too).
///
/// # Errors
/// Envoy's complaint.
pub(super) fn validate(bootstrap: &Bootstrap) -> anyhow::Result<()> {
    let directory = TempDir::with_prefix("switchyard-envoy-")?;
    let path = directory.path().join("bootstrap.json");
    std::fs::write(&path, bootstrap.ready()?.to_string())?;
    let run = Command::new(binary()?)
        .args(["--mode", "validate", "--disable-hot-restart", "--config-path"])
        .arg(&path)
        .stdin(Stdio::null())
        .output()?;
    anyhow::ensure!(run.status.success(), "{}", tail(&String::from_utf8_lossy(&run.stderr)));
    Ok(())
}

pub(super) fn tail(log: &str) -> String {
    // At start Envoy lists all its extensions in lines of kilobytes, which would hide the rest.
    let inventory = |line: &&str| line.contains("/server.cc:") && line.contains("]   ");
    let lines: Vec<&str> = log.lines().filter(|line| !inventory(line)).collect();
    lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
}

fn binary() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("ENVOY").filter(|path| !path.is_empty());
    named
        .map(PathBuf::from)
        .context("no Envoy: run this through `cargo xtask test`, or set ENVOY to the binary")
}

/// What Envoy takes from a file that it watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Listeners,
    Clusters,
}

impl Resource {
    /// The list in the bootstrap, which is the file's name too.
    pub(super) fn list(self) -> &'static str {
        match self {
            Self::Listeners => "listeners",
            Self::Clusters => "clusters",
        }
    }

    /// Envoy's counters of updates taken and refused.
    pub(super) fn counters(self) -> (&'static str, &'static str) {
        match self {
            Self::Listeners => {
                ("listener_manager.lds.update_success", "listener_manager.lds.update_rejected")
            }
            Self::Clusters => ("cluster_manager.cds.update_success", "cluster_manager.cds.update_rejected"),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Listeners => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Clusters => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Listeners => "lds_config",
            Self::Clusters => "cds_config",
        }
    }
}

fn serve_from_file(value: &mut Value, directory: &Path, resource: Resource) -> anyhow::Result<()> {
    let list = resource.list();
    let items = value
        .pointer_mut("/static_resources")
        .and_then(Value::as_object_mut)
        .and_then(|resources| resources.remove(list))
        .and_then(|items| items.as_array().cloned())
        .with_context(|| format!("the bootstrap has no static_resources.{list}"))?;
    write_resources(directory, resource, &items)?;
    let source = serde_json::json!({
        "resource_api_version": "V3",
        "path_config_source": {
            "path": directory.join(format!("{list}.json")),
            "watched_directory": { "path": directory },
        },
    });
    if let Some(root) = value.as_object_mut() {
        let dynamic = root.entry("dynamic_resources").or_insert_with(|| serde_json::json!({}));
        if let Some(dynamic) = dynamic.as_object_mut() {
            dynamic.insert(resource.source().to_owned(), source);
        }
        let node = serde_json::json!({ "id": "harness", "cluster": "harness" });
        root.entry("node").or_insert(node);
    }
    Ok(())
}

/// Puts the resources where Envoy watches.
pub(super) fn write_resources(directory: &Path, resource: Resource, items: &[Value]) -> anyhow::Result<()> {
    let mut resources = items.to_vec();
    for item in resources.iter_mut().filter_map(Value::as_object_mut) {
        item.insert("@type".to_owned(), Value::from(resource.kind()));
    }
    let path = directory.join(format!("{}.json", resource.list()));
    move_into_place(&path, &serde_json::json!({ "resources": resources }))
}

/// The resources that are where Envoy watches.
pub(super) fn read_resources(directory: &Path, resource: Resource) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(directory.join(format!("{}.json", resource.list())))?;
    let file: Value = serde_json::from_str(&text)?;
    Ok(file.get("resources").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// Writes a file that Envoy watches: aside, then moved, so that it never reads half a file.
pub(super) fn move_into_place(path: &Path, value: &Value) -> anyhow::Result<()> {
    let aside = path.with_extension("next");
    std::fs::write(&aside, value.to_string())?;
    std::fs::rename(&aside, path)?;
    Ok(())
}
