//! Compiling the woven copy, and what the compiler says of it.
//!
//! Invariant: lints do not count, whatever the crates deny; only what is an error in itself does.

use super::crates::{Crate, packages};
use super::woven::Woven;
use crate::workspace::{cargo, target, working};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// More rounds than errors of errors are behind each other.
const MOST_ROUNDS: usize = 25;

/// A stretch of a file, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Stretch {
    pub(super) file_name: String,
    pub(super) byte_start: usize,
    pub(super) byte_end: usize,
    is_primary: bool,
}

/// Something that the compiler refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    code: String,
    /// Where; where it is found first, then what it has to do with.
    pub(super) spans: Vec<Stretch>,
    /// As it is shown.
    pub(super) text: String,
}

impl Fault {
    /// Whether it is that something is no constant.
    pub(super) fn is_of_constants(&self) -> bool {
        ["E0015", "E0658", "E0010"].contains(&&*self.code)
    }
}

/// A program of tests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// The folder of its package, where it is run.
    pub(super) folder: PathBuf,
}

/// A line of cargo's.
#[derive(Deserialize)]
struct Line {
    reason: String,
    message: Option<Message>,
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    code: Option<Code>,
    rendered: Option<String>,
    #[serde(default)]
    spans: Vec<Stretch>,
    #[serde(default)]
    children: Vec<Message>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

/// Compiles the tests that count for these crates, leaving out what does not compile.
///
/// # Errors
/// When that goes on for too long, or something else does not compile.
pub(super) fn compile(copy: &Path, woven: &mut Woven, crates: &[Crate]) -> Result<Vec<Program>> {
    let bar = working("compiling all mutants at once (minutes)");
    let only: Vec<_> = crates.iter().map(|of| of.package).collect();
    for round in 1..=MOST_ROUNDS {
        let said = asked(copy, &["check", "--all-features"], &only)?;
        let said = match said.0.is_empty() {
            true => {
                asked(copy, &["test", "--no-run", "--lib", "--tests", "--all-features"], &packages(crates))?
            }
            false => said,
        };
        let (faults, programs) = said;
        if faults.is_empty() {
            bar.finish_and_clear();
            return Ok(programs);
        }
        bar.println(format!("   round {round}: {} errors", faults.len()));
        woven.mend(&faults)?;
    }
    bail!("after {MOST_ROUNDS} rounds the woven copy still does not compile")
}

/// What cargo says.
fn asked(copy: &Path, arguments: &[&str], packages: &[&str]) -> Result<(Vec<Fault>, Vec<Program>)> {
    let mut command: Command = cargo();
    command.current_dir(copy).args(arguments).arg("--message-format=json").arg("--target-dir");
    command.arg(target().join("mutants/build"));
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    command.env("CARGO_ENCODED_RUSTFLAGS", "--cap-lints\u{1f}allow").env("CARGO_INCREMENTAL", "0");
    let output = command.stdin(Stdio::null()).output().context("cargo did not start")?;
    let (faults, programs) = read(&String::from_utf8_lossy(&output.stdout))?;
    if !output.status.success() && faults.is_empty() {
        bail!("cargo failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok((faults, programs))
}

fn read(lines: &str) -> Result<(Vec<Fault>, Vec<Program>)> {
    let (mut faults, mut programs) = (Vec::new(), Vec::new());
    for line in lines.lines().filter(|line| line.starts_with('{')) {
        let line: Line = serde_json::from_str(line).context("cargo printed another line")?;
        if let Some(message) = line.message.filter(|message| message.level == "error") {
            faults.extend(fault(message));
        } else if line.reason == "compiler-artifact"
            && line.profile.is_some_and(|profile| profile.test)
            && let (Some(path), Some(manifest)) = (line.executable, line.manifest_path)
        {
            let folder = manifest.parent().unwrap_or(&manifest).to_path_buf();
            programs.push(Program { path, folder });
        }
    }
    programs.sort();
    Ok((faults, programs))
}

/// A message as a fault, unless it only counts others.
fn fault(message: Message) -> Option<Fault> {
    let Message { code, rendered, spans, children, .. } = message;
    let (mut first, rest): (Vec<_>, Vec<_>) = spans.into_iter().partition(|span| span.is_primary);
    first.extend(rest);
    first.extend(children.into_iter().flat_map(|child| child.spans));
    let code = code.map(|code| code.code).unwrap_or_default();
    (!first.is_empty()).then(|| Fault { code, spans: first, text: rendered.unwrap_or_default() })
}
