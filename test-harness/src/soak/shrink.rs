//! From a script that fails to a small one that still does.
//!
//! Invariant: it takes no longer than it is given, and what it returns has failed when it was played last.

use std::time::{Duration, Instant};

use super::play::play;
use super::report::Report;
use super::script::{Phase, Round, Script};

/// The smallest script that was seen to fail, and how; `None` if even the failing round did not fail again.
///
/// # Errors
/// If a script cannot be played.
pub async fn shrink(script: &Script, time: Duration) -> anyhow::Result<Option<(Script, Report)>> {
    let until = Instant::now() + time;
    let Some((mut smallest, mut report)) = again(&suspects(script), until).await? else { return Ok(None) };
    'smaller: loop {
        for candidate in smallest.smaller() {
            if Instant::now() + duration(&candidate) > until {
                continue;
            }
            let played = play(&candidate).await?;
            if played.failure.is_some() {
                (smallest, report) = (candidate, played);
                continue 'smaller;
            }
        }
        return Ok(Some((smallest, report)));
    }
}

/// The phase that failed, by itself behind the first of its Envoy; then all of that Envoy. The failing phase is the last one of the script.
fn suspects(script: &Script) -> Vec<Script> {
    let Some(round) = script.rounds.last() else { return Vec::new() };
    let of = |phases: &[Phase]| Script {
        seed: script.seed,
        rounds: vec![Round { phases: phases.to_vec(), ..round.clone() }],
    };
    let last = round.phases.split_at(round.phases.len().saturating_sub(1)).1;
    vec![of(last), of(last), of(&round.phases)]
}

async fn again(suspects: &[Script], until: Instant) -> anyhow::Result<Option<(Script, Report)>> {
    for script in suspects {
        if Instant::now() + duration(script) > until {
            continue;
        }
        let report = play(script).await?;
        if report.failure.is_some() {
            return Ok(Some((script.clone(), report)));
        }
    }
    Ok(None)
}

/// About how long a script takes: its phases, their rest, and the start of its Envoys.
fn duration(script: &Script) -> Duration {
    let phases: u32 =
        script.rounds.iter().flat_map(|round| &round.phases).map(|phase| phase.seconds + 4).sum();
    Duration::from_secs(u64::from(phases) + 10 * script.rounds.len() as u64)
}

/// The script up to the phase of this number, where it failed.
#[must_use]
pub fn until_phase(script: &Script, failed: u32) -> Script {
    let mut until = Script { seed: script.seed, rounds: Vec::new() };
    for round in &script.rounds {
        let mut phases = round.phases.clone();
        let end = phases.iter().position(|phase| phase.number == failed);
        phases.truncate(end.map_or(phases.len(), |end| end + 1));
        until.rounds.push(Round { phases, ..round.clone() });
        if end.is_some() {
            break;
        }
    }
    until
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspects_are_what_failed_and_what_came_before_it_in_the_same_envoy() {
        let script = Script::drawn(1, 2.0);
        let failed = script.rounds[1].phases[2].number;
        let until = until_phase(&script, failed);
        assert_eq!((until.rounds.len(), until.rounds[1].phases.len()), (2, 3));
        let suspects = suspects(&until);
        assert_eq!(suspects[0].rounds[0].phases, [script.rounds[1].phases[2].clone()]);
        assert_eq!(suspects[2].rounds[0].phases, script.rounds[1].phases[..3]);
        assert!(suspects.iter().all(|suspect| suspect.rounds[0].workers == 4));
    }
}
