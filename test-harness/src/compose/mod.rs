//! docker-compose.yml brought up under a project name of its own, and taken down whatever happens.
//!
//! Invariant: every command names the project, so no other container of the machine is ever touched; dropping a
//! [`Project`] takes it down, and shows Envoy's log first unless the scenario came to its end. No command waits for ever
//! for an engine that does not answer.
//! Trade-off: the name is made from the checkout's path, so that a run finds and removes what a killed one left,
//! and two runs in one checkout at the same time are not possible.

mod command;
mod subnet;

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use subnet::{Block, Subnet};

/// More than the engine needs on a busy machine for what one command asks of it.
const COMMAND_TIME: Duration = Duration::from_secs(100);
/// Lines of Envoy's log that a failed scenario shows.
const LOG_LINES: &str = "60";

/// A running docker-compose.yml: Envoy on free loopback ports in front of three upstreams.
#[derive(Debug)]
pub struct Project {
    root: PathBuf,
    tool: Tool,
    name: String,
    settings: Vec<(&'static str, String)>,
    finished: bool,
}

impl Project {
    /// Removes what an earlier run left, then brings up the compose file of the checkout at `root`, on a subnet that
    /// is free, with ports that the engine chooses and the modules of `wasm_dir`. `ENVOY_IMAGE` and
    /// `UPSTREAM_IMAGE` of the environment reach the compose file.
    ///
    /// # Errors
    /// When no compose tool answers, `switchyard.wasm` has not been built, or a container does not start.
    pub fn up(root: &Path, wasm_dir: &Path) -> Result<Self> {
        if !wasm_dir.join("switchyard.wasm").is_file() {
            bail!("no switchyard.wasm in {}: run `cargo xtask build` first", wasm_dir.display());
        }
        let mut project = Self {
            root: root.to_owned(),
            tool: Tool::find()?,
            name: name_of(root),
            settings: Vec::new(),
            finished: false,
        };
        project.down()?;
        project.settle(wasm_dir)?;
        let mut up = vec!["up", "-d"];
        // An image that was named is there to be used, not to be built again.
        if std::env::var_os("UPSTREAM_IMAGE").is_some_and(|image| !image.is_empty()) {
            up.push("--no-build");
        }
        project.run(&up)?;
        Ok(project)
    }

    /// Where a port of a service is published on this machine.
    ///
    /// # Errors
    /// When the service does not run, or publishes no such port.
    pub fn address(&self, service: &str, port: u16) -> Result<SocketAddr> {
        let published = self.run(&["port", service, &port.to_string()])?;
        published.trim().parse().with_context(|| format!("port {port} of {service}: {published:?}"))
    }

    /// Stops one service's container, and returns once it is gone.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn stop(&self, service: &str) -> Result<()> {
        self.run(&["stop", service]).map(drop)
    }

    /// Starts a stopped service's container again, under its old address.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn start(&self, service: &str) -> Result<()> {
        self.run(&["start", service]).map(drop)
    }

    /// Takes everything down after a scenario that came to its end.
    ///
    /// # Errors
    /// When something is left standing.
    pub fn finish(mut self) -> Result<()> {
        self.finished = true;
        self.down()
    }

    /// Writes Envoy's configuration for a free subnet, and settles what the compose file leaves open.
    fn settle(&mut self, wasm_dir: &Path) -> Result<()> {
        let subnet = Subnet::free(&taken(), std::process::id().to_le_bytes()[0])?;
        let shipped = self.root.join("envoy-config/envoy.yaml");
        let bootstrap = fs::read_to_string(&shipped).with_context(|| shipped.display().to_string())?;
        let folder = self.root.join("target/compose");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let config = folder.join("envoy.yaml");
        fs::write(&config, subnet.render(&bootstrap)?).with_context(|| config.display().to_string())?;
        self.settings = vec![
            ("SUBNET", subnet.to_string()),
            ("ENVOY_CONFIG", config.display().to_string()),
            ("WASM_DIR", wasm_dir.display().to_string()),
            ("ENVOY_PORT", "0".to_owned()),
            ("METRICS_PORT", "0".to_owned()),
        ];
        Ok(())
    }

    fn down(&self) -> Result<()> {
        self.run(&["down", "-v", "--remove-orphans", "--timeout", "1"]).map(drop)
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut compose = self.tool.command();
        compose.args(["-p", &self.name]).args(arguments).current_dir(&self.root);
        compose.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let done = command::run(&mut compose, COMMAND_TIME)?;
        if !done.status.success() {
            bail!("compose -p {} {}: {}", self.name, arguments.join(" "), done.stderr.trim());
        }
        Ok(done.stdout)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        match self.run(&["logs", "--no-color", "--tail", LOG_LINES, "envoy"]) {
            Ok(log) => eprintln!("--- the last {LOG_LINES} lines of Envoy's log\n{log}---"),
            Err(error) => eprintln!("Envoy's log cannot be had: {error:#}"),
        }
        if let Err(error) = self.down() {
            eprintln!("left standing: {error:#}\nremove it with: docker compose -p {} down -v", self.name);
        }
    }
}

/// The compose tool of this machine: v2 is a plugin of the client, v1 a program of its own.
#[derive(Clone, Copy, Debug)]
enum Tool {
    Plugin,
    Standalone,
}

impl Tool {
    fn find() -> Result<Self> {
        [Self::Plugin, Self::Standalone]
            .into_iter()
            .find(|tool| {
                let asked = command::run(tool.command().arg("version"), COMMAND_TIME);
                asked.is_ok_and(|answer| answer.status.success())
            })
            .context("neither `docker compose` nor `docker-compose` answers: install one of them")
    }

    fn command(self) -> Command {
        match self {
            Self::Standalone => Command::new("docker-compose"),
            Self::Plugin => {
                let mut docker = Command::new("docker");
                docker.arg("compose");
                docker
            }
        }
    }
}

/// What the engine's networks and the host's routes use. What cannot be read takes nothing: then the engine itself
/// refuses a subnet that overlaps.
fn taken() -> Vec<Block> {
    let networks = docker(["network", "ls", "--quiet"]);
    let ids: Vec<&str> = networks.split_ascii_whitespace().collect();
    let format = "{{range .IPAM.Config}}{{.Subnet}} {{end}}";
    let subnets = docker(["network", "inspect", "--format", format].into_iter().chain(ids));
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let of_docker = subnets.split_ascii_whitespace().filter_map(Block::from_cidr);
    of_docker.chain(routes.lines().filter_map(Block::from_route)).collect()
}

fn docker<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    let asked = command::run(Command::new("docker").args(arguments), COMMAND_TIME);
    asked.map(|answer| answer.stdout).unwrap_or_default()
}

fn name_of(root: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    format!("switchyard-test-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_has_one_name_and_another_checkout_another() {
        assert_eq!(name_of(Path::new("/a")), name_of(Path::new("/a")));
        assert_ne!(name_of(Path::new("/a")), name_of(Path::new("/b")));
    }

    #[test]
    fn without_a_module_nothing_is_brought_up_and_the_error_says_what_to_do() {
        let nowhere = tempfile::tempdir().unwrap();
        let error = Project::up(nowhere.path(), nowhere.path()).unwrap_err().to_string();
        assert!(error.ends_with("run `cargo xtask build` first"), "{error}");
    }
}
