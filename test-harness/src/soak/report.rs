//! What a soak came to, for people and, as JSON, for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::ask::Kind;
use super::oracle::Verdict;
use super::rest::Rest;

/// Wrong answers that are told in full.
const TOLD: usize = 8;
/// Phases in which an Envoy fills its caches, pools and heaps, and says nothing of what it takes for ever.
pub const WARM_UP: usize = 4;
/// Below so many samples a slope says nothing.
const ENOUGH: usize = 12;
/// The most that memory may grow, surely, over all samples, in KiB: heaps and pools go on filling for a while.
const MOST_KIB: f64 = 32.0 * 1024.0;

/// What became of requests.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tally {
    /// All of them.
    pub requests: u64,
    /// By kind: what was asked, and what became of it.
    pub kinds: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// With the right answer.
    pub right: u64,
    /// Without, and why that is excused.
    pub excused: BTreeMap<&'static str, u64>,
    /// Errors that nothing in their phase explains, until it is known whether the machine does.
    #[serde(skip)]
    pub(super) unexplained: Vec<String>,
    /// How many were wrong.
    pub wrong: u64,
    /// The first of them.
    pub told: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, kind: Kind, verdict: Verdict, told: impl FnOnce() -> String) {
        self.requests += 1;
        let outcome = match &verdict {
            Verdict::Right => "right",
            Verdict::Excused(why) => why,
            Verdict::Wrong(_) | Verdict::Unexplained(_) => "not explained",
        };
        *self.kinds.entry(format!("{kind:?}")).or_default().entry(outcome).or_default() += 1;
        match verdict {
            Verdict::Right => self.right += 1,
            Verdict::Excused(why) => *self.excused.entry(why).or_default() += 1,
            Verdict::Wrong(why) => self.wrong(format!("{why}: {}", told())),
            Verdict::Unexplained(why) => self.unexplained.push(format!("{why}: {}", told())),
        }
    }

    pub(super) fn wrong(&mut self, what: String) {
        self.wrong += 1;
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }

    /// The phase is over; what nothing explains was wrong, unless the machine stood still.
    pub(super) fn settle(&mut self, stood_still: bool) {
        let unexplained = std::mem::take(&mut self.unexplained);
        if stood_still && !unexplained.is_empty() {
            *self.excused.entry("the machine stood still").or_default() += unexplained.len() as u64;
            return;
        }
        unexplained.into_iter().for_each(|what| self.wrong(what));
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.unexplained.extend(other.unexplained);
        self.requests += other.requests;
        self.right += other.right;
        self.wrong += other.wrong;
        for (kind, outcomes) in other.kinds {
            let ours = self.kinds.entry(kind).or_default();
            outcomes.into_iter().for_each(|(outcome, count)| *ours.entry(outcome).or_default() += count);
        }
        for (why, count) in other.excused {
            *self.excused.entry(why).or_default() += count;
        }
        self.told.extend(other.told);
        self.told.truncate(TOLD);
    }
}

/// A straight line through points, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// KiB for each thousand requests.
    pub kib_per_thousand: f64,
    /// Half of the width of its 95 % interval.
    pub plus_minus: f64,
    /// How many points.
    pub samples: usize,
    /// How many thousand requests there were between the first and the last of them.
    pub thousands: f64,
}

impl Slope {
    /// Least squares through what an Envoy took at rest, without its first phases; `None`: too few.
    #[must_use]
    pub fn of(rests: &[Rest]) -> Option<Self> {
        let points: Vec<(f64, f64)> = rests
            .iter()
            .skip(WARM_UP)
            .map(|rest| (rest.requests as f64 / 1000.0, rest.resident_kib as f64))
            .collect();
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        if points.len() < 3 || spread <= 0.0 {
            return None;
        }
        let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
        let left: f64 = points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum();
        let error = (left / (count - 2.0) / spread).sqrt();
        // Student's t for 95 % is below this for six points and more.
        let thousands = points.last()?.0 - points.first()?.0;
        Some(Self { kib_per_thousand: slope, plus_minus: 2.8 * error, samples: points.len(), thousands })
    }

    /// Whether it grows, surely, and more than it may.
    #[must_use]
    pub fn is_steep(&self) -> bool {
        self.samples >= ENOUGH && (self.kib_per_thousand - self.plus_minus) * self.thousands > MOST_KIB
    }
}

/// One Envoy.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RoundReport {
    /// Its workers.
    pub workers: u32,
    /// Its module.
    pub module: &'static str,
    /// After each phase.
    pub rests: Vec<Rest>,
    /// What its memory does.
    pub memory: Option<Slope>,
}

/// All of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Of the script.
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
    /// Requests and answers.
    pub tally: Tally,
    /// What endpoints saw.
    pub attempts: u64,
    /// How often each fault struck.
    pub faults: BTreeMap<String, u64>,
    /// How often each deed was done.
    pub actions: BTreeMap<String, u64>,
    /// Phases in which the machine stood still.
    pub stood_still: u64,
    /// Whether the clock could be moved.
    pub clock_moved: bool,
    /// One Envoy after another.
    pub rounds: Vec<RoundReport>,
    /// The number of the phase in which something went wrong.
    pub failed: Option<u32>,
    /// What went wrong, if something did.
    pub failure: Option<String>,
}

impl Report {
    pub(super) fn fail(&mut self, phase: u32, what: String) {
        self.failed.get_or_insert(phase);
        self.failure.get_or_insert(what);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { requests, kinds, right, excused, wrong, told, .. } = &self.tally;
        writeln!(
            formatter,
            "seed {}: {requests} requests, {} attempts, {:.0} s",
            self.seed, self.attempts, self.seconds
        )?;
        writeln!(formatter, "answers: {right} right, {wrong} wrong; excused {excused:?}")?;
        for (kind, outcomes) in kinds {
            writeln!(formatter, "  {kind} {}: {outcomes:?}", outcomes.values().sum::<u64>())?;
        }
        writeln!(formatter, "faults: {:?}", self.faults)?;
        writeln!(formatter, "operator: {:?}; the clock could be moved: {}", self.actions, self.clock_moved)?;
        writeln!(formatter, "phases in which the machine stood still: {}", self.stood_still)?;
        for round in &self.rounds {
            let last = round.rests.last().cloned().unwrap_or_default();
            write!(formatter, "{} workers, {}: {} phases", round.workers, round.module, round.rests.len())?;
            write!(
                formatter,
                ", {} MiB resident, {} files, {} VMs; memory ",
                last.resident_kib / 1024,
                last.files,
                last.vms
            )?;
            match round.memory {
                Some(Slope { kib_per_thousand, plus_minus, samples, .. }) => writeln!(
                    formatter,
                    "{kib_per_thousand:+.2} ± {plus_minus:.2} KiB for each thousand requests (95 %, {samples} samples)"
                )?,
                None => writeln!(formatter, "has too few samples for a slope")?,
            }
        }
        told.iter().try_for_each(|wrong| writeln!(formatter, "WRONG {wrong}"))?;
        match &self.failure {
            Some(failure) => writeln!(formatter, "FAILED: {failure}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rests(resident: impl Fn(u64) -> u64) -> Vec<Rest> {
        let rest =
            |number: u64| Rest { requests: number * 1000, resident_kib: resident(number), ..Rest::default() };
        (0..40).map(rest).collect()
    }

    #[test]
    fn a_slope_is_steep_only_where_that_is_sure() {
        let noise = |number: u64| (number * 7919 % 13) * 100;
        let flat = Slope::of(&rests(|number| 100_000 + noise(number))).unwrap();
        assert!(!flat.is_steep() && flat.kib_per_thousand.abs() < flat.plus_minus, "{flat:?}");
        let leak = Slope::of(&rests(|number| 100_000 + noise(number) + 2_000 * number)).unwrap();
        assert!(leak.is_steep() && (leak.kib_per_thousand - 2_000.0).abs() < leak.plus_minus, "{leak:?}");
        // What is filled at the start is no slope.
        let warm = Slope::of(&rests(|number| 100_000 * number.min(4))).unwrap();
        assert!(!warm.is_steep() && warm.kib_per_thousand.abs() < 1.0, "{warm:?}");
        assert_eq!(Slope::of(&rests(|_| 1)[..6]), None);
    }
}
