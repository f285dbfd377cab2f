//! Plays a script: one Envoy after another, one phase after another; each ends at rest, or the script has failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::operator::{operate, put_right};
use super::oracle::{Verdict, judge_attempts};
use super::report::{Report, RoundReport, Slope, Tally};
use super::rest::{Base, Rest};
use super::script::{Phase, Round, Script};
use super::sky::{Sky, pass};
use super::stage::Stage;
use super::visit::{Visit, climate};
use super::weather::Weather;

/// After so many phases every gauge has had something to tell when it was told.
const ENOUGH: usize = 8;
/// How often it is looked whether the machine runs, and how late that may be.
const LOOK: Duration = Duration::from_millis(100);
const STILL: Duration = Duration::from_secs(2);

/// Plays it to its end, or to the first phase that is not as it must be.
///
/// # Errors
/// If it cannot be played: an Envoy or an endpoint does not start.
pub async fn play(script: &Script) -> anyhow::Result<Report> {
    let (began, sky) = (Instant::now(), Arc::new(Sky::new(script.seed)));
    let mut report = Report { seed: script.seed, ..Report::default() };
    for (number, round) in script.rounds.iter().enumerate() {
        play_round(script.seed, number, round, &sky, &mut report).await?;
        if report.failure.is_some() {
            break;
        }
    }
    let (attempts, struck) = sky.all();
    report.attempts = attempts;
    report.faults = struck.into_iter().map(|(fault, count)| (format!("{fault:?}"), count)).collect();
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

async fn play_round(
    seed: u64,
    number: usize,
    round: &Round,
    sky: &Arc<Sky>,
    report: &mut Report,
) -> anyhow::Result<()> {
    sky.turns(Weather::fine());
    let stage = Arc::new(Stage::set(round, sky).await?);
    report.clock_moved = stage.clock(0)?;
    let module = if round.traps { "chain-trap.wasm" } else { "switchyard.wasm" };
    let mut here = RoundReport { workers: round.workers, module, ..RoundReport::default() };
    let (mut base, mut requests) = (Base::of(&stage, round.workers).await?, 0);
    for phase in &round.phases {
        eprintln!("round {number}: {phase}");
        let before = report.tally.requests;
        let rest = watched(seed, &stage, phase, &mut base, report).await?;
        requests += report.tally.requests - before;
        here.rests.extend(rest.map(|rest| Rest { requests, ..rest }));
        if report.failure.is_some() {
            break;
        }
    }
    let last = round.phases.last().map_or(0, |phase| phase.number);
    if let Some(rest) = here.rests.last().filter(|_| here.rests.len() >= ENOUGH)
        && let Some(gauge) = rest.unseen.first()
    {
        report.fail(last, format!("Envoy has no {gauge}, so it was never looked at"));
    }
    here.memory = Slope::of(&here.rests);
    if let Some(steep) = here.memory.filter(Slope::is_steep) {
        report.fail(last, format!("Envoy's memory grows: {steep:?}"));
    }
    report.rounds.push(here);
    Ok(())
}

/// Plays a phase to its rest, and says in the report what was wrong with it, unless the machine was.
async fn watched(
    seed: u64,
    stage: &Arc<Stage>,
    phase: &Phase,
    base: &mut Base,
    report: &mut Report,
) -> anyhow::Result<Option<Rest>> {
    for (_, action) in &phase.actions {
        *report.actions.entry(action.name()).or_default() += 1;
    }
    base.begins(stage).await?;
    let watch = Watch::begin();
    let (mut tally, operated) = play_phase(seed, stage, phase).await?;
    tally.settle(watch.stood_still());
    if tally.wrong > 0 {
        let log = stage.envoy.log_tail();
        report.fail(
            phase.number,
            format!("{} wrong in phase {}; Envoy's log:\n{log}", tally.wrong, phase.number),
        );
    }
    eprintln!("  {} requests, {} right, excused {:?}", tally.requests, tally.right, tally.excused);
    report.tally.merge(tally);
    let rested = match operated {
        Ok(()) => base.rest(stage, phase, watch.stood_still()).await,
        Err(error) => Err(error),
    };
    let stood_still = watch.stood_still();
    report.stood_still += u64::from(stood_still);
    match rested {
        Ok(rest) => return Ok(Some(rest)),
        Err(error) if stood_still => {
            eprintln!("phase {}, and the machine stood still: {error:#}", phase.number)
        }
        Err(error) => report.fail(phase.number, format!("phase {}: {error:#}", phase.number)),
    }
    Ok(None)
}

/// What became of its requests, and whether the operator could do as told.
async fn play_phase(
    seed: u64,
    stage: &Arc<Stage>,
    phase: &Phase,
) -> anyhow::Result<(Tally, anyhow::Result<()>)> {
    stage.sky.turns(phase.weather.clone());
    // From 1: heartbeats have no number, which is read as 0.
    let (began, next) = (Instant::now(), Arc::new(AtomicU64::new(1)));
    let (phase, climate) = (Arc::new(phase.clone()), Arc::new(climate(phase)));
    let mut working = Vec::new();
    for _ in 0..phase.clients {
        let visit = Visit {
            seed,
            began,
            stage: Arc::clone(stage),
            phase: Arc::clone(&phase),
            climate: Arc::clone(&climate),
            next: Arc::clone(&next),
        };
        working.push(tokio::spawn(visit.work()));
    }
    let operated = operate(stage, &phase, began).await;
    let righted = put_right(stage, &phase).await;
    let (mut tally, mut sent) = (Tally::default(), Vec::new());
    for one in working {
        let (its, asked) = one.await?;
        tally.merge(its);
        sent.extend(asked);
    }
    stage.sky.clears();
    for (id, kind) in sent {
        if let Verdict::Wrong(why) = judge_attempts(kind, stage.sky.attempts(id)) {
            tally.wrong(format!("{why}: request {id} of phase {}", phase.number));
        }
    }
    Ok((tally, operated.and(righted)))
}

/// Notices whether this process, and with it Envoy, was not let run.
struct Watch {
    longest: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    fn begin() -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&longest);
        let task = tokio::spawn(async move {
            loop {
                let began = Instant::now();
                pass(LOOK).await;
                noted
                    .fetch_max(began.elapsed().as_millis().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Self { longest, task }
    }

    fn stood_still(&self) -> bool {
        u128::from(self.longest.load(Ordering::Relaxed)) > STILL.as_millis()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
