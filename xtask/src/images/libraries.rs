//! The shared libraries of a program, as the machine's own loader finds them.
//!
//! Invariant: every path is absolute and was named by `ldd`; a library that is not found is an error, never left
//! out. A static program has none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Paths of all libraries that `program` loads at start, its loader with them.
///
/// # Errors
/// Where there is no `ldd` (only Linux has one), or it names a library that the machine lacks.
pub(super) fn of(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let listed = Command::new("ldd").arg(program).env("LC_ALL", "C").output().with_context(
        || "no `ldd` here: images are made on Linux only; elsewhere let docker compose pull and build them",
    )?;
    let complaint = String::from_utf8_lossy(&listed.stderr);
    if complaint.contains("not a dynamic executable") {
        return Ok(BTreeSet::new());
    }
    if !listed.status.success() {
        bail!("ldd {}: {}", program.display(), complaint.trim());
    }
    parse(&String::from_utf8_lossy(&listed.stdout))
        .with_context(|| format!("the libraries of {}", program.display()))
}

/// Reads `name => /path (address)` and `/path (address)`; a line without a path is the kernel's vdso.
fn parse(listing: &str) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for line in listing.lines().map(str::trim) {
        if line == "statically linked" {
            continue;
        }
        if let Some(name) = line.strip_suffix("=> not found") {
            bail!("{} is not on this machine: install the package that has it", name.trim());
        }
        let named = line.split_once("=> ").map_or(line, |(_, path)| path);
        let path = named.rsplit_once(" (").map_or(named, |(path, _)| path);
        if path.starts_with('/') {
            found.insert(PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_libraries_and_the_loader_and_passes_over_the_vdso() {
        let listing = "\tlinux-vdso.so.1 (0x00007ffd)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f72)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f73)\n";
        let found: Vec<_> = parse(listing).unwrap().into_iter().collect();
        assert_eq!(
            found,
            [Path::new("/lib/x86_64-linux-gnu/libc.so.6"), Path::new("/lib64/ld-linux-x86-64.so.2")]
        );
    }

    #[test]
    fn takes_the_target_where_a_loader_is_named_by_another_name() {
        let found = parse("\t/lib/ld-musl-x86_64.so.1 => /opt/x (y)/ld.so (0x1)\n").unwrap();
        assert_eq!(found.first().map(PathBuf::as_path), Some(Path::new("/opt/x (y)/ld.so")));
    }

    #[test]
    fn a_missing_library_is_an_error_that_names_it() {
        let error = parse("\tlibfoo.so.3 => not found\n").unwrap_err().to_string();
        assert!(error.starts_with("libfoo.so.3 is not on this machine"), "{error}");
    }

    #[test]
    fn a_static_program_has_none() {
        assert!(parse("\tstatically linked\n").unwrap().is_empty());
    }

    #[test]
    fn finds_those_of_this_very_program() {
        let own = of(&std::env::current_exe().unwrap()).unwrap();
        assert!(own.iter().all(|library| library.is_absolute() && library.exists()), "{own:?}");
    }
}
