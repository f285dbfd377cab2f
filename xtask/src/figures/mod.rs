//! `cargo xtask figures`: what benchmarks measured, kept in docs/figures, and the documentation's text made of it.
//!
//! Invariant: a figure of the documentation is what its mark makes of docs/figures, and `cargo xtask tidy` fails where it is not; what a benchmark
//! gave is stored as soon as it ends, so that one that fails later takes nothing away. Trade-off: benchmarks run one after another, since
//! two that share a machine measure each other.

mod line;
pub(crate) mod machine;
mod mark;
mod measured;
mod page;
mod stored;
mod unit;

pub(crate) use machine::{commit, machine, today};

use crate::run::{BENCHES, Benches};
use crate::setup::Install;
use crate::workspace::{pages, root, shown};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use stored::{Stored, Taken};

/// What stands for every benchmark.
pub(crate) const ALL: &str = "all";

fn folder() -> PathBuf {
    root().join("docs/figures")
}

/// Runs these benchmarks, stores what they give, and makes the documentation's figures of everything that is stored; `false` if a
/// benchmark failed or a page has a mark that cannot be followed.
///
/// # Errors
/// When set-up or build fails, or a file cannot be read or written.
pub(crate) fn figures(names: &[String], version: Option<&str>, install: Install) -> Result<bool> {
    let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let names: Vec<&str> =
        BENCHES.into_iter().filter(|name| wanted.contains(ALL) || wanted.contains(name)).collect();
    let all_ran = names.is_empty() || {
        eprintln!("{} to run, one after another: {}", names.len(), names.join(", "));
        let (commit, machine) = (machine::commit()?, machine::machine()?);
        let benches = Benches::set_up(version, install)?;
        let taken = Taken { date: machine::today()?, commit, machine, envoy: benches.version().to_owned() };
        measure(&names, &taken, &folder(), |name| benches.json(name))?
    };
    Ok(write()? && all_ran)
}

/// Runs one after another and stores each; whether none failed.
fn measure(
    names: &[&str],
    taken: &Taken,
    folder: &Path,
    bench: impl Fn(&str) -> Result<String>,
) -> Result<bool> {
    let mut failed = Vec::new();
    for (number, name) in (1..).zip(names) {
        eprintln!("{number} of {}: {name}", names.len());
        let started = Instant::now();
        let stored = bench(name).and_then(|json| Stored::of(name, taken, &json));
        match stored {
            Ok(stored) => {
                fs::create_dir_all(folder)?;
                fs::write(folder.join(format!("{name}.json")), stored.text()?)?;
                eprintln!("   {name} took {} s", started.elapsed().as_secs());
            }
            Err(error) => {
                eprintln!("   {name} failed: {error:#}");
                failed.push(*name);
            }
        }
    }
    if !failed.is_empty() {
        eprintln!("failed, and its old figures stand: {}", failed.join(", "));
    }
    Ok(failed.is_empty())
}

/// Makes the figures of every page anew; whether every mark could be followed.
fn write() -> Result<bool> {
    let (stored, mut wrong) = stored::all(&folder())?;
    for path in pages()? {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let (new, problems) = page::rewritten(&text, &stored);
        wrong.extend(problems.into_iter().map(|problem| format!("{}:{problem}", shown(&path))));
        if new != text {
            fs::write(&path, new)?;
            println!("wrote {}", shown(&path));
        }
    }
    for problem in &wrong {
        eprintln!("figures: {problem}");
    }
    Ok(wrong.is_empty())
}

/// Adds what is wrong with the stored figures and with what pages show of them.
///
/// # Errors
/// When a page or a stored file cannot be read.
pub(crate) fn check(wrong: &mut Vec<String>) -> Result<()> {
    let (stored, problems) = stored::all(&folder())?;
    wrong.extend(problems);
    for path in pages()? {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let problems = page::wrong(&shown(&path), &text, &stored);
        wrong.extend(problems.into_iter().map(|problem| format!("{}:{problem}", shown(&path))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn this_documentation_shows_what_is_stored() {
        let mut wrong = Vec::new();
        check(&mut wrong).unwrap();
        assert_eq!(wrong, [""; 0]);
    }

    #[test]
    fn a_benchmark_that_fails_takes_nothing_from_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("figures");
        let old = here.join("retry.json");
        fs::create_dir(&here).unwrap();
        fs::write(&old, "old").unwrap();
        let bench = |name: &str| match name {
            "retry" => bail!("no Envoy"),
            "core" => Ok("no JSON".to_owned()),
            _ => Ok(format!("{{\"rounds\": 2, \"name\": \"{name}\"}}\n")),
        };
        let ran = measure(&["router", "retry", "core", "scale"], &Taken::example(), &here, bench);
        assert!(!ran.unwrap());
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");
        assert!(!here.join("core.json").exists());
        fs::remove_file(&old).unwrap();
        let (stored, wrong) = stored::all(&here).unwrap();
        assert_eq!(wrong, [""; 0]);
        assert_eq!(stored.keys().collect::<Vec<_>>(), ["router", "scale"]);
    }
}
