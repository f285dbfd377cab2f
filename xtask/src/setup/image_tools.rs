//! skopeo, umoci and a registry, with which the images are checked: those of this machine, else Debian's packages.
//!
//! Invariant: the registry listens on this machine only, on a free port, and ends with the value that stands for it.

use super::debian;
use crate::workspace::{on_path, quietly, target};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PACKAGES: [&str; 3] = ["skopeo", "umoci", "docker-registry"];
const HINT: &str = "to check the images, install skopeo, umoci and docker-registry";

/// The programs.
#[derive(Debug)]
pub(crate) struct ImageTools {
    skopeo: PathBuf,
    umoci: PathBuf,
    registry: PathBuf,
    libraries: Option<OsString>,
}

impl ImageTools {
    /// Finds or fetches them.
    ///
    /// # Errors
    /// When one is missing and this is no Debian with its package lists, or when one does not run.
    pub(crate) fn set_up() -> Result<Self> {
        let unpacked = target().join("tools/images");
        let find = |name: &str| {
            let there = unpacked.join("usr/bin").join(name);
            on_path(name).or_else(|| there.is_file().then_some(there))
        };
        let all = || Some([find("skopeo")?, find("umoci")?, find("docker-registry")?]);
        if all().is_none() {
            debian::fetch(&PACKAGES, "to check images with (18 MB)", &unpacked).context(HINT)?;
        }
        let [skopeo, umoci, registry] = all().context("Debian's packages do not hold them").context(HINT)?;
        let tools = Self { skopeo, umoci, registry, libraries: debian::libraries(&unpacked) };
        for mut program in [tools.skopeo(), tools.umoci()] {
            quietly("asking for its version", program.arg("--version")).context(HINT)?;
        }
        Ok(tools)
    }

    /// skopeo, which trusts what it copies: our own images are not signed.
    pub(crate) fn skopeo(&self) -> Command {
        let mut skopeo = self.run(&self.skopeo);
        // Where it remembers what is in which registry: by default in the user's home, and as root in /var, unless it believes that root
        // is somebody else.
        skopeo.env("XDG_DATA_HOME", target().join("tools/skopeo")).env("_CONTAINERS_ROOTLESS_UID", "1000");
        skopeo.arg("--insecure-policy");
        skopeo
    }

    /// umoci.
    pub(crate) fn umoci(&self) -> Command {
        self.run(&self.umoci)
    }

    fn run(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// Starts a registry that keeps its images in `folder`.
    ///
    /// # Errors
    /// When it does not start, with what it said.
    pub(crate) fn registry(&self, folder: &Path) -> Result<Registry> {
        let settings = serde_json::json!({
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": folder.join("images")}},
            "http": {"addr": "127.0.0.1:0"},
        });
        // JSON is YAML.
        let file = folder.join("registry.yml");
        std::fs::write(&file, settings.to_string())?;
        let mut child = self
            .run(&self.registry)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("the registry did not start")?;
        let stderr = child.stderr.take().context("the registry has no standard error")?;
        let mut started = Registry { child, address: String::new() };
        let mut said = Vec::new();
        let mut lines = BufReader::new(stderr).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(address) = listening(&line) {
                address.clone_into(&mut started.address);
                break;
            }
            said.push(line);
        }
        anyhow::ensure!(!started.address.is_empty(), "the registry ended:\n{}", said.join("\n"));
        // Whoever writes into a pipe that nobody reads stops when it is full.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(started)
    }
}

/// A registry of container images that runs on this machine.
#[derive(Debug)]
pub(crate) struct Registry {
    child: Child,
    /// `127.0.0.1:43210`.
    pub(crate) address: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the registry's line `… msg="listening on 127.0.0.1:43210" …`.
fn listening(line: &str) -> Option<&str> {
    line.split_once("listening on ")?.1.split(['"', ' ', ',']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_says_where_it_listens() {
        let line =
            "time=\"2026\" level=info msg=\"listening on 127.0.0.1:43210\" go.version=go1.19 version=\"2.8\"";
        assert_eq!(listening(line), Some("127.0.0.1:43210"));
        assert_eq!(listening("time=\"2026\" level=info msg=\"using inmemory blob descriptor cache\""), None);
    }
}
