//! Chromium and its driver, in which a scenario looks at the status page: `$CHROMIUM` and `$CHROMEDRIVER`, else those of this machine, else Debian's packages.

use super::debian;
use crate::workspace::{on_path, quietly, target};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

const HINT: &str = "the scenarios of the status page need a real Chromium: install chromium and chromium-driver, or set CHROMIUM and CHROMEDRIVER to the programs";

/// The two programs.
pub(crate) struct Chromium {
    browser: PathBuf,
    driver: PathBuf,
    /// Where what they link to was unpacked, if it was.
    libraries: Option<OsString>,
}

impl Chromium {
    /// Finds or fetches them.
    ///
    /// # Errors
    /// When there are none and this is no Debian with its package lists, or when they do not run.
    pub(crate) fn set_up() -> Result<Self> {
        let unpacked = target().join("tools/chromium");
        let find = |variable: &str, name: &str, below: &str| {
            let given = std::env::var_os(variable).map(PathBuf::from);
            let there = unpacked.join(below);
            given.or_else(|| on_path(name)).or_else(|| there.is_file().then_some(there))
        };
        let both = || {
            let browser = find("CHROMIUM", "chromium", "usr/lib/chromium/chromium")?;
            Some((browser, find("CHROMEDRIVER", "chromedriver", "usr/bin/chromedriver")?))
        };
        if both().is_none() {
            // Without a font nothing has a width.
            let packages = ["chromium", "chromium-driver", "fonts-dejavu-core"];
            debian::fetch(&packages, "for scenarios (140 MB)", &unpacked).context(HINT)?;
        }
        let (browser, driver) = both().context("Debian's packages hold no Chromium").context(HINT)?;
        let libraries = if driver.starts_with(&unpacked) { libraries(&unpacked) } else { None };
        let chromium = Self { browser, driver, libraries };
        for program in [&chromium.browser, &chromium.driver] {
            let mut version = Command::new(program);
            version.arg("--version").envs(chromium.libraries.iter().map(|path| ("LD_LIBRARY_PATH", path)));
            quietly(&format!("{} --version", program.display()), &mut version).context(HINT)?;
        }
        Ok(chromium)
    }

    /// Tells scenarios where they are.
    pub(crate) fn known_to(&self, command: &mut Command) {
        command.env("CHROMIUM", &self.browser).env("CHROMEDRIVER", &self.driver);
        command.envs(self.libraries.iter().map(|path| ("CHROMIUM_LIBRARIES", path)));
    }
}

/// Those of the packages, and of pulseaudio, whose library has a folder of its own, which its package's own programs look into.
fn libraries(place: &std::path::Path) -> Option<OsString> {
    let folders = debian::libraries(place)?;
    let all = std::env::split_paths(&folders).flat_map(|folder| [folder.clone(), folder.join("pulseaudio")]);
    std::env::join_paths(all).ok()
}
