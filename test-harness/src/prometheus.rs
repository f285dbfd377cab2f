//! A real Prometheus for one test, with the shipped configuration, rules and alerts: on a free port, ready when started, gone when dropped.
//!
//! The program is the one that `$PROMETHEUS` names. Invariant: of the shipped configuration only what cannot be so in a test is changed: the
//! address that is scraped, how often, and the Alertmanager, which is not there.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::Client;
use crate::wait;

/// A running Prometheus.
pub struct Prometheus {
    folder: TempDir,
    child: Child,
    client: Client,
}

impl Prometheus {
    /// Starts one that scrapes this address, an Envoy's admin, every second.
    ///
    /// # Errors
    /// If there is no program, or it is not ready in time; then with its log.
    pub async fn start(scraped: SocketAddr) -> anyhow::Result<Self> {
        let program = program("PROMETHEUS")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = TempDir::with_prefix("switchyard-prometheus-")?;
        std::fs::write(folder.path().join("prometheus.yml"), configuration(scraped)?.to_string())?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let prometheus = Self { folder, child, client: Client::to(address) };
        let ready = wait::until("Prometheus to be ready", wait::DEADLINE, || async {
            let answer = prometheus.client.get("/-/ready").send().await;
            Ok(answer.ok().filter(|answer| answer.status.is_success()).map(drop))
        });
        ready.await.with_context(|| prometheus.log())?;
        Ok(prometheus)
    }

    /// The series that are the answer to a query.
    ///
    /// # Errors
    /// If Prometheus does not take the query.
    pub async fn query(&self, query: &str) -> anyhow::Result<Vec<Value>> {
        let form = format!("query={}", encoded(query));
        let asked = self.client.post("/api/v1/query", form);
        let answer = asked.header("content-type", "application/x-www-form-urlencoded").send().await?;
        anyhow::ensure!(answer.status.is_success(), "{query}: {} {}", answer.status, answer.text());
        list(&answer.body, "/data/result")
    }

    /// The names of the alerts that fire, or will if it stays so.
    ///
    /// # Errors
    /// If Prometheus does not answer.
    pub async fn alerts(&self) -> anyhow::Result<Vec<String>> {
        let answer = self.client.get("/api/v1/alerts").send().await?;
        let alerts = list(&answer.body, "/data/alerts")?;
        let name = |alert: &Value| Some(alert.pointer("/labels/alertname")?.as_str()?.to_owned());
        Ok(alerts.iter().filter_map(name).collect())
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Through eprintln, so that the test runner captures it with the failing test.
            eprintln!("--- Prometheus' log\n{}\n---", self.log());
        }
        // Both fail only if the process has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs promtool, the one that `$PROMTOOL` names, in the folder of the shipped rules; what it says.
///
/// # Errors
/// If there is none, or it finds something wrong, with what it says.
pub fn promtool(arguments: &[&str]) -> anyhow::Result<String> {
    promtool_in(&shipped(), arguments)
}

/// The same, in another folder.
///
/// # Errors
/// As [`promtool`].
pub fn promtool_in(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let run = Command::new(program("PROMTOOL")?).args(arguments).current_dir(folder).output()?;
    let said = [run.stdout, run.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    anyhow::ensure!(run.status.success(), "promtool {}: {said}", arguments.join(" "));
    Ok(said)
}

/// Where the shipped configuration, rules and alerts are.
#[must_use]
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config/prometheus")
}

fn program(variable: &str) -> anyhow::Result<std::ffi::OsString> {
    let named = std::env::var_os(variable).filter(|path| !path.is_empty());
    named.with_context(|| {
        format!("no Prometheus: run this through `cargo xtask test`, or set {variable} to the program")
    })
}

fn configuration(scraped: SocketAddr) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(shipped().join("prometheus.yml"))?;
    let mut all: Value = serde_saphyr::from_str(&text)?;
    let root = all.as_object_mut().context("no configuration")?;
    root.remove("alerting");
    root.insert("global".to_owned(), json!({ "scrape_interval": "1s", "evaluation_interval": "1s" }));
    for file in root.get_mut("rule_files").and_then(Value::as_array_mut).into_iter().flatten() {
        *file = json!(shipped().join(file.as_str().unwrap_or_default()));
    }
    let targets = all.pointer_mut("/scrape_configs/0/static_configs/0/targets");
    *targets.context("nothing is scraped")? = json!([scraped.to_string()]);
    Ok(all)
}

fn list(body: &[u8], pointer: &str) -> anyhow::Result<Vec<Value>> {
    let all: Value = serde_json::from_slice(body)?;
    all.pointer(pointer).and_then(Value::as_array).cloned().with_context(|| format!("no {pointer} in {all}"))
}

/// A text as a form has it.
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_shipped_configuration_the_rules_and_the_relabelling_stay() {
        let all = configuration("127.0.0.1:7".parse().unwrap()).unwrap();
        assert_eq!(all.pointer("/scrape_configs/0/static_configs/0/targets"), Some(&json!(["127.0.0.1:7"])));
        let relabelled = all.pointer("/scrape_configs/0/metric_relabel_configs/0/replacement");
        assert_eq!(relabelled, Some(&json!("$1")));
        let rules = all.pointer("/rule_files/1").and_then(Value::as_str).unwrap();
        assert!(Path::new(rules).is_absolute() && rules.ends_with("/alerts.yml"), "{rules}");
        assert!(all.get("alerting").is_none());
    }

    #[test]
    fn a_query_is_written_as_a_form_has_it() {
        assert_eq!(encoded("a{b=~\"x|y\"} > 1"), "a%7Bb%3D~%22x%7Cy%22%7D%20%3E%201");
    }
}
