//! `cargo xtask test`: every check there is, in order, with one summary at the end.
//!
//! A step that fails does not stop the later ones: one run shows all there is to mend.

mod counts;
mod steps;

use crate::build;
use crate::setup::{Envoy, etcd};
use anyhow::Result;
use counts::Counts;
use std::time::{Duration, Instant};
use steps::{Programs, Step};

/// What became of a step.
struct Ended {
    name: String,
    took: Duration,
    outcome: Result<Counts>,
}

/// Runs all steps, or the one (or the scenarios) that `only` names, on these modules; returns whether everything passed.
///
/// # Errors
/// When Envoy cannot be set up or the modules do not build, for then nothing else says anything.
pub(crate) fn test(only: Option<&str>, modules: &str, version: Option<&str>) -> Result<bool> {
    let steps = match only {
        // What a part of the scenarios shows on single modules, all of them do.
        None => {
            Step::all().into_iter().filter(|step| modules == "chain" || *step != Step::Separate).collect()
        }
        Some(name) => vec![Step::named(name)],
    };
    let needed = steps.iter().any(Step::needs_modules);
    let envoy = if needed { Some(Envoy::set_up(version)?) } else { None };
    if let Some(envoy) = &envoy {
        build::print(&build::build()?);
        println!("Envoy {} ({})", envoy.version, envoy.path.display());
    }
    // Compose runs no scenario.
    let etcd = if steps.iter().any(Step::needs_etcd) { Some(etcd::set_up()?) } else { None };
    let programs = Programs { envoy, etcd };
    let mut ended = Vec::new();
    for step in steps {
        println!("\n== {step}");
        let started = Instant::now();
        let outcome = step.run(&programs, modules);
        if let Err(error) = &outcome {
            eprintln!("error: {error:#}");
        }
        ended.push(Ended { name: step.to_string(), took: started.elapsed(), outcome });
    }
    Ok(summarize(&ended))
}

/// Prints the summary; its last line is the one that counts.
fn summarize(ended: &[Ended]) -> bool {
    println!("\n{:<12} {:>7}  result", "step", "seconds");
    let mut total = Counts::default();
    for Ended { name, took, outcome } in ended {
        let counts = match outcome {
            Ok(counts) => counts.clone(),
            Err(_) => Counts { failed: 1, ..Counts::default() },
        };
        println!("{name:<12} {:>7.1}  {counts}", took.as_secs_f64());
        total.add(&counts);
    }
    println!("\n{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    total.failed == 0
}
