//! Ring and Maglev without Envoy: built and looked up natively (criterion) and in V8 (`bench.mjs` in Node).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{movement, progress};

const HOSTS: [usize; 3] = [10, 100, 1_000];

/// Measures everything; returns the report's object. Keys without `_native` are those of V8, and the look-ups
/// without a number are those over 1,000 hosts.
///
/// # Errors
/// If cargo or Node is not there or fails, or says something else than expected.
pub fn measure() -> anyhow::Result<Value> {
    let bar = progress("ring and Maglev in V8, natively (criterion builds first), and moving keys", 3);
    let mut report = in_v8()?;
    for name in ["maglev_lookup_ns", "ring_lookup_ns"] {
        let largest = report.get(&format!("{name}_1000")).cloned();
        report.insert(name.to_owned(), largest.with_context(|| format!("bench.mjs gave no {name}_1000"))?);
    }
    bar.inc(1);
    natively(&mut report)?;
    bar.inc(1);
    let movement: Map<String, Value> =
        HOSTS.iter().map(|hosts| (hosts.to_string(), movement::measure(*hosts))).collect();
    report.insert("key_movement".to_owned(), Value::Object(movement));
    bar.finish_and_clear();
    Ok(Value::Object(report))
}

fn in_v8() -> anyhow::Result<Map<String, Value>> {
    let modules = std::env::var_os("SWITCHYARD_WASM_DIR");
    let modules = modules.map_or_else(|| workspace().join("target/wasm"), PathBuf::from);
    let mut node = Command::new("node");
    node.arg(workspace().join("test-harness/core-bench/bench.mjs")).arg(modules.join("core-bench.wasm"));
    Ok(serde_json::from_str(&output(&mut node)?)?)
}

fn natively(report: &mut Map<String, Value>) -> anyhow::Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let home = workspace().join(target.map_or_else(|| "target".into(), PathBuf::from)).join("criterion");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).env("CRITERION_HOME", &home);
    cargo.args(["bench", "--package", "switchyard-core", "--bench", "consistent_hash", "--", "--quick"]);
    output(&mut cargo)?;
    for table in ["ring", "maglev"] {
        for hosts in HOSTS {
            let build = nanoseconds(&home, &format!("{table}_build_{hosts}"))?;
            report.insert(format!("{table}_build_ms_{hosts}_native"), json!(build / 1e6));
            let lookup = nanoseconds(&home, &format!("{table}_lookup_{hosts}x1"))?;
            report.insert(format!("{table}_lookup_ns_{hosts}_native"), json!(lookup));
            if hosts == 1_000 {
                report.insert(format!("{table}_lookup_ns_native"), json!(lookup));
            }
        }
    }
    Ok(())
}

/// The median of one of criterion's benchmarks.
fn nanoseconds(home: &Path, name: &str) -> anyhow::Result<f64> {
    let path = home.join(name).join("new/estimates.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    let median = estimates.pointer("/median/point_estimate").and_then(Value::as_f64);
    median.with_context(|| format!("{} has no median", path.display()))
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{program} did not start"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{program} failed with {}:\n{complaint}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn workspace() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().unwrap_or(harness).to_owned()
}
