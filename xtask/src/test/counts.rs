//! How many tests passed, by what the test runners print, and running one so that it is seen and counted.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

/// Results of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// Why something was skipped.
    pub(crate) reason: Option<String>,
    /// The names of those that failed, each once.
    pub(crate) failures: Vec<String>,
    /// Each test that nextest ran, as it names it (`package::program module::test`), and whether it passed.
    pub(crate) tests: BTreeMap<String, bool>,
}

impl Counts {
    /// A step that is no test runner and went well.
    pub(crate) fn one() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// A step that could not run here.
    pub(crate) fn skipped(reason: String) -> Self {
        Self { skipped: 1, reason: Some(reason), ..Self::default() }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures.iter().cloned());
        self.tests.extend(other.tests.clone());
    }

    /// What the closing lines of nextest, cargo test and wasm-bindgen-test in `output` add up to. Tests that a
    /// filter left out are not counted.
    pub(crate) fn of(output: &str) -> Self {
        let mut counts = Self::default();
        // nextest shows the closing lines of the test binaries that it runs; its own counts them already.
        let nextest = output.lines().any(|line| line.trim().starts_with("Summary ["));
        for name in output.lines().filter_map(|line| failure(line.trim(), nextest)) {
            if !counts.failures.iter().any(|known| known == name) {
                counts.failures.push(name.to_owned());
            }
        }
        if nextest {
            counts.tests = output.lines().filter_map(|line| ran(line.trim())).collect();
        }
        for line in output.lines().map(str::trim).filter(|line| !nextest || line.starts_with("Summary [")) {
            let summary = line.strip_prefix("Summary").map(|rest| rest.split(':').nth(1).unwrap_or_default());
            let result =
                line.strip_prefix("test result:").map(|rest| rest.split_once('.').map_or("", |(_, r)| r));
            let Some(list) = summary.or(result) else { continue };
            for part in list.split([',', ';']) {
                match part.split_whitespace().collect::<Vec<_>>().as_slice() {
                    [number, "passed", ..] => counts.passed += number.parse().unwrap_or(0),
                    [number, "failed" | "timed", ..] => counts.failed += number.parse().unwrap_or(0),
                    [number, "ignored"] => counts.skipped += number.parse().unwrap_or(0),
                    _ => {}
                }
            }
        }
        counts
    }
}

/// Whether this word of nextest's says that a test has failed.
fn has_failed(word: &str) -> bool {
    word.starts_with("FAIL") || ["TIMEOUT", "SIGABRT", "SIGSEGV", "SIGKILL"].contains(&word)
}

/// The test that this line of nextest's is the end of, and whether it passed.
fn ran(line: &str) -> Option<(String, bool)> {
    // PASS [   0.3s] (7/9) crate::program module::name
    let (word, rest) = line.split_once(" [")?;
    let (_, name) = rest.split_once(") ")?;
    (word == "PASS" || has_failed(word)).then(|| (name.to_owned(), word == "PASS"))
}

/// The test that this line says has failed.
fn failure(line: &str, nextest: bool) -> Option<&str> {
    if nextest {
        // FAIL [   0.3s] (7/9) crate::program module::name
        let (word, rest) = line.split_once(" [")?;
        return has_failed(word).then(|| rest.split_whitespace().next_back()).flatten();
    }
    let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    result.to_ascii_uppercase().starts_with("FAIL").then_some(name)
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)?;
        match &self.reason {
            Some(reason) => write!(formatter, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// Runs a test runner, shows its output as it comes, and counts its results.
///
/// # Errors
/// When it cannot start, or fails without a test that did.
pub(super) fn counted(command: &mut Command) -> Result<Counts> {
    let program = format!("{command:?}");
    let mut child = command
        // Colours in the closing line would hide it from the count.
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} did not start"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (out, err) = (thread::spawn(move || shown(stdout)), thread::spawn(move || shown(stderr)));
    let mut output = out.join().unwrap_or_default();
    output.push_str(&err.join().unwrap_or_default());
    let status = child.wait()?;
    let counts = Counts::of(&output);
    if !status.success() && counts.failed == 0 {
        bail!("{program} failed ({status}) before any test did; what it printed above says why");
    }
    Ok(counts)
}

/// Prints what comes, line by line, and returns it.
fn shown(stream: Option<impl Read>) -> String {
    let mut text = String::new();
    for line in stream.into_iter().flat_map(|stream| BufReader::new(stream).lines()).map_while(Result::ok) {
        println!("{line}");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn every_runner_is_understood() {
        let nextest =
            "     Summary [   1.2s] 40 tests run: 37 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(Counts::of(nextest), Counts { passed: 37, failed: 3, ..Counts::default() });
        let named = format!(
            "FAIL [   0.289s] (1/3) xtask::bin/xtask tidy::this_workspace\n\
             test tidy::this_workspace ... FAILED\n\
             TIMEOUT [ 300.000s] (2/3) harness::scenarios router::hangs\n{nextest}\n\
             FAIL [   0.289s] (1/3) xtask::bin/xtask tidy::this_workspace"
        );
        assert_eq!(Counts::of(&named).failures, ["tidy::this_workspace", "router::hangs"]);
        let passes = format!("PASS [   0.3s] ( 7/9) harness::scenarios router::split::by_weight\n{named}");
        let tests = Counts::of(&passes).tests;
        assert_eq!(tests.get("harness::scenarios router::split::by_weight"), Some(&true));
        assert_eq!((tests.get("harness::scenarios router::hangs"), tests.len()), (Some(&false), 3));
        let inner = format!("test result: FAILED. 0 passed; 1 failed; 0 ignored\n{nextest}");
        assert_eq!(Counts::of(&inner), Counts::of(nextest), "counted once");
        let cargo = "test result: ok. 9 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s\n\
                     test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Counts::of(cargo), Counts { passed: 10, failed: 2, skipped: 1, ..Counts::default() });
        let named = format!("test a::b ... ok\ntest c::d ... FAILED\ntest e::f ... FAIL\n{cargo}");
        assert_eq!(Counts::of(&named).failures, ["c::d", "e::f"]);
        assert_eq!(Counts::of("running 3 tests\n3 passed by a friend"), Counts::default());
    }
}
