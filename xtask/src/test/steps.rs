//! The steps, and how each is run.

use super::counts::{Counts, counted};
use super::replay::{self, FUZZ};
use crate::run::{self, Compiled};
use crate::setup::prometheus::Prometheus;
use crate::setup::{CargoDeny, Chromium, Envoy, Install, WasmCargo, test_runner};
use crate::workspace::{aloud, cargo, on_path, quietly, root};
use crate::{dist, images, tidy};
use anyhow::{Context, Result, ensure};
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// One kind of check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Fmt,
    Clippy,
    Docs,
    /// Licences, versions and sources of all crates.
    Deny,
    /// Known faults of all crates: the one step that needs the network, so only by its name.
    Advisories,
    Unit,
    /// The targets of fuzz/ on their corpus, and for a while on what changes make of it.
    Fuzz,
    Wasm,
    Scenarios,
    /// A part of the scenarios, on single modules.
    Separate,
    /// Some minutes of faults, and an oracle for every answer.
    Soak,
    Compose,
    /// What is handed out.
    Dist,
    Tidy,
    /// Scenarios whose name holds this.
    Named(String),
}

/// What is compiled with what a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of the workspace, which gives each crate the same features in each step, so that it is compiled once for all steps.
    Workspace,
    /// The step's own packages, which is less for a step alone.
    Packages,
}

/// What steps run on, as far as any of them needs it.
pub(crate) struct Programs {
    pub(crate) scope: Scope,
    pub(crate) envoy: Option<Envoy>,
    pub(crate) etcd: Option<PathBuf>,
    pub(crate) prometheus: Option<Prometheus>,
    pub(crate) chromium: Option<Chromium>,
}

impl Programs {
    /// Lets what a command runs find them; scenarios on these modules.
    fn known_to(&self, mut command: Command, modules: &str) -> Command {
        command.env("SWITCHYARD_MODULES", modules);
        if let Some(etcd) = &self.etcd {
            command.env("ETCD", etcd);
        }
        if let Some(prometheus) = &self.prometheus {
            prometheus.known_to(&mut command);
        }
        if let Some(chromium) = &self.chromium {
            chromium.known_to(&mut command);
        }
        match &self.envoy {
            Some(envoy) => run::with_envoy(command, envoy),
            None => command,
        }
    }
}

/// Gives a command what its programs need to find Envoy and the modules.
type Prepare<'a> = &'a dyn Fn(Command) -> Command;

const NO_ENVOY: &str = "this step needs an Envoy, and none was set up for it";

/// What runs on single modules: docs/architecture.md says why these.
const SEPARATE: [&str; 5] =
    ["batch::limits::", "coalesce::bodies::", "coalesce::reload::", "retry::answers::", "router::"];

/// How long the soak is as a step, and what it is drawn from: the same each time, so that a failure is the change's. Other seeds are for
/// `cargo xtask soak`.
const SOAK: (f64, u64) = (3.0, 1);

const NAMES: [(&str, Step); 14] = [
    ("fmt", Step::Fmt),
    ("clippy", Step::Clippy),
    ("docs", Step::Docs),
    ("deny", Step::Deny),
    ("advisories", Step::Advisories),
    ("unit", Step::Unit),
    ("fuzz", Step::Fuzz),
    ("wasm", Step::Wasm),
    ("scenarios", Step::Scenarios),
    ("separate", Step::Separate),
    ("soak", Step::Soak),
    ("compose", Step::Compose),
    ("dist", Step::Dist),
    ("tidy", Step::Tidy),
];

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = NAMES.iter().find(|(_, step)| step == self);
        match (known, self) {
            (Some((name, _)), _) => formatter.write_str(name),
            (None, Self::Named(name)) => formatter.write_str(name),
            (None, _) => Ok(()),
        }
    }
}

impl Step {
    /// Those that run when none is named: without the network.
    pub(crate) fn all() -> Vec<Self> {
        NAMES.iter().map(|(_, step)| step.clone()).filter(|step| *step != Self::Advisories).collect()
    }

    pub(crate) fn named(name: &str) -> Self {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known.map_or_else(|| Self::Named(name.to_owned()), |(_, step)| step.clone())
    }

    /// Whether it runs what `cargo xtask build` leaves.
    pub(crate) fn needs_modules(&self) -> bool {
        matches!(
            self,
            Self::Scenarios
                | Self::Separate
                | Self::Soak
                | Self::Compose
                | Self::Dist
                | Self::Tidy
                | Self::Named(_)
        )
    }

    /// Whether it may run a scenario that starts etcd or Prometheus.
    pub(crate) fn needs_servers(&self) -> bool {
        matches!(self, Self::Scenarios | Self::Named(_))
    }

    /// Whether it may run a scenario that opens a browser. That is 140 MB to fetch, so of those that are named only where the name is of the page's.
    pub(crate) fn needs_browser(&self) -> bool {
        match self {
            Self::Scenarios => true,
            Self::Named(name) => name.contains("status"),
            _ => false,
        }
    }

    /// Runs it; scenarios on these modules.
    ///
    /// # Errors
    /// When it found something wrong without counting it, or could not run.
    pub(crate) fn run(&self, programs: &Programs, modules: &str) -> Result<Counts> {
        let envoy = programs.envoy.as_ref();
        let modules = if *self == Self::Separate { "separate" } else { modules };
        let prepare: Prepare<'_> = &|command| programs.known_to(command, modules);
        let scope = programs.scope;
        match self {
            Self::Fmt => fmt_check(),
            Self::Clippy => clippy(),
            Self::Docs => docs(),
            Self::Deny => deny(&["licenses", "bans", "sources"]),
            Self::Advisories => deny(&["advisories"]),
            Self::Fuzz => replay::fuzz(),
            Self::Unit => match scope {
                Scope::Workspace => of_all(prepare, &format!("not ({OF_SCENARIOS})"), &[]),
                Scope::Packages => {
                    let [harness, scenarios] = [HARNESS[1], HARNESS[3]];
                    tests(prepare, &["--workspace", "--exclude", harness, "--exclude", scenarios], &[])
                }
            },
            Self::Wasm => wasm(),
            Self::Scenarios => match scope {
                Scope::Workspace => {
                    of_all(prepare, &format!("({OF_SCENARIOS}) and not binary(compose)"), &[])
                }
                Scope::Packages => tests(prepare, &HARNESS, &[]),
            },
            Self::Separate => {
                let counts = match scope {
                    Scope::Workspace => of_all(prepare, "binary(scenarios)", &SEPARATE)?,
                    Scope::Packages => tests(prepare, &SCENARIOS, &SEPARATE)?,
                };
                ensure!(
                    counts.passed + counts.failed >= SEPARATE.len() as u64,
                    "scenarios have other names now"
                );
                Ok(counts)
            }
            Self::Soak => {
                let compiled = match scope {
                    Scope::Workspace => Compiled::WithAll,
                    Scope::Packages => Compiled::Alone,
                };
                aloud(&mut run::soaking(envoy.context(NO_ENVOY)?, compiled, SOAK, false)?)?;
                Ok(Counts::one())
            }
            Self::Compose => compose(prepare, envoy.context(NO_ENVOY)?, scope),
            Self::Dist => Ok(Counts { passed: dist::check()?, ..Counts::default() }),
            Self::Tidy => {
                ensure!(tidy::tidy(envoy.context(NO_ENVOY)?)?, "tidy found something; see above");
                Ok(Counts::one())
            }
            Self::Named(name) => {
                let mut counts = of_the_program(prepare, name)?;
                let (packages, name) = chosen(name);
                counts.add(&tests(prepare, &packages, &[&name])?);
                ensure!(
                    counts.passed + counts.failed > 0,
                    "no step and no scenario has {name:?} in its name"
                );
                Ok(counts)
            }
        }
    }
}

/// Whether everything is as rustfmt has it: the workspace, and the one in fuzz/.
fn fmt_check() -> Result<Counts> {
    for manifest in ["Cargo.toml", FUZZ] {
        let mut fmt = cargo();
        fmt.args(["fmt", "--all", "--check", "--manifest-path", manifest]);
        quietly(&format!("cargo fmt --check (mend with `cargo fmt --manifest-path {manifest}`)"), &mut fmt)?;
    }
    Ok(Counts::one())
}

/// Lints: all code natively (the ABI and the entries too, which clippy sees by `cfg(clippy)`), then the filters
/// for wasm32: by clippy where the toolchain has that library, by the compiler's own lints where Debian's
/// compiler builds it, which has no clippy.
fn clippy() -> Result<Counts> {
    let mut native = cargo();
    native.args(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]);
    quietly("clippy", &mut native)?;
    let filters =
        ["core", "config", "host", "frame", "batch", "coalesce", "router", "outlier", "retry", "status"]
            .map(|name| format!("--package=switchyard-{name}"));
    let wasm_cargo = WasmCargo::set_up(Install::Allowed)?;
    if wasm_cargo == WasmCargo::Installed {
        let mut wasm = wasm_cargo.command("clippy");
        wasm.args(filters).args(["--", "-D", "warnings"]);
        quietly("clippy on wasm32", &mut wasm)?;
        return Ok(Counts { passed: 2, ..Counts::default() });
    }
    let mut wasm = wasm_cargo.command("check");
    wasm.args(filters).arg("--release").stderr(Stdio::piped());
    let output = wasm.output().context("Debian's cargo did not start")?;
    let messages = String::from_utf8_lossy(&output.stderr);
    let clean = output.status.success() && !messages.contains("warning:");
    ensure!(clean, "the filters do not compile for wasm32 without warnings:\n{messages}");
    Ok(Counts { passed: 2, ..Counts::default() })
}

/// What rustdoc says of all crates, and the examples in the documentation, which nextest does not run.
fn docs() -> Result<Counts> {
    let mut rustdoc = cargo();
    rustdoc.args(["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings");
    quietly("cargo doc", &mut rustdoc)?;
    let mut examples = cargo();
    examples.args(["test", "--doc", "--workspace", "--all-features"]);
    let mut counts = counted(&mut examples)?;
    counts.add(&Counts::one());
    Ok(counts)
}

/// What deny.toml says of all crates, and fuzz/deny.toml of those that only its targets have.
fn deny(checks: &[&str]) -> Result<Counts> {
    let cargo_deny = CargoDeny::set_up()?;
    for folder in ["", "fuzz/"] {
        let (manifest, rules) = (format!("{folder}Cargo.toml"), format!("{folder}deny.toml"));
        let mut deny = cargo_deny.command();
        deny.args(["--manifest-path", &manifest, "--all-features", "--config", &rules, "check"]).args(checks);
        quietly(&format!("cargo deny check of {manifest}"), &mut deny)?;
    }
    Ok(Counts { passed: 2 * checks.len() as u64, ..Counts::default() })
}

/// Unit tests or scenarios, by nextest where it is installed; those with one of these in their names, if there are any.
fn tests(prepare: Prepare<'_>, packages: &[&str], only: &[&str]) -> Result<Counts> {
    let mut command = cargo();
    if on_path("cargo-nextest").is_some() {
        command.args(["nextest", "run", "--all-features"]).args(packages);
        match only {
            // The compose scenario starts containers; it runs as a step of its own.
            [] => command.args(["-E", "not binary(compose)"]),
            // Whoever asks for one by its name wants to see what it prints.
            [_] => command.args(["--no-capture", "--no-tests=warn"]).args(only),
            _ => command.args(only),
        };
    } else {
        command.args(["test", "--all-features", "--no-fail-fast"]).args(packages);
        command.args(["--", "--nocapture"]).args(only);
        command.args(if only.is_empty() { &["--skip", "compose"][..] } else { &[] });
    }
    counted(&mut prepare(command))
}

/// Tests of the workspace that nextest's expression chooses; those with one of these in their names, if there are any.
fn of_all(prepare: Prepare<'_>, which: &str, only: &[&str]) -> Result<Counts> {
    let mut command = cargo();
    command.args(["nextest", "run", "--workspace", "--all-features", "-E", which]).args(only);
    counted(&mut prepare(command))
}

/// Where the scenarios are, and what they run on.
const HARNESS: [&str; 4] = ["--package", "switchyard-test-harness", "--package", "switchyard-scenarios"];

/// The scenarios without those of the harness itself.
const SCENARIOS: [&str; 4] = ["--package", "switchyard-scenarios", "--test", "scenarios"];

/// [`HARNESS`] as nextest's expression.
const OF_SCENARIOS: &str = "package(=switchyard-test-harness) or package(=switchyard-scenarios)";

/// Those tests of the `switchyard` program by itself that belong to the scenarios of this name.
fn of_the_program(prepare: Prepare<'_>, name: &str) -> Result<Counts> {
    let program = ["--package", "switchyard-cli"];
    match name {
        "cli" => tests(prepare, &program, &[]),
        "manifests" => tests(prepare, &program, &["render", "manifest"]),
        _ => Ok(Counts::default()),
    }
}

/// What runs the scenarios of the module that is called `name`, if there is one, else those with `name` in theirs.
fn chosen(name: &str) -> (Vec<&'static str>, String) {
    let modules = root().join("test-harness/tests/scenarios");
    let is_module = modules.join(name).is_dir() || modules.join(format!("{name}.rs")).is_file();
    match is_module {
        true => (SCENARIOS.to_vec(), format!("{name}::")),
        false => (HARNESS.to_vec(), name.to_owned()),
    }
}

/// The tests of core and config once more, in V8.
fn wasm() -> Result<Counts> {
    let runner = test_runner()?;
    let mut command = WasmCargo::set_up(Install::Allowed)?.command("test");
    command
        .args(["--package", "switchyard-core", "--package", "switchyard-config"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    counted(&mut command)
}

/// The docker-compose scenario, where an engine and a compose tool answer.
fn compose(prepare: Prepare<'_>, envoy: &Envoy, scope: Scope) -> Result<Counts> {
    if let Err(error) = images::engine() {
        return Ok(Counts::skipped(format!("{error:#}")));
    }
    let answers = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    if !answers("docker", &["compose", "version"]) && !answers("docker-compose", &["version"]) {
        return Ok(Counts::skipped("neither `docker compose` nor docker-compose is installed".to_owned()));
    }
    let images = images::make(&root(), &envoy.path)?;
    let mut command = cargo();
    let packages = match scope {
        Scope::Workspace => &["--workspace", "--all-features"],
        Scope::Packages => &SCENARIOS[..2],
    };
    command
        .arg("test")
        .args(packages)
        .args(["--test", "compose", "--", "--nocapture"])
        .env("SWITCHYARD_COMPOSE", "1")
        .env("ENVOY_IMAGE", images.envoy.reference)
        .env("UPSTREAM_IMAGE", images.upstream.reference);
    counted(&mut prepare(command))
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn a_scenario_is_named_by_its_module_or_by_a_part_of_its_name() {
        for module in ["parity", "router"] {
            assert_eq!(super::chosen(module), (super::SCENARIOS.to_vec(), format!("{module}::")));
        }
        for part in ["shadow", "compose"] {
            assert_eq!(super::chosen(part), (super::HARNESS.to_vec(), part.to_owned()));
        }
    }

    #[test]
    fn every_step_goes_by_its_printed_name() {
        for step in Step::all().into_iter().chain([Step::Advisories]) {
            assert_eq!(Step::named(&step.to_string()), step);
        }
        assert!(!Step::all().contains(&Step::Advisories) && Step::all().contains(&Step::Soak));
        assert_eq!(Step::named("parity"), Step::Named("parity".to_owned()));
    }
}
