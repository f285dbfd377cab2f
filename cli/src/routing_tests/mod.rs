//! `switchyard test`: tests of routing, written in YAML, in the manner of Envoy's router_check_tool.
//!
//! Invariants: what a test expects is compared with what the filters' own code decides ([`crate::decision`]); an expectation about something
//! that is drawn at random is an error of the test, not luck; a test file with a field that is not known is refused.

mod case;
mod coverage;
mod expected;
mod file;
mod junit;
mod reader;
mod text;
mod verdict;

pub use case::{Case, Expected, OneOf};
pub use coverage::Coverage;
pub use file::TestFile;
pub use verdict::{Report, Verdict, check};

use crate::Exit;
use crate::decision::{GivenEndpoints, Prepared};
use crate::source::File;
use anyhow::{Context as _, Result, bail};
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  switchyard test routing-tests.yaml
  switchyard test routing-tests.yaml --document new.yaml --fail-under 100 --junit report.xml

A test file:
  document: switchyard.yaml               # beside this file
  endpoints:                              # of upstreams that get them from elsewhere
    checkout: [\"10.0.0.1:8080\", \"10.0.0.2:8080\"]
  tests:
  - name: alice keeps her endpoint
    input: {path: /cart, headers: {x-user: alice}}
    expect: {route: checkout, upstream: checkout, first: \"10.0.0.2:8080\"}
  - name: so does she elsewhere
    input: {path: /cart/items, headers: {x-user: alice}}
    expect: {route: checkout, same_key_as: alice keeps her endpoint}

Input: method (GET), path, authority, headers, body, source_ip, cluster. Expect: matches, route, upstream, cluster, policy, hash, first,
candidates, same_key_as, other_key_than, coalesces, same_answer_as, other_answer_than, batches, same_call_as, other_call_than, retries.

Exit codes: 0 all is as expected, 1 a test failed or too few routes were met, 2 the command could not do its work.";

/// What it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The file of tests; - for standard input.
    pub file: PathBuf,
    /// The document, in place of the one that the file names.
    #[arg(long, value_name = "FILE")]
    pub document: Option<PathBuf>,
    /// Endpoints of an upstream, in place of those that the file gives: NAME=ip:port,ip:port. May be repeated.
    #[arg(long, value_name = "UPSTREAM=LIST")]
    pub endpoints: Vec<GivenEndpoints>,
    /// Fails if less than so many percent of the routes are met by a test.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub fail_under: Option<u8>,
    /// Writes a report of JUnit's form there, too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// When a file cannot be read, or is wrong.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit> {
    let source = File::read(&arguments.file)?;
    let tests = TestFile::of(&source)?;
    let document = document(arguments, &tests)?;
    let report = check(&document, &tests.cases)?;
    text::write(&report, out)?;
    if let Some(path) = &arguments.junit {
        let xml = junit::of(&report, &source.name)?;
        std::fs::write(path, xml).with_context(|| format!("--junit {}", path.display()))?;
    }
    let least = f64::from(arguments.fail_under.unwrap_or(0));
    let is_under = report.coverage.percent() < least;
    if is_under {
        writeln!(out, "less than {least} % of the routes are met")?;
    }
    Ok(if report.has_failed() || is_under { Exit::Found } else { Exit::Good })
}

/// The document that the tests are for: beside their file, unless it is named otherwise.
fn document(arguments: &Arguments, tests: &TestFile) -> Result<Prepared> {
    let path = match (&arguments.document, &tests.document) {
        (Some(path), _) => path.clone(),
        (None, Some(name)) => arguments.file.parent().unwrap_or(Path::new("")).join(name),
        (None, None) => {
            bail!("{}: names no document; add `document: FILE` or --document", arguments.file.display())
        }
    };
    let of_file = tests.endpoints.iter();
    let named = |one: &GivenEndpoints| arguments.endpoints.iter().any(|other| other.upstream == one.upstream);
    let mut endpoints: Vec<_> = of_file.filter(|one| !named(one)).cloned().collect();
    endpoints.extend(arguments.endpoints.iter().cloned());
    let clusters = tests.cases.iter().filter_map(|case| case.request.cluster.as_deref());
    Prepared::of_file(&File::read(&path)?, &endpoints, clusters)
}

#[cfg(test)]
mod tests;
