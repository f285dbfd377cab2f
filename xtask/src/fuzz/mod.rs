//! `cargo xtask fuzz`: libFuzzer on the targets in `fuzz/`, for so many minutes shared out among them.
//!
//! Invariants: what is found goes into the target folder, and into `fuzz/corpus/` only when asked for (`--keep`), as the few and short
//! inputs that reach as much; an input that makes a target panic is named with what it takes to see it again. Trade-off: a target that has
//! crashed is over, for the next input would most likely find the same.

mod corpus;
mod said;
mod stored;

use crate::figures::{commit, today};
use crate::setup::CargoFuzz;
use crate::workspace::{quietly, root, target};
use anyhow::{Context, Result, ensure};
use said::Said;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The longest that one input may take, in seconds, and the most memory that a target may, in MiB.
const SLOWEST: u32 = 25;
const MOST_MEMORY: u32 = 2_048;

/// What was asked for.
pub(crate) struct Wish {
    /// The targets; none: all.
    pub(crate) targets: Vec<String>,
    /// For all together.
    pub(crate) minutes: f64,
    /// How many targets run at a time.
    pub(crate) jobs: usize,
    /// Whether what is found is kept in the checkout, and how many runs there were.
    pub(crate) keep: bool,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target(String);

impl Target {
    /// The inputs that come with the checkout.
    fn corpus(&self) -> PathBuf {
        root().join("fuzz/corpus").join(&self.0)
    }

    /// Those that were found on this machine.
    fn found(&self) -> PathBuf {
        target().join("fuzz-corpus").join(&self.0)
    }

    /// Where inputs go that make it panic.
    fn artifacts(&self) -> PathBuf {
        root().join("fuzz/artifacts").join(&self.0)
    }

    /// Words that it may be tried with.
    fn dictionary(&self) -> Option<PathBuf> {
        Some(root().join(format!("fuzz/dictionaries/{}.dict", self.0))).filter(|path| path.is_file())
    }
}

/// Runs what was asked for; whether nothing was found to be wrong.
///
/// # Errors
/// When a target has another name, or nothing runs.
pub(crate) fn fuzz(wish: &Wish) -> Result<bool> {
    let targets = chosen(&wish.targets)?;
    let jobs = wish.jobs.clamp(1, targets.len().max(1));
    let each = wish.minutes * 60.0 * jobs as f64 / targets.len().max(1) as f64;
    let each = Duration::from_secs_f64(each.clamp(1.0, 1e6));
    let cargo_fuzz = CargoFuzz::set_up()?;
    let mut build = cargo_fuzz.command("build");
    if let [only] = &*targets {
        build.arg(&only.0);
    }
    quietly("cargo fuzz build (three minutes)", &mut build)?;
    let counting = Mutex::new(());
    let all = in_turns(&targets, jobs, |target| {
        let said = run(&cargo_fuzz, target, each)?;
        if wish.keep {
            let _alone = counting.lock().unwrap_or_else(PoisonError::into_inner);
            count(&said)?;
        }
        if wish.keep && said.crash.is_none() {
            corpus::keep(&cargo_fuzz, target)?;
        }
        Ok(said)
    })?;
    println!("{}", said::table(&all));
    let crashes: Vec<_> = all.iter().filter_map(|said| Some((said, said.crash.as_ref()?))).collect();
    for (said, crash) in &crashes {
        let name = &said.target;
        println!("{name}: {crash}\n    cargo fuzz run --sanitizer none {name} {crash}   (in fuzz/)");
        println!("    or put it into fuzz/regressions/{name}/ and run cargo xtask test --only fuzz");
    }
    Ok(crashes.is_empty())
}

/// Adds a run to those that are stored.
fn count(said: &Said) -> Result<()> {
    let mut stored = stored::Stored::read(&root())?;
    stored.add(said, [today()?, commit()?]);
    stored.write(&root())
}

/// What docs/proof.md says of it.
///
/// # Errors
/// When what is stored is something else.
pub(crate) fn section(root: &Path) -> Result<String> {
    Ok(stored::Stored::read(root)?.section())
}

/// The targets of these names, or all that there are.
fn chosen(names: &[String]) -> Result<Vec<Target>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let files =
        entries.filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()));
    let mut known: Vec<_> = files.collect();
    known.sort();
    for name in names {
        ensure!(known.contains(name), "{name} is no target; there are {}", known.join(", "));
    }
    let chosen = if names.is_empty() { known } else { names.to_vec() };
    Ok(chosen.into_iter().map(Target).collect())
}

/// Does this for each target, so many at a time.
fn in_turns(
    targets: &[Target],
    jobs: usize,
    act: impl Fn(&Target) -> Result<Said> + Sync,
) -> Result<Vec<Said>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let said = act(target).with_context(|| target.0.clone());
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(said);
                }
            });
        }
    });
    let mut all =
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect::<Result<Vec<_>>>()?;
    all.sort_by(|one, other| one.target.cmp(&other.target));
    Ok(all)
}

/// Runs a target for so long.
fn run(cargo_fuzz: &CargoFuzz, target: &Target, time: Duration) -> Result<Said> {
    let (found, artifacts) = (target.found(), target.artifacts());
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let mut command = cargo_fuzz.command("run");
    command.arg(&target.0).arg(&found).arg(target.corpus()).arg("--");
    command.arg(format!("-max_total_time={}", time.as_secs()));
    command.arg(format!("-timeout={SLOWEST}")).arg(format!("-rss_limit_mb={MOST_MEMORY}"));
    command.arg("-print_final_stats=1").arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.args(target.dictionary().map(|path| format!("-dict={}", path.display())));
    let bar = crate::workspace::working(&format!("{} for {} s", target.0, time.as_secs()));
    let output = command.stdin(Stdio::null()).output().context("cargo fuzz did not start")?;
    bar.finish_and_clear();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = Said::of(&target.0, &text);
    ensure!(
        output.status.success() || said.crash.is_some(),
        "it does not run: {}",
        text.lines().rev().take(12).collect::<Vec<_>>().join("\n")
    );
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_those_of_the_folder_and_no_others() {
        let all = chosen(&[]).unwrap();
        assert!(all.len() > 25, "{all:?}");
        assert_eq!(chosen(&["chain".to_owned()]).unwrap(), [Target("chain".to_owned())]);
        let error = chosen(&["chian".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("chian is no target; there are answers, board"), "{error}");
    }

    #[test]
    fn each_has_its_turn_however_many_run_at_a_time() {
        let targets = ["a", "b", "c"].map(|name| Target(name.to_owned()));
        for jobs in [1, 2, 3] {
            let all = in_turns(&targets, jobs, |target| Ok(Said::of(&target.0, ""))).unwrap();
            assert_eq!(all.iter().map(|said| &*said.target).collect::<Vec<_>>(), ["a", "b", "c"]);
        }
        assert!(in_turns(&targets, 2, |_| anyhow::bail!("no")).is_err());
    }
}
