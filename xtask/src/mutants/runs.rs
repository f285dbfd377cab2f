//! Running tests: each alone, to see which mutants it reaches, and those that reach a mutant, to see whether one fails.
//!
//! Invariants: a test that fails without a mutant counts for none. A process has a time limit and 4 GiB, for a mutant may loop and allocate for ever.
//! Trade-off: random tests are given a seed, without which a test would not reach the same each time, and they do not look for the smallest input that
//! fails; a seed that they come upon is not written down.

use super::compile::Program;
use super::switch::{ACTIVE, TRACE};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// In KiB.
const MOST_MEMORY: u64 = 4 << 20;

/// A test, and what it does without a mutant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Test {
    /// Which program it is in.
    pub(super) program: usize,
    pub(super) name: String,
    /// How long its process ran.
    pub(super) time: Duration,
    /// The mutants whose places it reaches.
    pub(super) reached: BTreeSet<usize>,
}

/// How a process of tests ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// All were well.
    Well,
    /// One failed, or the process was ended by what it did.
    Failed,
    /// It was ended by the time limit.
    TooLate,
}

/// The names of a program's tests.
///
/// # Errors
/// When it does not run.
pub(super) fn names(program: &Program) -> Result<Vec<String>> {
    let mut list = Command::new(&program.path);
    let output = list.args(["--list", "--format", "terse"]).current_dir(&program.folder).output();
    let output = output.with_context(|| format!("{} did not start", program.path.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// A test run alone, traced; `None` when it fails.
///
/// # Errors
/// When it does not start.
pub(super) fn traced(programs: &[Program], program: usize, name: &str, file: &Path) -> Result<Option<Test>> {
    let of = programs.get(program).context("no such program")?;
    let (mut test, _) = (command(of, &[name], Duration::from_secs(600)), fs::remove_file(file));
    let began = Instant::now();
    let status = test.env(TRACE, file).status().context("a test did not start")?;
    let time = began.elapsed();
    if !status.success() {
        eprintln!("   {name} fails without a mutant ({status})");
        return Ok(None);
    }
    let text = fs::read_to_string(file).unwrap_or_default();
    let reached = text.lines().filter_map(|line| line.parse().ok()).collect();
    Ok(Some(Test { program, name: name.to_owned(), time, reached }))
}

/// These tests of one program with a mutant.
///
/// # Errors
/// When it does not start.
pub(super) fn tried(program: &Program, names: &[&str], mutant: usize, limit: Duration) -> Result<Ended> {
    let mut tests = command(program, names, limit);
    Ok(ended(tests.env(ACTIVE, mutant.to_string()).status().context("tests did not start")?))
}

fn ended(status: ExitStatus) -> Ended {
    match status.code() {
        Some(0) => Ended::Well,
        // What `timeout` says when it had to end the process.
        Some(124 | 137) => Ended::TooLate,
        _ if std::os::unix::process::ExitStatusExt::signal(&status) == Some(9) => Ended::TooLate,
        _ => Ended::Failed,
    }
}

fn command(program: &Program, names: &[&str], limit: Duration) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", &format!("{:.2}", limit.as_secs_f64()), "sh", "-c"]);
    command.arg(format!("ulimit -v {MOST_MEMORY}; exec \"$0\" \"$@\"")).arg(&program.path);
    command.args(["--exact", "--test-threads=1", "--quiet", "-Zunstable-options", "--fail-fast"]).args(names);
    command.current_dir(&program.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Its library's way to stop at the first failure is not stable yet.
    command.env("RUSTC_BOOTSTRAP", "1").env("RUST_BACKTRACE", "0").env("INSTA_UPDATE", "no");
    command.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("PROPTEST_RNG_SEED", "1");
    command.env("CARGO_MANIFEST_DIR", &program.folder).env_remove(ACTIVE).env_remove(TRACE);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> ExitStatus {
        Command::new("sh").args(["-c", script]).status().unwrap()
    }

    #[test]
    fn a_process_ends_well_or_fails_or_is_too_late() {
        assert_eq!(ended(shell("true")), Ended::Well);
        assert_eq!(ended(shell("exit 101")), Ended::Failed);
        assert_eq!(ended(shell("kill -ABRT $$")), Ended::Failed);
        assert_eq!(ended(shell("timeout --signal=KILL 0.05 sleep 5")), Ended::TooLate);
    }

    #[test]
    fn only_these_tests_are_run_with_the_limit_and_nothing_left_over() {
        let program = Program { path: "/p".into(), folder: "/f".into() };
        let command = command(&program, &["a::b", "c"], Duration::from_millis(5500));
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        assert_eq!(arguments[..2], ["--signal=KILL", "5.50"]);
        assert_eq!(arguments[arguments.len() - 2..], ["a::b", "c"]);
        assert!(command.get_envs().any(|(name, value)| name == ACTIVE && value.is_none()));
    }
}
