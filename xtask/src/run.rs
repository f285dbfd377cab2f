//! `demo`, `bench` and `images`: set up what they need, then hand over to the programs of the test harness.

use crate::setup::{Envoy, Install, Peers};
use crate::workspace::{aloud, cargo, quietly, root, wasm_dir};
use crate::{build, images};
use anyhow::Result;
use std::process::Command;

/// A cargo command whose programs find Envoy and the modules.
pub(crate) fn with_envoy(mut command: Command, envoy: &Envoy) -> Command {
    command.env("ENVOY", &envoy.path).env("SWITCHYARD_WASM_DIR", wasm_dir());
    command
}

/// A program of the test harness, built first, so that its own output is all that it prints.
fn harness(program: &str, envoy: &Envoy) -> Result<Command> {
    let package = ["--package", "switchyard-test-harness", "--bin", program];
    quietly(&format!("building {program}"), cargo().arg("build").args(package))?;
    let mut run = cargo();
    run.args(["run", "--quiet"]).args(package).arg("--");
    Ok(with_envoy(run, envoy))
}

/// Shows the main job.
///
/// # Errors
/// When set-up, build or the demonstration fails.
pub(crate) fn demo(version: Option<&str>, minutes: u64) -> Result<()> {
    let envoy = Envoy::set_up(version)?;
    build::build(Install::Allowed)?;
    aloud(harness("switchyard-demo", &envoy)?.arg(minutes.to_string()))
}

/// Measures `name`.
///
/// # Errors
/// When set-up, build or the benchmark fails.
pub(crate) fn bench(name: &str, json: bool, version: Option<&str>, install: Install) -> Result<()> {
    let envoy = Envoy::set_up(version)?;
    let peers = if name == "coalesce" { Some(Peers::set_up()?) } else { None };
    build::build(install)?;
    let mut bench = harness("switchyard-bench", &envoy)?;
    bench.arg(name);
    if let Some(peers) = peers {
        peers.known_to(&mut bench);
    }
    if json {
        bench.arg("--json");
    }
    aloud(&mut bench)
}

/// Makes the container images.
///
/// # Errors
/// When no engine answers or an image cannot be made.
pub(crate) fn images() -> Result<()> {
    let envoy = Envoy::set_up(None)?;
    let images = images::make(&root(), &envoy.path)?;
    for image in [&images.envoy, &images.upstream] {
        println!("{} {}", image.reference, if image.made { "made" } else { "is up to date" });
    }
    println!("ENVOY_IMAGE={} docker-compose up", images.envoy.reference);
    Ok(())
}
