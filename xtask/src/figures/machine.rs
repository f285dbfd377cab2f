//! Where and when benchmarks run: the machine, the day, and the commit.
//!
//! Invariant: a tree with changes that are in no commit shows as a `+` behind the commit. Trade-off: Linux alone, as the benchmarks.

use crate::workspace::root;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;

fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.with_context(|| format!("{program} did not start"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The checkout's commit, with `+` when something is changed.
pub(crate) fn commit() -> Result<String> {
    said("git", &["describe", "--always", "--exclude=*", "--abbrev=7", "--dirty=+"])
}

/// `2026-11-29`, in UTC.
pub(crate) fn today() -> Result<String> {
    said("date", &["-u", "+%Y-%m-%d"])
}

/// Its processor, how many cores are ours, and its memory.
pub(crate) fn machine() -> Result<String> {
    let cores = std::thread::available_parallelism()?.get();
    Ok(described(&fs::read_to_string("/proc/cpuinfo")?, &fs::read_to_string("/proc/meminfo")?, cores))
}

fn described(processor: &str, memory: &str, cores: usize) -> String {
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
        line.map(|(_, value)| value.trim().to_owned())
    };
    let model = field(processor, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kib = field(memory, "MemTotal").and_then(|value| value.split(' ').next()?.parse::<f64>().ok());
    let gib = kib.unwrap_or_default() / f64::from(1 << 20);
    format!("{model}, {cores} cores, {gib:.0} GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_its_processor_its_cores_and_its_memory() {
        let processor =
            "processor\t: 0\nmodel name\t: Example CPU @ 2.4GHz\nmodel name\t: Example CPU @ 2.4GHz\n";
        let memory = "MemTotal:        8137264 kB\nMemFree: 1 kB\n";
        assert_eq!(described(processor, memory, 2), "Example CPU @ 2.4GHz, 2 cores, 8 GiB");
        assert!(machine().unwrap().contains(" cores, "));
    }

    #[test]
    fn a_day_and_a_commit_are_as_the_stored_form_wants_them() {
        assert!(super::super::stored::is_date(&today().unwrap()));
        assert!(super::super::stored::is_commit(&commit().unwrap()));
    }
}
