//! `demo`, `bench`, those that `figures` runs, `soak`, and `images`: set up what they need, then hand over to the programs of the test harness.

use crate::setup::{Envoy, Install, Peers};
use crate::workspace::{aloud, cargo, quietly, root, target, wasm_dir};
use crate::{build, images};
use anyhow::{Result, ensure};
use std::process::{Command, Stdio};

/// What can be measured.
pub(crate) const BENCHES: [&str; 10] =
    ["router", "outlier", "retry", "coalesce", "peers", "batch", "chain", "scale", "discovery", "core"];

/// A cargo command whose programs find Envoy and the modules.
pub(crate) fn with_envoy(mut command: Command, envoy: &Envoy) -> Command {
    command.env("ENVOY", &envoy.path).env("SWITCHYARD_WASM_DIR", wasm_dir());
    command
}

/// What is compiled with a program of the harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compiled {
    /// What it needs.
    Alone,
    /// With the features that all of the workspace has together, as the steps of a whole run have compiled it.
    WithAll,
}

impl Compiled {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Alone => &["--package", "switchyard-test-harness"],
            Self::WithAll => &["--workspace", "--all-features"],
        }
    }
}

/// A program of the test harness, built first, so that its own output is all that it prints.
fn harness(program: &str, compiled: Compiled, envoy: &Envoy) -> Result<Command> {
    let what = [compiled.arguments(), &["--bin", program]].concat();
    let mut build = cargo();
    quietly(&format!("building {program}"), build.arg("build").args(&what))?;
    // Not by `cargo run`, which knows no workspace.
    Ok(with_envoy(Command::new(target().join("debug").join(program)), envoy))
}

/// Shows the main job.
///
/// # Errors
/// When set-up, build or the demonstration fails.
pub(crate) fn demo(version: Option<&str>, minutes: u64) -> Result<()> {
    let envoy = Envoy::set_up(version)?;
    build::build(Install::Allowed)?;
    aloud(harness("switchyard-demo", Compiled::Alone, &envoy)?.arg(minutes.to_string()))
}

/// The benchmarks, and Envoy and modules built for them.
pub(crate) struct Benches {
    envoy: Envoy,
}

impl Benches {
    /// Sets up and builds what all of them need.
    ///
    /// # Errors
    /// When set-up or build fails.
    pub(crate) fn set_up(version: Option<&str>, install: Install) -> Result<Self> {
        let envoy = Envoy::set_up(version)?;
        build::build(install)?;
        Ok(Self { envoy })
    }

    /// Envoy's version.
    pub(crate) fn version(&self) -> &str {
        &self.envoy.version
    }

    /// What measures `name`, with what that one needs.
    fn command(&self, name: &str, peers: &Peers) -> Result<Command> {
        let mut bench = harness("switchyard-bench", Compiled::Alone, &self.envoy)?;
        bench.arg(name);
        peers.known_to(&mut bench);
        Ok(bench)
    }

    /// Measures `name`; the JSON object that it prints. Its progress is on standard error.
    ///
    /// # Errors
    /// When set-up of those it is compared with, or the benchmark, fails.
    pub(crate) fn json(&self, name: &str) -> Result<String> {
        let mut bench = self.command(name, &Peers::set_up(name)?)?;
        let output = bench.arg("--json").stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "{}; what it printed above says why", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Measures `name`.
///
/// # Errors
/// When set-up, build or the benchmark fails.
pub(crate) fn bench(name: &str, json: bool, version: Option<&str>, install: Install) -> Result<()> {
    let peers = Peers::set_up(name)?;
    let mut bench = Benches::set_up(version, install)?.command(name, &peers)?;
    if json {
        bench.arg("--json");
    }
    aloud(&mut bench)
}

/// Soaks for about so many minutes, in what is drawn from the seed.
///
/// # Errors
/// When set-up or build fails, or the soak does.
pub(crate) fn soak(minutes: f64, seed: u64, json: bool, version: Option<&str>) -> Result<()> {
    let envoy = Envoy::set_up(version)?;
    build::build(Install::Allowed)?;
    aloud(&mut soaking(&envoy, Compiled::Alone, (minutes, seed), json)?)
}

/// The soak's program, built.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn soaking(
    envoy: &Envoy,
    compiled: Compiled,
    (minutes, seed): (f64, u64),
    json: bool,
) -> Result<Command> {
    let mut soak = harness("switchyard-soak", compiled, envoy)?;
    soak.args(["--minutes", &minutes.to_string(), "--seed", &seed.to_string()]);
    if json {
        soak.arg("--json");
    }
    Ok(soak)
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
