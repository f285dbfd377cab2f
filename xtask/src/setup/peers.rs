//! nginx, Varnish and HAProxy, which benchmarks compare with: `$NGINX`, `$VARNISHD` and `$HAPROXY`, else those of this machine,
//! else Debian's packages, each unpacked into a folder of its own below target/tools.
//!
//! Trade-off: the versions are this Debian's own; the report names them.

use super::debian;
use crate::workspace::{on_path, quietly, target};
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One that is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    /// Debian's package.
    package: &'static str,
    program: &'static str,
    /// Where the harness looks for the program.
    variable: &'static str,
    /// Asks it for its version.
    version: &'static str,
}

const NGINX: Peer = Peer { package: "nginx", program: "nginx", variable: "NGINX", version: "-v" };
const VARNISH: Peer = Peer { package: "varnish", program: "varnishd", variable: "VARNISHD", version: "-V" };
const HAPROXY: Peer = Peer { package: "haproxy", program: "haproxy", variable: "HAPROXY", version: "-v" };

/// The programs by their variables, and where what they link to is if the machine does not have it.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    programs: Vec<(&'static str, PathBuf)>,
    libraries: Option<OsString>,
}

impl Peers {
    /// Finds or fetches those that this benchmark compares with; most compare with none.
    ///
    /// # Errors
    /// When one is missing and this is no Debian with its package lists, or when one does not run.
    pub(crate) fn set_up(benchmark: &str) -> Result<Self> {
        let mut peers = Self::default();
        for peer in of(benchmark) {
            peers.add(*peer).with_context(|| {
                format!(
                    "to compare with it, install {}, or set {} to the program",
                    peer.package, peer.variable
                )
            })?;
        }
        Ok(peers)
    }

    fn add(&mut self, peer: Peer) -> Result<()> {
        // Varnish turns its configuration into C and compiles it when it starts.
        let compiles = peer == VARNISH;
        ensure!(
            !compiles || on_path("cc").is_some(),
            "no C compiler (cc) on PATH, and Varnish needs one to start"
        );
        let unpacked = target().join("tools").join(peer.package);
        let find = || {
            let given = std::env::var_os(peer.variable).map(PathBuf::from);
            let places = [Path::new("/usr/sbin").to_owned(), unpacked.join("usr/sbin")];
            let mut there = places.into_iter().map(|place| place.join(peer.program));
            given.or_else(|| on_path(peer.program)).or_else(|| there.find(|path| path.is_file()))
        };
        if find().is_none() {
            debian::fetch(&[peer.package], "for the comparison (1 to 3 MB)", &unpacked)?;
        }
        let program = find().with_context(|| format!("Debian's package holds no {}", peer.program))?;
        self.programs.push((peer.variable, program.clone()));
        let folders = [self.libraries.take(), debian::libraries(&unpacked)];
        let folders = folders.iter().flatten().flat_map(std::env::split_paths).collect::<Vec<_>>();
        self.libraries = std::env::join_paths(folders).ok().filter(|joined| !joined.is_empty());
        let mut asked = Command::new(&program);
        let asked = self.known_to(asked.arg(peer.version));
        quietly(&format!("{} {}", program.display(), peer.version), asked)?;
        Ok(())
    }

    /// Lets a command's programs find them.
    pub(crate) fn known_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.programs.iter().map(|(variable, program)| (variable, program)));
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

/// Those of a benchmark.
fn of(benchmark: &str) -> &'static [Peer] {
    match benchmark {
        "coalesce" => &[NGINX, VARNISH],
        "peers" => &[NGINX, HAPROXY],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_finds_the_programs_and_their_libraries() {
        let programs = vec![("NGINX", "n".into()), ("HAPROXY", "h".into())];
        let peers = Peers { programs, libraries: Some("/l".into()) };
        let mut command = Command::new("true");
        let set: Vec<_> = peers.known_to(&mut command).get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(set, ["HAPROXY", "LD_LIBRARY_PATH", "NGINX"]);
    }

    #[test]
    fn most_benchmarks_compare_with_none() {
        assert_eq!(of("peers"), [NGINX, HAPROXY]);
        assert!(of("router").is_empty());
    }
}
