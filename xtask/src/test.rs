//! `cargo xtask test`: every check there is, in order, with one summary at the end.
//!
//! A step that fails does not stop the later ones: one run shows all there is to mend. Modules are linked one at a time, on one core, so
//! that is done beside the steps that need none.

mod counts;
mod replay;
mod steps;

use crate::build;
use crate::setup::prometheus::Prometheus;
use crate::setup::{Chromium, Envoy, Install, WasmCargo, etcd};
use crate::workspace::on_path;
use anyhow::{Result, anyhow};
pub(crate) use counts::Counts;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use steps::{Programs, Scope, Step};

/// Modules that trap, which scenarios need in place of single modules alone, and that `separate` has none of: a fifth of what is linked.
const OF_SINGLE_MODULES: [&str; 2] = ["batch-trap", "coalesce-trap"];

/// What became of a step.
pub(crate) struct Ended {
    name: String,
    took: Duration,
    pub(crate) outcome: Result<Counts>,
}

/// Runs all steps, or the one (or the scenarios) that `only` names, on these modules; returns whether everything passed.
///
/// # Errors
/// When Envoy, etcd, Prometheus or Chromium cannot be set up, for then nothing else says anything.
pub(crate) fn test(only: Option<&str>, modules: &str, version: Option<&str>) -> Result<bool> {
    run(only, modules, version, false).map(|ended| summarize(&ended))
}

/// Runs them, and says what became of each; `are_built`: on the modules of the run before, which need not be linked again.
///
/// # Errors
/// As [`test()`].
pub(crate) fn run(
    only: Option<&str>,
    modules: &str,
    version: Option<&str>,
    are_built: bool,
) -> Result<Vec<Ended>> {
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
        println!("Envoy {} ({})", envoy.version, envoy.path.display());
        // Not by two threads at once.
        WasmCargo::set_up(Install::Allowed)?;
    }
    let needless: &'static [&'static str] = if modules == "separate" { &[] } else { &OF_SINGLE_MODULES };
    let build = move || build::build_but(needless, Install::Allowed);
    let mut modules_under_way =
        (envoy.is_some() && !are_built).then(|| Building(Instant::now(), thread::spawn(build)));
    let mut has_modules = true;
    // Compose runs no scenario.
    let servers = steps.iter().any(Step::needs_servers);
    let etcd = if servers { Some(etcd::set_up()?) } else { None };
    let prometheus = if servers { Some(Prometheus::set_up()?) } else { None };
    let chromium = if steps.iter().any(Step::needs_browser) { Some(Chromium::set_up()?) } else { None };
    // Only nextest chooses tests by their package.
    let is_whole = steps.len() > 1 && on_path("cargo-nextest").is_some();
    let scope = if is_whole { Scope::Workspace } else { Scope::Packages };
    let programs = Programs { scope, envoy, etcd, prometheus, chromium };
    let mut ended = Vec::new();
    for step in steps {
        if step.needs_modules()
            && let Some(building) = modules_under_way.take()
        {
            let built = building.end();
            has_modules = built.outcome.is_ok();
            ended.push(built);
        }
        if step.needs_modules() && !has_modules {
            continue;
        }
        println!("\n== {step}");
        let started = Instant::now();
        let outcome = step.run(&programs, modules);
        if let Err(error) = &outcome {
            eprintln!("error: {error:#}");
        }
        ended.push(Ended { name: step.to_string(), took: started.elapsed(), outcome });
    }
    Ok(ended)
}

/// The modules, since when they are being built.
struct Building(Instant, JoinHandle<Result<Vec<build::Module>>>);

impl Building {
    /// Waits for them and lists them.
    fn end(self) -> Ended {
        let Self(started, thread) = self;
        println!("\n== build");
        let built = thread.join().unwrap_or_else(|_| Err(anyhow!("the build panicked")));
        let outcome = built.map(|modules| {
            build::print(&modules);
            Counts::default()
        });
        if let Err(error) = &outcome {
            eprintln!("error: {error:#}");
        }
        Ended { name: "build".to_owned(), took: started.elapsed(), outcome }
    }
}

/// Prints the summary; its last line is the one that counts.
pub(crate) fn summarize(ended: &[Ended]) -> bool {
    // What a runner said of them may be far above.
    for Ended { name, outcome, .. } in ended {
        match outcome {
            Ok(counts) => counts.failures.iter().for_each(|test| println!("failed in {name}: {test}")),
            Err(error) => println!("failed in {name}: {error:#}"),
        }
    }
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
