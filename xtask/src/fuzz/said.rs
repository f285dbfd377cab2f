//! What libFuzzer says of a run, and the table of all of them.
//!
//! Source: its status lines (`#2048 pulse cov: 334 ft: 1234 corp: 12/345b lim: 4 exec/s: 1024 rss: 30Mb`) and final statistics
//! (`stat::number_of_executed_units: 2048`).

use std::fmt::Write as _;

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) target: String,
    pub(super) runs: u64,
    pub(super) per_second: u64,
    /// Edges of the program that some input reached.
    pub(super) coverage: u64,
    /// Inputs that reach something of their own, and their bytes as libFuzzer writes them.
    pub(super) corpus: String,
    /// The input that made it panic, take too long or too much memory.
    pub(super) crash: Option<String>,
}

impl Said {
    pub(super) fn of(target: &str, text: &str) -> Self {
        let mut said = Self { target: target.to_owned(), ..Self::default() };
        for line in text.lines() {
            if let Some(path) = line.split_once("Test unit written to ") {
                said.crash = Some(path.1.trim().to_owned());
            }
            if let Some(runs) = line.strip_prefix("stat::number_of_executed_units:") {
                said.runs = runs.trim().parse().unwrap_or(said.runs);
            }
            if let Some(rest) = line.strip_prefix('#') {
                said.take(rest);
            }
        }
        said
    }

    /// Takes in a status line.
    fn take(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |text: Option<&&str>| text.and_then(|text| text.parse().ok());
        let Some(runs) = number(words.first()) else { return };
        self.runs = self.runs.max(runs);
        for pair in words.windows(2) {
            match pair {
                ["cov:", value] => self.coverage = number(Some(value)).unwrap_or(self.coverage),
                ["exec/s:", value] => self.per_second = number(Some(value)).unwrap_or(self.per_second),
                ["corp:", value] => self.corpus = (*value).to_owned(),
                _ => {}
            }
        }
    }
}

/// A line for each.
pub(super) fn table(all: &[Said]) -> String {
    let mut text =
        format!("{:<18} {:>12} {:>8} {:>14} {:>9}  crash\n", "target", "runs", "per s", "corpus", "coverage");
    for said in all {
        let crash = said.crash.as_deref().unwrap_or("none");
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<18} {:>12} {:>8} {:>14} {:>9}  {crash}",
            said.target, said.runs, said.per_second, said.corpus, said.coverage
        );
    }
    let runs: u64 = all.iter().map(|said| said.runs).sum();
    let _ = write!(text, "{:<18} {runs:>12}", "all");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "INFO: seed corpus: files: 7\n#7\tINITED cov: 215 ft: 301 corp: 7/41b exec/s: 0 rss: 30Mb\n\
        #116887\tDONE   cov: 216 ft: 333 corp: 36/259b lim: 21 exec/s: 23377 rss: 84Mb\nDone 116887 runs in 5 second(s)\n\
        stat::number_of_executed_units: 116887\n";

    #[test]
    fn the_last_status_and_the_statistics_count() {
        let said = Said::of("times", WELL);
        let expected = Said {
            target: "times".to_owned(),
            runs: 116_887,
            per_second: 23_377,
            coverage: 216,
            corpus: "36/259b".to_owned(),
            crash: None,
        };
        assert_eq!(said, expected);
        let table = table(&[said.clone(), said]);
        assert!(table.ends_with("233774") && table.lines().count() == 4, "{table}");
    }

    #[test]
    fn a_crash_is_named() {
        let text = "#3\tINITED cov: 1 ft: 1 corp: 1/1b exec/s: 0 rss: 30Mb\nartifact_prefix='a/'; Test unit written to a/crash-12\n";
        let said = Said::of("json", text);
        assert_eq!((said.crash.as_deref(), said.runs), (Some("a/crash-12"), 3));
        assert!(table(&[said]).contains("a/crash-12"));
    }
}
