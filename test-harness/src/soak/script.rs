//! What happens in a soak: rounds, each an Envoy of its own, of phases, each with a weather, clients of some manners, and an operator.
//!
//! Invariant: a script is its seed and its length, or what shrinking left of one: the same script asks the same requests, spoils the same
//! attempts and does the same to Envoy at the same times. Trade-off: which worker, which neighbour in a batch and which moment a request
//! meets is the machine's choice, so a failure need not come again; the report says so where it does not.

use std::fmt;

use fastrand::Rng;
use serde::Serialize;

use super::action::Action;
use super::manner::Manner;
use super::weather::{Fault, Weather};

/// How many endpoints of HTTP/1.1 there are; the endpoint of gRPC comes on top.
pub const ENDPOINTS: usize = 4;
/// Phases of an Envoy before there is a new one.
const PHASES_OF_ROUND: usize = 24;
/// How long requests are begun in a phase.
const PHASE_SECONDS: u32 = 5;
/// How long endpoints take for an answer, at most, in milliseconds.
const PACES: [u32; 4] = [0, 5, 20, 50];
/// What a phase takes beside that, and an Envoy's start counts as two: only to make of minutes a number of phases.
const REST_SECONDS: u32 = 3;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Script {
    /// What all of it was drawn from, requests included.
    pub seed: u64,
    /// One Envoy after another.
    pub rounds: Vec<Round>,
}

/// One Envoy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Round {
    /// Its workers.
    pub workers: u32,
    /// Whether its chain is the one that traps on command.
    pub traps: bool,
    /// What is wrong with its document.
    pub broken: Option<Broken>,
    /// What happens to it.
    pub phases: Vec<Phase>,
}

/// A document with which clients get what is another's: a soak that does not fail with it judges nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// Identical requests share answers, whoever asks.
    Coalesce,
    /// Requests share calls, whoever asks.
    Batch,
}

/// Some seconds of one weather.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Phase {
    /// Its place in the script that was drawn, which requests are made from.
    pub number: u32,
    /// For how long requests are begun.
    pub seconds: u32,
    /// How many are under way at a time.
    pub clients: usize,
    /// What endpoints do.
    pub weather: Weather,
    /// What clients do besides waiting, each with its share of a hundred.
    pub manners: Vec<(Manner, u8)>,
    /// What the operator does, and when, in milliseconds.
    pub actions: Vec<(u32, Action)>,
}

impl Script {
    /// A script for so many minutes, one round for each number of workers at least.
    #[must_use]
    pub fn drawn(seed: u64, minutes: f64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let phases = (minutes * 60.0 / f64::from(PHASE_SECONDS + REST_SECONDS)).max(2.0) as usize;
        let rounds = phases.div_ceil(PHASES_OF_ROUND).max(2);
        let mut number = 0;
        let rounds = (0..rounds).map(|round| {
            let share = phases / rounds + usize::from(round < phases % rounds);
            let traps = round % 2 == 1;
            let phases = (0..share).map(|place| {
                number += 1;
                Phase::drawn(&mut rng, number - 1, place, traps)
            });
            Round {
                workers: if round % 2 == 0 { 2 } else { 4 },
                traps,
                broken: None,
                phases: phases.collect(),
            }
        });
        Self { seed, rounds: rounds.collect() }
    }

    /// The same with documents that are wrong.
    #[must_use]
    pub fn broken(mut self, broken: Option<Broken>) -> Self {
        self.rounds.iter_mut().for_each(|round| round.broken = broken);
        self
    }

    /// How many phases there are.
    #[must_use]
    pub fn phases(&self) -> usize {
        self.rounds.iter().map(|round| round.phases.len()).sum()
    }

    /// The same with this round alone.
    #[must_use]
    pub fn only_round(&self, place: usize) -> Self {
        Self { seed: self.seed, rounds: self.rounds.get(place).into_iter().cloned().collect() }
    }

    /// Smaller scripts that may fail, too, those that leave out most first. Of what is left out, everything else stays as it is.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for (place, round) in self.rounds.iter().enumerate() {
            for phases in halves(&round.phases).into_iter().filter(|phases| !phases.is_empty()) {
                all.push(self.with_round(place, Round { phases, ..round.clone() }));
            }
            for (number, phase) in round.phases.iter().enumerate() {
                for smaller in phase.smaller() {
                    let mut round = round.clone();
                    if let Some(phase) = round.phases.get_mut(number) {
                        *phase = smaller;
                    }
                    all.push(self.with_round(place, round));
                }
            }
        }
        all
    }

    fn with_round(&self, place: usize, round: Round) -> Self {
        let mut script = self.clone();
        if let Some(old) = script.rounds.get_mut(place) {
            *old = round;
        }
        script
    }
}

impl Phase {
    fn drawn(rng: &mut Rng, number: u32, place: usize, traps: bool) -> Self {
        // The first of an Envoy is fine, so that one that never served well is told from one that no longer does.
        let is_fine = place == 0 || rng.u8(..6) == 0;
        let weather = if is_fine { Weather::fine() } else { Weather::drawn(rng) };
        let weather = weather.at_pace(PACES.get(rng.usize(..PACES.len())).copied().unwrap_or(0));
        let actions = if place == 0 { Vec::new() } else { Action::drawn(rng, PHASE_SECONDS * 1000, traps) };
        Self {
            number,
            seconds: PHASE_SECONDS,
            clients: [16, 32, 64].get(rng.usize(..3)).copied().unwrap_or(16),
            weather,
            manners: if place == 0 { Vec::new() } else { Manner::drawn(rng) },
            actions,
        }
    }

    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        all.extend(halves(&self.actions).into_iter().map(|actions| Self { actions, ..self.clone() }));
        for faults in halves(&self.weather.shares) {
            let weather = Weather { shares: faults, ..self.weather.clone() };
            all.push(Self { weather, ..self.clone() });
        }
        all.extend(halves(&self.manners).into_iter().map(|manners| Self { manners, ..self.clone() }));
        all
    }

    /// Whether something of this kind is done to it.
    #[must_use]
    pub fn has(&self, kind: impl Fn(&Action) -> bool) -> bool {
        self.actions.iter().any(|(_, action)| kind(action))
    }

    /// Whether the clock goes forward by more than a request may take, be it where it is set right again.
    #[must_use]
    pub fn leaps(&self) -> bool {
        self.has(|action| matches!(action, Action::Jump(ms) if ms.abs() > 15_000))
    }

    /// Whether its weather has any of these.
    #[must_use]
    pub fn suffers(&self, faults: &[Fault]) -> bool {
        self.weather.shares.iter().any(|(fault, share)| *share > 0 && faults.contains(fault))
    }
}

/// All but the first half, all but the second; of one: none.
fn halves<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let (first, second) = list.split_at(list.len() / 2);
    match list.len() {
        0 => Vec::new(),
        1 => vec![Vec::new()],
        _ => vec![first.to_vec(), second.to_vec()],
    }
}

impl fmt::Display for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {}", self.seed)?;
        for round in &self.rounds {
            let chain = if round.traps { "chain-trap.wasm" } else { "switchyard.wasm" };
            writeln!(formatter, "Envoy with {} workers and {chain}", round.workers)?;
            round.phases.iter().try_for_each(|phase| writeln!(formatter, "  {phase}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, seconds, clients, weather, manners, actions } = self;
        write!(formatter, "phase {number}: {seconds} s, {clients} clients; {weather}")?;
        for (manner, share) in manners {
            write!(formatter, "; {share} % {manner:?}")?;
        }
        actions.iter().try_for_each(|(at, action)| write!(formatter, "; at {at} ms {action:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_its_seed_and_its_length() {
        let script = Script::drawn(7, 10.0);
        assert_eq!(script, Script::drawn(7, 10.0));
        assert_ne!(script, Script::drawn(8, 10.0));
        assert_eq!(script.phases(), 75);
        assert_eq!(script.rounds.iter().map(|round| round.workers).collect::<Vec<_>>(), [2, 4, 2, 4]);
        assert!(script.rounds.iter().all(|round| round.phases[0].weather.shares.is_empty()));
    }

    #[test]
    fn whatever_is_left_out_less_remains_and_in_the_end_nothing() {
        let size = |script: &Script| {
            let of =
                |phase: &Phase| 1 + phase.actions.len() + phase.manners.len() + phase.weather.shares.len();
            script.rounds.iter().flat_map(|round| &round.phases).map(of).sum::<usize>()
        };
        let mut script = Script::drawn(3, 1.0).only_round(1);
        let mut steps = 0;
        while let Some(smaller) = script.smaller().pop() {
            assert!(size(&smaller) < size(&script), "{smaller}");
            (script, steps) = (smaller, steps + 1);
        }
        assert_eq!((script.phases(), size(&script)), (1, 1), "after {steps} steps: {script}");
    }
}
