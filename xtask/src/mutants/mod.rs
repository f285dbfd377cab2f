//! `cargo xtask mutants`: what of a crate can be changed without a test that fails.
//!
//! cargo-mutants says what can be changed; it would compile once for each. Here all changes are woven into one copy of the sources, each behind a
//! switch that an environment variable turns on, so that one compilation is enough ("mutant schemata"), and for each mutant only those tests are run that
//! reach its place.
//!
//! Source: R. Untch, A. Offutt, M. J. Harrold, "Mutation analysis using mutant schemata", ISSTA 1993.
//! Invariants: the checkout's sources stay as they are; figures are stored only of a run that tried all of a crate. Trade-off: a mutant is a change of
//! the tree, not of the text, so `a + b * c` becomes `(a + b) / c` where cargo-mutants writes `a + b / c`; what the compiler computes is not tried.

mod compile;
mod copy;
mod forms;
mod listed;
mod marks;
mod page;
mod places;
mod report;
mod runs;
mod stored;
mod switch;
mod trials;
mod walk;
mod weave;
#[cfg(test)]
mod weave_tests;
mod woven;

use crate::figures::{commit, machine, today};
use crate::workspace::root;
use anyhow::{Result, ensure};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use stored::Stored;

/// A part of the mutants: every so many-th, from this one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    number: usize,
    of: usize,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// The crate's folder, or its name without what all begin with.
    pub(crate) name: String,
    /// Only what is in paths that hold this.
    pub(crate) path: Option<String>,
    /// Only a part.
    pub(crate) shard: Option<Shard>,
    /// The longest that mutants are tried for.
    pub(crate) minutes: Option<f64>,
    /// Only those that survived the last whole run, whose figures are renewed with what becomes of them now.
    pub(crate) survivors: bool,
    /// How many are tried at a time.
    pub(crate) jobs: Option<usize>,
}

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// A test failed.
    Caught,
    /// Tests did not come to an end, which is seen, too.
    TimedOut,
    /// All tests that reach it went well.
    Missed,
    /// No test reaches it.
    Unreached,
    /// It is no program.
    Unviable,
    /// It is not in the build that tests are made of.
    Elsewhere,
    /// It was not woven.
    NotTried,
}

/// Folders of crates, their packages, and the packages whose tests count.
const CRATES: [(&str, &str, &[&str]); 12] = [
    ("filters/core", "switchyard-core", CORE),
    ("filters/config", "switchyard-config", &[]),
    ("filters/host", "switchyard-host", &["switchyard-frame"]),
    ("filters/frame", "switchyard-frame", FILTERS),
    ("filters/batch", "switchyard-batch", CHAIN),
    ("filters/coalesce", "switchyard-coalesce", CHAIN),
    ("filters/outlier", "switchyard-outlier", CHAIN),
    ("filters/retry", "switchyard-retry", CHAIN),
    ("filters/router", "switchyard-router", CHAIN),
    ("filters/status", "switchyard-status", &[]),
    ("filters/switchyard", "switchyard-switchyard", &[]),
    ("cli", "switchyard-cli", &[]),
];

const CHAIN: &[&str] = &["switchyard-switchyard"];

/// What is decided in core is tested there, or where it is done.
const CORE: &[&str] = &[
    "switchyard-frame",
    "switchyard-batch",
    "switchyard-coalesce",
    "switchyard-outlier",
    "switchyard-retry",
    "switchyard-router",
    "switchyard-switchyard",
];

const FILTERS: &[&str] = &[
    "switchyard-batch",
    "switchyard-coalesce",
    "switchyard-outlier",
    "switchyard-retry",
    "switchyard-router",
    "switchyard-status",
    "switchyard-switchyard",
];

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if 1 <= number && number <= of => Ok(Self { number, of }),
            _ => Err("a part is K/N, as 2/4".to_owned()),
        }
    }
}

/// The names that a crate may be given by.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CRATES.iter().map(|(folder, ..)| folder.trim_start_matches("filters/"))
}

/// What docs/proof.md says of all crates of which a whole run is stored.
///
/// # Errors
/// When what is stored is something else.
pub(crate) fn section(root: &Path) -> Result<String> {
    let stored = names().filter(|name| stored::is_there(root, name));
    Ok(page::section(&stored.map(|name| Stored::read(root, name)).collect::<Result<Vec<_>>>()?))
}

/// Tries the mutants that were asked for, and says which were missed; whether none was.
///
/// # Errors
/// When there is no such crate, the copy does not compile, or tests do not start.
pub(crate) fn mutants(wish: &Wish) -> Result<bool> {
    let found = CRATES.iter().find(|(folder, ..)| folder.trim_start_matches("filters/") == wish.name);
    ensure!(found.is_some(), "{} is no crate that is looked at", wish.name);
    let (folder, package, others) = found.copied().unwrap_or_default();
    let jobs = wish.jobs.unwrap_or(std::thread::available_parallelism()?.get());
    let began = Instant::now();
    let mutants = listed::listed(package)?;
    let mut chosen = chosen(wish, &mutants);
    if wish.survivors {
        let survived = Stored::read(&root(), &wish.name)?;
        chosen.retain(|number| mutants.get(*number).is_some_and(|mutant| survived.has(mutant)));
    }
    let copy = copy::copy(folder)?;
    let mut woven = woven::Woven::new(&copy, &format!("{folder}/src"), &mutants)?;
    let packages: Vec<&str> = std::iter::once(package).chain(others.iter().copied()).collect();
    let programs = compile::compile(&copy, &mut woven, &packages)?;
    eprintln!(
        "   {} of {} mutants woven after {} s",
        woven.count(),
        mutants.len(),
        began.elapsed().as_secs()
    );
    let traces = copy::place(folder).join("traces");
    fs::create_dir_all(&traces)?;
    let tests = trials::trace(&programs, &traces, jobs)?;
    eprintln!("   {} tests traced after {} s", tests.len(), began.elapsed().as_secs());
    let until = wish.minutes.map(|minutes| began + Duration::from_secs_f64((minutes * 60.0).clamp(0.0, 1e6)));
    let fates = trials::tries(&programs, &tests, &woven, &chosen, (jobs, until))?;
    let report = report::Report::new(&mutants, &fates);
    println!("{report}");
    println!("{} of {} mutants in {} s", fates.len(), mutants.len(), began.elapsed().as_secs());
    if wish.survivors {
        let tried: Vec<_> = fates.keys().filter_map(|number| mutants.get(*number)).collect();
        Stored::read(&root(), &wish.name)?.renewed(&report, &tried, &mutants).write(&root())?;
    } else if fates.len() == mutants.len() {
        let taken = [today()?, commit()?, machine()?];
        stored::store(&root(), &wish.name, taken, began.elapsed(), &report)?;
    } else {
        println!("Nothing is stored: that was a part.");
    }
    Ok(report.survivors.is_empty())
}

/// The numbers of the mutants that were asked for.
fn chosen(wish: &Wish, mutants: &[listed::Mutant]) -> Vec<usize> {
    let is_wanted = |file: &str| wish.path.as_ref().is_none_or(|path| file.contains(&**path));
    let wanted = mutants.iter().enumerate().filter(|(_, mutant)| is_wanted(&mutant.file));
    let Shard { number, of } = wish.shard.unwrap_or(Shard { number: 1, of: 1 });
    wanted.map(|(number, _)| number).skip(number - 1).step_by(of).collect()
}
