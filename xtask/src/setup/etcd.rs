//! etcd, from which scenarios have their endpoints: `$ETCD`, else the one of this machine, else Debian's package.

use super::debian;
use crate::workspace::{on_path, quietly, target};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

const HINT: &str = "scenarios need a real etcd: install etcd-server, or set ETCD to the program";

/// Finds or fetches it; where it is.
///
/// # Errors
/// When there is none and this is no Debian with its package lists, or when it does not run.
pub(crate) fn set_up() -> Result<PathBuf> {
    let unpacked = target().join("tools/etcd");
    let there = unpacked.join("usr/bin/etcd");
    let find = || {
        let given = std::env::var_os("ETCD").map(PathBuf::from);
        given.or_else(|| on_path("etcd")).or_else(|| there.is_file().then(|| there.clone()))
    };
    if find().is_none() {
        debian::fetch(&["etcd-server"], "for scenarios (8 MB)", &unpacked).context(HINT)?;
    }
    let etcd = find().context("Debian's package holds no etcd").context(HINT)?;
    quietly(&format!("{} --version", etcd.display()), Command::new(&etcd).arg("--version")).context(HINT)?;
    Ok(etcd)
}
