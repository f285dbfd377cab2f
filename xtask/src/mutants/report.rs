//! What a run comes to: a line for each folder, and those that were missed.
//!
//! Invariant: the share that was caught is of those that tests were asked about; what is no program, or not in the build, or not tried, is counted
//! apart. Trade-off: one that ran out of time counts as caught, as cargo-mutants counts it.

use super::Fate;
use super::listed::Mutant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// How many of a folder came to what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    mutants: usize,
    caught: usize,
    timed_out: usize,
    missed: usize,
    unviable: usize,
    elsewhere: usize,
    not_tried: usize,
}

/// What [`Counts`] counts.
pub(super) const HEADS: [&str; 7] =
    ["mutants", "caught", "timed out", "missed", "unviable", "elsewhere", "not tried"];

/// One that was missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Survivor {
    /// `FILE:LINE`
    pub(super) place: String,
    pub(super) change: String,
    /// Whether a test reaches it.
    pub(super) reached: bool,
    /// Why that is as it should be, if somebody has looked at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) folders: BTreeMap<String, Counts>,
    pub(super) survivors: Vec<Survivor>,
    /// What was not woven, as a place and a change.
    pub(super) not_tried: Vec<String>,
}

impl Counts {
    fn count(&mut self, fate: Fate) {
        self.mutants += 1;
        match fate {
            Fate::Caught => self.caught += 1,
            Fate::TimedOut => self.timed_out += 1,
            Fate::Missed | Fate::Unreached => self.missed += 1,
            Fate::Unviable => self.unviable += 1,
            Fate::Elsewhere => self.elsewhere += 1,
            Fate::NotTried => self.not_tried += 1,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.mutants += other.mutants;
        self.caught += other.caught;
        self.timed_out += other.timed_out;
        self.missed += other.missed;
        self.unviable += other.unviable;
        self.elsewhere += other.elsewhere;
        self.not_tried += other.not_tried;
    }

    /// So many survive now of those that did; the others were caught.
    pub(super) fn survive(&mut self, missed: usize) {
        self.caught = (self.caught + self.missed).saturating_sub(missed);
        self.missed = missed;
    }

    /// The code of one that survived is gone.
    pub(super) fn forget_a_survivor(&mut self) {
        self.mutants = self.mutants.saturating_sub(1);
        self.missed = self.missed.saturating_sub(1);
    }

    /// Its numbers, in the order of [`HEADS`].
    pub(super) fn numbers(&self) -> [usize; 7] {
        let Self { mutants, caught, timed_out, missed, unviable, elsewhere, not_tried } = *self;
        [mutants, caught, timed_out, missed, unviable, elsewhere, not_tried]
    }

    /// The share that was caught, in percent; all of nothing is all.
    pub(super) fn percent(&self) -> f64 {
        let caught = self.caught + self.timed_out;
        let asked = caught + self.missed;
        if asked == 0 { 100.0 } else { 100.0 * caught as f64 / asked as f64 }
    }
}

impl Report {
    pub(super) fn new(mutants: &[Mutant], fates: &BTreeMap<usize, Fate>) -> Self {
        let mut report = Self::default();
        for (mutant, fate) in fates.iter().filter_map(|(number, fate)| Some((mutants.get(*number)?, *fate))) {
            report.folders.entry(mutant.folder().to_owned()).or_default().count(fate);
            let (place, change) = (mutant.place(), mutant.change().to_owned());
            match fate {
                Fate::Missed | Fate::Unreached => {
                    let reached = fate == Fate::Missed;
                    report.survivors.push(Survivor { place, change, reached, reason: None });
                }
                Fate::NotTried => report.not_tried.push(format!("{place}: {change}")),
                _ => {}
            }
        }
        report
    }

    fn all(&self) -> Counts {
        let mut all = Counts::default();
        self.folders.values().for_each(|counts| all.add(counts));
        all
    }
}

impl Display for Report {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        for survivor in &self.survivors {
            let unreached = if survivor.reached { "" } else { " (no test reaches it)" };
            writeln!(to, "{}: {}{unreached}", survivor.place, survivor.change)?;
        }
        write!(to, "{:<16}", "folder")?;
        HEADS.iter().try_for_each(|head| write!(to, " {head:>9}"))?;
        write!(to, " {:>9}", "% caught")?;
        let all = self.all();
        let folders = self.folders.iter().map(|(name, counts)| (&**name, counts));
        for (name, of) in folders.chain([("all", &all)]) {
            write!(to, "\n{name:<16}")?;
            of.numbers().iter().try_for_each(|count| write!(to, " {count:>9}"))?;
            write!(to, " {:>9.1}", of.percent())?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) fn mutants() -> [Mutant; 2] {
    use super::listed::{Genre, example};
    let text = "fn a() -> u32 { 1 + 2 * 3 }";
    ["+", "*"].map(|at| example(Genre::BinaryOperator, at, text, "-"))
}

#[cfg(test)]
pub(super) fn example() -> Report {
    Report::new(&mutants(), &[(0, Fate::Caught), (1, Fate::Unreached)].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_of_those_that_tests_were_asked_about() {
        let mut counts = Counts::default();
        assert_eq!(format!("{:.1}", counts.percent()), "100.0");
        use Fate::{Caught, Elsewhere, Missed, NotTried, TimedOut, Unreached, Unviable};
        for fate in [Caught, Caught, TimedOut, Missed, Unreached, Unviable, Elsewhere, NotTried] {
            counts.count(fate);
        }
        assert_eq!(format!("{:.1}", counts.percent()), "60.0");
        assert_eq!((counts.mutants, counts.missed), (8, 2));
    }

    #[test]
    fn survivors_stand_above_a_line_for_each_folder() {
        let text = example().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "src/a.rs:1: replace * (no test reaches it)");
        assert!(lines[1].starts_with("folder") && lines[2].starts_with(". "), "{text}");
        assert!(lines[3].starts_with("all") && lines[3].ends_with(" 50.0"), "{text}");
    }
}
