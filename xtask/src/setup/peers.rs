//! nginx and Varnish, which `bench coalesce` compares with: `$NGINX` and `$VARNISHD`, else those of this machine, else
//! Debian's packages.
//!
//! Invariant: nothing is installed and no service is started. Packages are downloaded by apt, which checks them, and
//! unpacked into the target folder. Trade-off: the versions are this Debian's own; the report names them.

use crate::workspace::{on_path, quietly, target};
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::fs;
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
            fetch(&unpacked).context(HINT)?;
        }
        let (nginx, varnishd) = both().context("Debian's packages hold no nginx or no varnishd")?;
        let peers = Self { nginx, varnishd, libraries: libraries(&unpacked) };
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

/// Downloads those of the packages that are not installed, with what they link to, and unpacks all of it into `place`.
fn fetch(place: &Path) -> Result<()> {
    let names = PACKAGES.join(" and ");
    ensure!(on_path("apt-get").is_some(), "{names}: not on this machine, and no apt-get to fetch them with");
    let simulate = || {
        let mut install = Command::new("apt-get");
        install.args(["install", "--simulate", "--no-install-recommends"]).args(PACKAGES);
        quietly(&format!("asking apt for {names}"), &mut install)
    };
    let plan = match simulate() {
        Ok(plan) => plan,
        Err(_) => {
            quietly("apt-get update", Command::new("apt-get").arg("update"))?;
            simulate()?
        }
    };
    // Moved into place when complete, so that an interrupted run leaves no half of it.
    let partial = place.with_extension("partial");
    for old in [&partial, place] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    let archives = partial.join("archives");
    fs::create_dir_all(&archives)?;
    let mut download = Command::new("apt-get");
    download.arg("download").args(planned(&plan)).current_dir(&archives);
    quietly(&format!("fetching {names} for the comparison (2 MB)"), &mut download)?;
    for archive in fs::read_dir(&archives)? {
        let archive = archive?.path();
        let name = archive.file_name().unwrap_or_default().to_string_lossy();
        quietly(
            &format!("unpacking {name}"),
            Command::new("dpkg").arg("--extract").arg(&archive).arg(&partial),
        )?;
    }
    fs::remove_dir_all(&archives)?;
    fs::rename(&partial, place)?;
    Ok(())
}

/// The packages that apt would install: `Inst nginx (1.22.1-9 Debian:12/oldstable [amd64])`.
fn planned(plan: &str) -> Vec<&str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next()).collect()
}

/// The folders of libraries below `place`, as the dynamic linker has them; `None` if there are none.
fn libraries(place: &Path) -> Option<OsString> {
    let tops = ["lib", "usr/lib"].map(|top| place.join(top));
    let folders = tops.iter().filter_map(|top| fs::read_dir(top).ok()).flatten().flatten();
    let multiarch =
        folders.map(|folder| folder.path()).filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    std::env::join_paths(multiarch).ok().filter(|joined| !joined.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_names_what_is_to_be_fetched_and_nothing_else() {
        let plan = "Reading package lists...\nInst libjemalloc2 (5.3.0-1 Debian:12/oldstable [amd64])\n\
                    Inst varnish (7.1.1-2 Debian:12/oldstable [amd64])\nConf varnish (7.1.1-2 Debian:12 [amd64])\n";
        assert_eq!(planned(plan), ["libjemalloc2", "varnish"]);
        assert!(planned("").is_empty());
    }

    #[test]
    fn libraries_are_looked_for_in_the_folders_of_this_machines_kind() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("usr/lib/x86_64-linux-gnu");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(place.path().join("usr/lib/nginx")).unwrap();
        assert_eq!(libraries(place.path()), Some(folder.into_os_string()));
        let peers = Peers { nginx: "n".into(), varnishd: "v".into(), libraries: libraries(place.path()) };
        let mut command = Command::new("true");
        let set: Vec<_> = peers.known_to(&mut command).get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(set, ["LD_LIBRARY_PATH", "NGINX", "VARNISHD"]);
    }
}
