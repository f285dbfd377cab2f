//! The `switchyard` program as one file that needs nothing of the machine that it runs on.
//!
//! The C library is linked into it. Of the two that could be, this is the machine's own (glibc), for which every toolchain has what it
//! takes: musl's would have to be downloaded. Names are looked up in /etc/hosts and by DNS, which glibc has within since 2.34.
//! Invariant: it has no interpreter, which is what the kernel would load to find libraries; that is looked up in the file itself.

use crate::setup::Place;
use crate::workspace::{cargo, quietly, target};
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::process::Command;

/// Its package.
pub(super) const PACKAGE: &str = "switchyard-cli";
/// Its name.
pub(super) const NAME: &str = "switchyard";
/// In an ELF file's program headers: the name of the interpreter.
const INTERPRETER: usize = 3;

/// The program, built.
pub(super) struct Program {
    pub(super) content: Vec<u8>,
    /// `x86_64-unknown-linux-gnu`.
    pub(super) target: String,
    /// `rustc 1.95.0 (…)`.
    pub(super) compiler: String,
}

/// Builds it for this machine's kind, and runs it once.
///
/// # Errors
/// When this is no Linux, it does not build, is not static or does not run.
pub(super) fn build() -> Result<Program> {
    let (compiler, triple) = compiler()?;
    ensure!(
        triple.contains("-linux-gnu"),
        "a static program is made on Linux with glibc only, not on {triple}"
    );
    let place = Place { target: target().join("static-build"), ..Place::here() };
    let mut build = cargo();
    build.args(["build", "--release", "--package", PACKAGE, "--bin", NAME, "--target", &triple]);
    build.arg("--target-dir").arg(&place.target).env("CARGO_ENCODED_RUSTFLAGS", place.static_flags());
    quietly("building switchyard, static (minutes)", &mut build)?;
    let path = place.target.join(&triple).join("release").join(NAME);
    let content = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    ensure!(!has_interpreter(&content)?, "{} needs shared libraries: it is not static", path.display());
    says_its_version(path)?;
    Ok(Program { content, target: triple, compiler })
}

fn says_its_version(path: PathBuf) -> Result<()> {
    // Nothing of this machine's environment is needed either.
    let said = quietly("running switchyard", Command::new(path).arg("--version").env_clear())?;
    let version = env!("CARGO_PKG_VERSION");
    ensure!(said.contains(version), "switchyard --version says {said:?}, not {version}");
    Ok(())
}

/// `rustc 1.95.0 (…)`, and what it compiles for by itself.
///
/// # Errors
/// When there is none.
pub(super) fn compiler() -> Result<(String, String)> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = quietly("asking the compiler", Command::new(rustc).arg("-vV"))?;
    let host =
        said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok((said.lines().next().unwrap_or_default().to_owned(), host.to_owned()))
}

/// Whether an ELF file of 64 bits names an interpreter.
fn has_interpreter(elf: &[u8]) -> Result<bool> {
    ensure!(elf.starts_with(b"\x7fELF\x02\x01"), "it is no ELF file of 64 bits, little end first");
    let at = |from: usize, length: usize| {
        let bytes = elf.get(from..from.saturating_add(length)).context("the ELF file is cut off")?;
        Ok::<_, anyhow::Error>(bytes.iter().rev().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte)))
    };
    // e_phoff, e_phentsize and e_phnum.
    let (first, size, count) = (at(32, 8)?, at(54, 2)?, at(56, 2)?);
    for header in 0..count {
        if at(first.saturating_add(size * header), 4)? == INTERPRETER {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_shared_libraries_is_told_from_one_without() {
        // This test is one with, as every program of a usual build.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(has_interpreter(&own).unwrap());
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(64 + 2 * 56, 0);
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = 2;
        assert!(!has_interpreter(&elf).unwrap());
        elf[64 + 56] = 3;
        assert!(has_interpreter(&elf).unwrap());
        elf.truncate(64);
        assert_eq!(has_interpreter(&elf).unwrap_err().to_string(), "the ELF file is cut off");
        assert!(has_interpreter(b"#!/bin/sh").is_err());
    }

    #[test]
    fn the_compiler_names_itself_and_this_machine() {
        let (compiler, host) = compiler().unwrap();
        assert!(compiler.starts_with("rustc 1."), "{compiler}");
        assert!(host.contains('-'), "{host}");
    }
}
