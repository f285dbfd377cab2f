//! nginx and Varnish, which `bench coalesce` compares with: `$NGINX` and `$VARNISHD`, else those of this machine, else
//! Debian's packages.
//!
//! Trade-off: the versions are this Debian's own; the report names them.

use super::debian;
use crate::workspace::{on_path, quietly, target};
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: [&str; 2] = ["nginx", "varnish"];
const HINT: &str = "to compare with them, install nginx, varnish and a C compiler, or set NGINX and VARNISHD to the \
                    programs";

/// The programs, and where what they link to is if the machine does not have it.
#[derive(Debug)]
pub(crate) struct Peers {
    nginx: PathBuf,
    varnishd: PathBuf,
    libraries: Option<OsString>,
}

impl Peers {
    /// Finds or fetches them.
    ///
    /// # Errors
    /// When one is missing and this is no Debian with its package lists, or when one does not run.
    pub(crate) fn set_up() -> Result<Self> {
        // Varnish turns its configuration into C and compiles it when it starts.
        ensure!(
            on_path("cc").is_some(),
            "no C compiler (cc) on PATH, and Varnish needs one to start; {HINT}"
        );
        let unpacked = target().join("tools/peers");
        let find = |variable: &str, name: &str| {
            let given = std::env::var_os(variable).map(PathBuf::from);
            let places = [Path::new("/usr/sbin").join(name), unpacked.join("usr/sbin").join(name)];
            let there = || places.into_iter().find(|path| path.is_file());
            given.or_else(|| on_path(name)).or_else(there)
        };
        let both = || Some((find("NGINX", "nginx")?, find("VARNISHD", "varnishd")?));
        if both().is_none() {
            debian::fetch(&PACKAGES, "for the comparison (2 MB)", &unpacked).context(HINT)?;
        }
        let (nginx, varnishd) = both().context("Debian's packages hold no nginx or no varnishd")?;
        let peers = Self { nginx, varnishd, libraries: debian::libraries(&unpacked) };
        for (program, version) in [(&peers.nginx, "-v"), (&peers.varnishd, "-V")] {
            let mut asked = Command::new(program);
            quietly(&format!("{} {version}", program.display()), peers.known_to(asked.arg(version)))
                .context(HINT)?;
        }
        Ok(peers)
    }

    /// Lets a command's programs find them.
    pub(crate) fn known_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("NGINX", &self.nginx).env("VARNISHD", &self.varnishd);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_finds_the_programs_and_their_libraries() {
        let libraries = Some("/l".into());
        let peers = Peers { nginx: "n".into(), varnishd: "v".into(), libraries };
        let mut command = Command::new("true");
        let set: Vec<_> = peers.known_to(&mut command).get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(set, ["LD_LIBRARY_PATH", "NGINX", "VARNISHD"]);
    }
}
