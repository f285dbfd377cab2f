//! Everything that a developer or CI runs, as `cargo xtask COMMAND`.

mod build;
mod dist;
mod figures;
mod fuzz;
mod images;
mod mutants;
mod observability;
mod proof;
mod run;
mod schema;
mod setup;
mod simulate;
mod test;
mod tidy;
mod versions;
mod workspace;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use setup::{Envoy, Install};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Builds, shows, tests and measures Switchyard. Each command sets up what it needs by itself.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

const EXAMPLES: &str = "Examples:
  cargo xtask demo                                  watch a real Envoy being steered
  cargo xtask test --only parity                    run one scenario and see what it prints
  cargo xtask test --envoy 1.36.4                   run everything on another Envoy
  cargo xtask test --only router --envoy all        run some scenarios on every Envoy that is supported
  cargo xtask test --modules separate               run everything on one module for each filter
  cargo xtask check envoy-config/switchyard.yaml    find out what is wrong with a document
  cargo xtask simulate --seeds 20                   a million requests through all filters, and everything that goes wrong
  cargo xtask dist                                  modules, images and the program, ready to hand out
  cargo xtask fuzz json chain --minutes 10          look for inputs that two targets fail at
  cargo xtask mutants core --path balance           find out what can be changed there without a test that fails
  cargo xtask soak --minutes 30 --seed 7            half an hour of faults, and a judge of every answer
  cargo xtask bench router --json                   one JSON object on standard output
  cargo xtask figures all                           run every benchmark, and write its figures into the documentation";

#[derive(Subcommand)]
enum Task {
    /// Shows a real Envoy steered by switchyard.wasm: shares, keys that stay, an endpoint that dies. Ends by itself.
    Demo {
        /// Which Envoy: 1.36.4, 1.37.0, 1.38.2, 1.39.3 or 1.40.0.
        #[arg(long, value_name = "VERSION")]
        envoy: Option<String>,
        /// Let traffic and faults go on for so many minutes, to look at the status page.
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=60))]
        minutes: u64,
    },
    /// Builds the modules into target/wasm and prints name, size and sha256 of each.
    Build {
        /// Only these (`router`).
        modules: Vec<String>,
        /// Install a compiler for wasm32 by apt if none is there and rustup adds none; without this, say what would be run.
        #[arg(long)]
        install: bool,
    },
    /// Runs every test: formatting, lints, documentation, unit and property tests, natively and on wasm32, the scenarios on a
    /// real Envoy, docker-compose, and tidy.
    Test {
        /// Only one step (fmt, clippy, docs, deny, unit, fuzz, wasm, scenarios, separate, soak, compose, dist, tidy; or advisories, for which the
        /// network is needed, so that it runs only when named), or the scenarios whose name holds this.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
        /// Which modules the scenarios run on: switchyard.wasm, or one for each filter, on which a part of them runs in any case.
        #[arg(long, value_name = "MODULES", value_parser = ["chain", "separate"], default_value = "chain")]
        modules: String,
        /// Which Envoy: 1.36.4, 1.37.0, 1.38.2, 1.39.3 or 1.40.0; or all, which runs the scenarios (or those that --only names) on each, and writes
        /// docs/compatibility.md.
        #[arg(long, value_name = "VERSION")]
        envoy: Option<String>,
    },
    /// Looks for inputs that a target in fuzz/ fails at, by libFuzzer, and prints a table of what it did.
    Fuzz {
        /// Only these targets (`json chain`).
        targets: Vec<String>,
        /// For how long, all targets together.
        #[arg(long, value_name = "N", default_value = "10")]
        minutes: f64,
        /// How many targets run at a time.
        #[arg(long, value_name = "N", default_value = "1")]
        jobs: usize,
        /// Put the few inputs that reach as much as all that were found into fuzz/corpus/, and add the runs to docs/figures/fuzz/targets.json.
        #[arg(long)]
        keep: bool,
    },
    /// Changes a crate's sources in every way that a test should notice, and says which changes none does.
    Mutants {
        /// Which crates; several are compiled together.
        #[arg(value_name = "CRATE", required = true, value_parser = PossibleValuesParser::new(mutants::names()))]
        names: Vec<String>,
        /// Only files whose path holds this; nothing is stored then.
        #[arg(long, value_name = "FOLDER")]
        path: Option<String>,
        /// Only every so many-th, from this one on; nothing is stored then.
        #[arg(long, value_name = "K/N")]
        shard: Option<mutants::Shard>,
        /// Stop after so long; nothing is stored then.
        #[arg(long, value_name = "M")]
        minutes: Option<f64>,
        /// Only those that survived the last whole run and have no reason in its file, once there are more tests; the file is renewed.
        #[arg(long)]
        survivors: bool,
        /// How many are tried at a time; by default as many as there are cores.
        #[arg(long, value_name = "N")]
        jobs: Option<usize>,
    },
    /// Sends requests through all filters at once, natively and under a virtual clock, in workers for which everything goes wrong that can;
    /// prints how often each invariant was at stake, and of a failure the shortest run that shows it.
    Simulate(simulate::Simulation),
    /// Measures, and prints a table or one JSON object.
    Bench {
        /// What: router (requests through Envoy), outlier (faults, against Envoy's own detection), retry (faults, against
        /// Envoy's own retries), coalesce (bursts, against nginx and Varnish), peers (hashing, ejection, retries and what
        /// they cost, against Envoy's own, nginx and HAProxy), batch (a service with a cost
        /// per call, against no batching), chain (all filters as one module, against several, no-op filters and Envoy's own
        /// policies), scale (many clusters and workers, little traffic), discovery (endpoints that come and go) or core (hash
        /// tables, native and in wasm).
        #[arg(value_parser = run::BENCHES)]
        name: String,
        /// Print one JSON object, alone on standard output.
        #[arg(long)]
        json: bool,
        /// Which Envoy: 1.36.4, 1.37.0, 1.38.2, 1.39.3 or 1.40.0.
        #[arg(long, value_name = "VERSION")]
        envoy: Option<String>,
        /// Install a compiler for wasm32 by apt if none is there and rustup adds none; without this, say what would be run.
        #[arg(long)]
        install: bool,
    },
    /// Runs benchmarks one after another, stores what they give in docs/figures, and makes the documentation's figures of all that is stored.
    Figures {
        /// Which benchmarks, or `all`; without one nothing is measured, and the documentation's figures are made of what is stored.
        #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(run::BENCHES.into_iter().chain([figures::ALL])))]
        names: Vec<String>,
        /// Which Envoy: 1.36.4, 1.37.0, 1.38.2, 1.39.3 or 1.40.0.
        #[arg(long, value_name = "VERSION")]
        envoy: Option<String>,
        /// Install a compiler for wasm32 by apt if none is there and rustup adds none; without this, say what would be run.
        #[arg(long)]
        install: bool,
    },
    /// Soaks a real Envoy with all features in a script of faults, and judges every answer. A failure prints its seed and the smallest
    /// script that fails, too.
    Soak {
        /// For about how long.
        #[arg(long, default_value_t = 3.0)]
        minutes: f64,
        /// What requests, faults and deeds are drawn from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Print one JSON object, alone on standard output.
        #[arg(long)]
        json: bool,
        /// Which Envoy: 1.36.4, 1.37.0, 1.38.2, 1.39.3 or 1.40.0.
        #[arg(long, value_name = "VERSION")]
        envoy: Option<String>,
    },
    /// Makes what is handed out: modules, images of them, lists of what is inside, and the static `switchyard` program.
    Dist {
        /// The folder, which is replaced if an earlier run made it; by default target/dist.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// The SHA256SUMS of another run: fail, and name the files, if this one makes other bytes.
        #[arg(long, value_name = "FILE")]
        expect: Option<PathBuf>,
        /// Install a compiler for wasm32 by apt if none is there and rustup adds none; without this, say what would be run.
        #[arg(long)]
        install: bool,
    },
    /// Makes the images that docker-compose.yml needs from this machine's files, where none can be pulled.
    Images,
    /// Checks a Switchyard document (YAML or JSON), or those inside an Envoy bootstrap or a manifest: what `switchyard check FILE` does.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Writes what is generated: the document's schema, docs/config.md, docs/findings.md, docs/metrics.md, the dashboards, rules and
    /// alerts, and the examples in envoy-config/ that `switchyard render` makes.
    Schema,
    /// Checks that documentation, examples, schema and crates agree with each other.
    Tidy,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; `false` when it ran and found something wrong, which it has shown.
fn run(task: Task) -> Result<bool> {
    match task {
        Task::Demo { envoy, minutes } => run::demo(envoy.as_deref(), minutes).map(|()| true),
        Task::Build { modules, install } => {
            let built = build::build_only(&modules, Install::asked(install))?;
            build::print(&built);
            Ok(true)
        }
        Task::Test { only, modules, envoy } if envoy.as_deref() == Some(versions::ALL) => {
            versions::test(only.as_deref(), &modules)
        }
        Task::Test { only, modules, envoy } => test::test(only.as_deref(), &modules, envoy.as_deref()),
        Task::Fuzz { targets, minutes, jobs, keep } => {
            fuzz::fuzz(&fuzz::Wish { targets, minutes, jobs, keep })
        }
        Task::Mutants { names, path, shard, minutes, survivors, jobs } => {
            mutants::mutants(&mutants::Wish { names, path, shard, minutes, survivors, jobs })
        }
        Task::Simulate(simulation) => simulate::simulate(&simulation),
        Task::Bench { name, json, envoy, install } => {
            run::bench(&name, json, envoy.as_deref(), Install::asked(install)).map(|()| true)
        }
        Task::Figures { names, envoy, install } => {
            figures::figures(&names, envoy.as_deref(), Install::asked(install))
        }
        Task::Soak { minutes, seed, json, envoy } => {
            run::soak(minutes, seed, json, envoy.as_deref()).map(|()| true)
        }
        Task::Dist { out, expect, install } => {
            dist::dist(out.as_deref(), expect.as_deref(), Install::asked(install))
        }
        Task::Images => run::images().map(|()| true),
        Task::Check { file } => check(&file),
        Task::Schema => schema::write().map(|()| true),
        Task::Tidy => tidy::tidy(&Envoy::set_up(None)?),
    }
}

/// What the `switchyard` program does, for those who have the source and not the program.
fn check(file: &Path) -> Result<bool> {
    let arguments = switchyard_cli::Arguments::parse_from([
        OsStr::new("switchyard"),
        OsStr::new("check"),
        file.as_os_str(),
    ]);
    Ok(switchyard_cli::run(arguments) == switchyard_cli::Exit::Good)
}
