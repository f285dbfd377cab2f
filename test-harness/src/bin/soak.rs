//! `switchyard-soak`: what `cargo xtask soak` runs, with Envoy in `$ENVOY` and the modules in `$SWITCHYARD_WASM_DIR`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use switchyard_test_harness::soak::play::play;
use switchyard_test_harness::soak::script::{Broken, Script};
use switchyard_test_harness::soak::shrink::{shrink, until_phase};

/// Soaks a real Envoy in faults and judges every answer.
#[derive(Parser)]
struct Arguments {
    /// For about how long.
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// What all is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object, alone on standard output.
    #[arg(long)]
    json: bool,
    /// For how many minutes a script that fails is made smaller.
    #[arg(long, default_value_t = 3.0)]
    shrink: f64,
    /// Play it with documents that are wrong, which it has to find.
    #[arg(long, value_name = "WHAT")]
    broken: Option<Broken>,
    /// Leave out what the operator does of this kind, such as Jump.
    #[arg(long, value_name = "KIND")]
    without: Vec<String>,
    /// Print the script, and play nothing.
    #[arg(long)]
    script: bool,
    /// Play only this phase of it.
    #[arg(long, value_name = "NUMBER")]
    phase: Option<u32>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { minutes, seed, json, shrink: time, script: only_script, phase, broken, without } =
        Arguments::parse();
    let mut script = Script::drawn(seed, minutes).broken(broken);
    for phase in script.rounds.iter_mut().flat_map(|round| &mut round.phases) {
        phase.actions.retain(|(_, action)| !without.contains(&action.name()));
    }
    if let Some(number) = phase {
        script.rounds.iter_mut().for_each(|round| round.phases.retain(|phase| phase.number == number));
        script.rounds.retain(|round| !round.phases.is_empty());
    }
    if only_script {
        println!("{script}");
        return Ok(ExitCode::SUCCESS);
    }
    let report = play(&script).await?;
    match json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => println!("{report}"),
    }
    if report.failure.is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    let until = report.failed.map_or(script.clone(), |failed| until_phase(&script, failed));
    match shrink(&until, Duration::from_secs_f64(time * 60.0)).await? {
        Some((smallest, report)) => eprintln!("the smallest script that fails, too:\n{smallest}\n{report}"),
        None => eprintln!("it did not fail again; the script up to there:\n{until}"),
    }
    Ok(ExitCode::FAILURE)
}
