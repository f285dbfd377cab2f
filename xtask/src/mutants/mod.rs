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
mod crates;
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
use anyhow::Result;
use crates::Crate;
pub(crate) use crates::names;
use listed::Mutant;
use std::collections::BTreeMap;
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
    /// The crates' folders in filters/, or names without what all begin with; several share one compilation.
    pub(crate) names: Vec<String>,
    /// Only what is in paths that hold this.
    pub(crate) path: Option<String>,
    /// Only a part.
    pub(crate) shard: Option<Shard>,
    /// The longest that mutants are tried for.
    pub(crate) minutes: Option<f64>,
    /// Only those that survived the last whole run without a reason that is known; its figures are renewed with what becomes of them now.
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
    let crates = crates::named(&wish.names)?;
    let jobs = wish.jobs.unwrap_or(std::thread::available_parallelism()?.get());
    let began = Instant::now();
    let mut mutants = Vec::new();
    for each in &crates {
        mutants.extend(listed::listed(each.package)?);
    }
    let chosen = chosen(wish, &crates, &mutants)?;
    let copy = copy::copy()?;
    let mut woven = woven::Woven::new(&copy, &crates, &mutants)?;
    let programs = compile::compile(&copy, &mut woven, &crates)?;
    eprintln!(
        "   {} of {} mutants woven after {} s",
        woven.count(),
        mutants.len(),
        began.elapsed().as_secs()
    );
    let traces = copy::place().join("traces");
    fs::create_dir_all(&traces)?;
    let tests = trials::trace(&programs, &traces, jobs)?;
    eprintln!("   {} tests traced after {} s", tests.len(), began.elapsed().as_secs());
    let until = wish.minutes.map(|minutes| began + Duration::from_secs_f64((minutes * 60.0).clamp(0.0, 1e6)));
    let (mut is_clean, mut tried) = (true, 0);
    // One crate after the other, so that a run that is ended by hand has stored those that it was through with.
    for each in &crates {
        let is_own = |number: &usize| mutants.get(*number).is_some_and(|mutant| each.has(&mutant.file));
        let own: Vec<usize> = chosen.iter().copied().filter(is_own).collect();
        let fates = trials::tries(&programs, &tests, &woven, &own, (jobs, until))?;
        is_clean &= tell(wish, each, &mutants, &fates, began.elapsed())?;
        tried += fates.len();
    }
    println!("{tried} of {} mutants in {} s", mutants.len(), began.elapsed().as_secs());
    Ok(is_clean)
}

/// Says what became of a crate's mutants, and stores it; whether none was missed.
fn tell(
    wish: &Wish,
    of: &Crate,
    mutants: &[Mutant],
    fates: &BTreeMap<usize, Fate>,
    time: Duration,
) -> Result<bool> {
    let own: Vec<Mutant> = mutants.iter().filter(|mutant| of.has(&mutant.file)).cloned().collect();
    let report = report::Report::new(mutants, fates);
    println!("\n{}\n{report}", of.name());
    if wish.survivors {
        let tried: Vec<_> = fates.keys().filter_map(|number| mutants.get(*number)).collect();
        Stored::read(&root(), of.name())?.renewed(&report, &tried, &own).write(&root())?;
    } else if fates.len() == own.len() {
        stored::store(&root(), of.name(), [today()?, commit()?, machine()?], time, &report)?;
    } else {
        println!("Nothing is stored: that was a part.");
    }
    Ok(report.survivors.is_empty())
}

/// The numbers of the mutants that were asked for.
///
/// # Errors
/// When survivors are asked for, and nothing is stored of a crate.
fn chosen(wish: &Wish, crates: &[Crate], mutants: &[Mutant]) -> Result<Vec<usize>> {
    let survived = match wish.survivors {
        true => crates.iter().map(|of| Stored::read(&root(), of.name())).collect::<Result<Vec<_>>>()?,
        false => Vec::new(),
    };
    let is_wanted = |mutant: &Mutant| {
        wish.path.as_ref().is_none_or(|path| mutant.file.contains(&**path))
            && (!wish.survivors || survived.iter().any(|stored| stored.is_open(mutant)))
    };
    let wanted = mutants.iter().enumerate().filter(|(_, mutant)| is_wanted(mutant));
    let Shard { number, of } = wish.shard.unwrap_or(Shard { number: 1, of: 1 });
    Ok(wanted.map(|(number, _)| number).skip(number - 1).step_by(of).collect())
}
