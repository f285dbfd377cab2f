//! What becomes of each mutant: the tests that reach it are run with it, quickest first, until one fails.
//!
//! Invariant: a mutant is missed only when every test that reaches it was run and went well. Trade-off: tests are run some at a time, for starting a
//! process takes longer than most tests; so a few run that need not.

use super::Fate;
use super::compile::Program;
use super::runs::{Ended, Test, names, traced, tried};
use super::woven::Woven;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much of tests' time the first processes for a mutant have; each next has ten times as much.
const FIRST: Duration = Duration::from_millis(30);

/// What a process may take over five times of what its tests took.
const GRACE: Duration = Duration::from_secs(5);

/// All tests of the programs, each run alone.
///
/// # Errors
/// When one does not start.
pub(super) fn trace(programs: &[Program], folder: &Path, jobs: usize) -> Result<Vec<Test>> {
    let mut all = Vec::new();
    for (index, program) in programs.iter().enumerate() {
        all.extend(names(program)?.into_iter().map(|name| (index, name)));
    }
    let tests = each(&all, jobs, None, |number, (program, name)| {
        traced(programs, *program, name, &folder.join(format!("trace-{number}")))
    })?;
    let mut tests: Vec<Test> = tests.into_values().flatten().collect();
    tests.sort_by_key(|test| test.time);
    Ok(tests)
}

/// Tries these mutants.
///
/// # Errors
/// When tests do not start.
pub(super) fn tries(
    programs: &[Program],
    tests: &[Test],
    woven: &Woven,
    mutants: &[usize],
    (jobs, until): (usize, Option<Instant>),
) -> Result<BTreeMap<usize, Fate>> {
    let (done, began) = (AtomicUsize::new(0), Instant::now());
    let fates = each(mutants, jobs, until, |_, mutant| {
        let fate = match woven.settled.get(mutant) {
            Some(settled) => *settled,
            None => fate(programs, tests, *mutant)?,
        };
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done % 200 == 0 {
            eprintln!("   {done} of {} mutants after {} s", mutants.len(), began.elapsed().as_secs());
        }
        Ok((*mutant, fate))
    })?;
    Ok(fates.into_values().collect())
}

/// What becomes of one.
fn fate(programs: &[Program], tests: &[Test], mutant: usize) -> Result<Fate> {
    let reaching: Vec<&Test> = tests.iter().filter(|test| test.reached.contains(&mutant)).collect();
    if reaching.is_empty() {
        return Ok(Fate::Unreached);
    }
    for (program, time, names) in portions(&reaching) {
        let of = programs.get(program).context("no such program")?;
        match tried(of, &names, mutant, time * 5 + GRACE)? {
            Ended::Well => {}
            Ended::Failed => return Ok(Fate::Caught),
            Ended::TooLate => return Ok(Fate::TimedOut),
        }
    }
    Ok(Fate::Missed)
}

/// Tests, quickest first, by processes: which program, how long they take without a mutant, and which they are.
fn portions<'a>(tests: &[&'a Test]) -> Vec<(usize, Duration, Vec<&'a str>)> {
    let (mut portions, mut spent, mut step) = (Vec::new(), Duration::ZERO, FIRST);
    let mut now: BTreeMap<usize, (Duration, Vec<&str>)> = BTreeMap::new();
    let mut close = |now: &mut BTreeMap<usize, (Duration, Vec<&'a str>)>| {
        let mut closed: Vec<_> = std::mem::take(now).into_iter().collect();
        closed.sort_by_key(|(_, (time, _))| *time);
        portions.extend(closed.into_iter().map(|(program, (time, names))| (program, time, names)));
    };
    for test in tests {
        if spent > Duration::ZERO && spent + test.time > step {
            close(&mut now);
            (spent, step) = (Duration::ZERO, step * 10);
        }
        spent += test.time;
        let (time, names) = now.entry(test.program).or_default();
        *time += test.time;
        names.push(&test.name);
    }
    close(&mut now);
    portions
}

/// Does this for each, so many at a time, and begins none when it is time to end.
fn each<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    until: Option<Instant>,
    act: impl Fn(usize, &T) -> Result<R> + Sync,
) -> Result<BTreeMap<usize, R>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while until.is_none_or(|until| Instant::now() < until) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else { break };
                    let result = act(number, item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, result);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_iter().map(|(number, result)| Ok((number, result?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(program: usize, name: &str, millis: u64) -> Test {
        Test { program, name: name.into(), time: Duration::from_millis(millis), reached: [3].into() }
    }

    #[test]
    fn tests_are_run_quickest_first_and_ever_more_at_a_time() {
        let tests =
            [test(0, "a", 10), test(1, "b", 10), test(0, "c", 10), test(0, "d", 200), test(1, "e", 9000)];
        let tests: Vec<&Test> = tests.iter().collect();
        let millis = Duration::from_millis;
        assert_eq!(
            portions(&tests),
            [
                (1, millis(10), vec!["b"]),
                (0, millis(20), vec!["a", "c"]),
                (0, millis(200), vec!["d"]),
                (1, millis(9000), vec!["e"]),
            ]
        );
    }

    #[test]
    fn a_mutant_that_no_test_reaches_needs_no_process() {
        assert_eq!(fate(&[], &[test(0, "a", 1)], 4).unwrap(), Fate::Unreached);
        assert!(fate(&[], &[test(0, "a", 1)], 3).is_err(), "there is no program to run");
    }

    #[test]
    fn none_is_begun_when_the_time_is_over() {
        let all = each(&[1, 2, 3], 2, None, |number, item| Ok(number + item)).unwrap();
        assert_eq!(all.into_values().collect::<Vec<_>>(), [1, 3, 5]);
        assert!(each(&[1, 2, 3], 2, Some(Instant::now()), |_, item| Ok(*item)).unwrap().is_empty());
    }
}
