//! Programs of Debian's packages, without installing them.
//!
//! Invariant: nothing is installed and no service is started. Packages are downloaded by apt, which checks them, and
//! unpacked into the target folder.

use crate::workspace::{on_path, quietly};
use anyhow::{Result, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Downloads those of the packages that are not installed, with what they link to, and unpacks all of it into `place`; `why`
/// says what for, and how much it is.
///
/// # Errors
/// When this is no Debian, or apt does not know or get them.
pub(super) fn fetch(packages: &[&str], why: &str, place: &Path) -> Result<()> {
    let names = packages.join(" and ");
    ensure!(on_path("apt-get").is_some(), "{names}: not on this machine, and no apt-get to fetch them with");
    let simulate = || {
        let mut install = Command::new("apt-get");
        install.args(["install", "--simulate", "--no-install-recommends"]).args(packages);
        quietly(&format!("asking apt for {names}"), &mut install)
    };
    let plan = match simulate() {
        Ok(plan) => plan,
        Err(_) => {
            quietly("apt-get update", Command::new("apt-get").arg("update"))?;
            simulate()?
        }
    };
    unpacked(&planned(&plan), &names, why, place)
}

/// Downloads this package, and nothing that it needs, and unpacks it into `place`; for a program that links to nothing.
///
/// # Errors
/// When this is no Debian, or apt does not know or get it.
pub(super) fn fetch_alone(package: &str, why: &str, place: &Path) -> Result<()> {
    ensure!(on_path("apt-get").is_some(), "{package}: not on this machine, and no apt-get to fetch it with");
    if unpacked(&[package], package, why, place).is_err() {
        quietly("apt-get update", Command::new("apt-get").arg("update"))?;
        unpacked(&[package], package, why, place)?;
    }
    Ok(())
}

fn unpacked(packages: &[&str], names: &str, why: &str, place: &Path) -> Result<()> {
    // Moved into place when complete, so that an interrupted run leaves no half of it.
    let partial = place.with_extension("partial");
    for old in [&*partial, place] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    let archives = partial.join("archives");
    fs::create_dir_all(&archives)?;
    let mut download = Command::new("apt-get");
    download.arg("download").args(packages).current_dir(&archives);
    quietly(&format!("fetching {names} {why}"), &mut download)?;
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
pub(super) fn libraries(place: &Path) -> Option<OsString> {
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
        assert_eq!(libraries(place.path()), None);
        let folder = place.path().join("usr/lib/x86_64-linux-gnu");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(place.path().join("usr/lib/nginx")).unwrap();
        assert_eq!(libraries(place.path()), Some(folder.into_os_string()));
    }
}
