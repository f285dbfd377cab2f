//! Prometheus and promtool, to which scenarios show metrics, rules and alerts: `$PROMETHEUS` and `$PROMTOOL`, else those of this machine, else
//! Debian's package.

use super::debian;
use crate::workspace::{on_path, quietly, target};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

const HINT: &str =
    "scenarios need a real Prometheus: install prometheus, or set PROMETHEUS and PROMTOOL to the programs";

/// The programs.
#[derive(Debug)]
pub(crate) struct Prometheus {
    server: PathBuf,
    tool: PathBuf,
}

impl Prometheus {
    /// Finds or fetches them.
    ///
    /// # Errors
    /// When one is missing and this is no Debian with its package lists, or when one does not run.
    pub(crate) fn set_up() -> Result<Self> {
        let unpacked = target().join("tools/prometheus");
        let find = |variable: &str, name: &str| {
            let given = std::env::var_os(variable).map(PathBuf::from);
            let there = unpacked.join("usr/bin").join(name);
            given.or_else(|| on_path(name)).or_else(|| there.is_file().then_some(there))
        };
        let both =
            || Some(Self { server: find("PROMETHEUS", "prometheus")?, tool: find("PROMTOOL", "promtool")? });
        if both().is_none() {
            // The pages that it shows need more packages; nobody looks at those.
            debian::fetch_alone("prometheus", "for scenarios (19 MB)", &unpacked).context(HINT)?;
        }
        let found = both().context("Debian's package holds no prometheus or no promtool").context(HINT)?;
        for program in [&found.server, &found.tool] {
            let mut asked = Command::new(program);
            quietly(&format!("{} --version", program.display()), asked.arg("--version")).context(HINT)?;
        }
        Ok(found)
    }

    /// Lets a command's programs find them.
    pub(crate) fn known_to(&self, command: &mut Command) {
        command.env("PROMETHEUS", &self.server).env("PROMTOOL", &self.tool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_finds_the_programs() {
        let mut command = Command::new("true");
        Prometheus { server: "p".into(), tool: "t".into() }.known_to(&mut command);
        let set: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(set, ["PROMETHEUS", "PROMTOOL"]);
    }
}
