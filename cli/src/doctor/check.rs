//! What the doctor says of one thing.

use crate::finding::Code;
use std::fmt;

/// The most that is said of one check: the rest is counted.
const MOST_TROUBLES: usize = 20;

/// What checks are about, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Envoy and its version.
    Envoy,
    /// Our modules in it.
    Modules,
    /// Their configurations.
    Documents,
    /// What requests need to go where a document sends them.
    Steering,
    /// Who is there.
    Endpoints,
    /// How they are, and the filters.
    Health,
    /// What a graph can show.
    Observability,
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Envoy => "Reaching Envoy",
            Self::Modules => "Modules",
            Self::Documents => "Documents",
            Self::Steering => "Steering",
            Self::Endpoints => "Endpoints",
            Self::Health => "Health",
            Self::Observability => "Observability",
        })
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing is wrong.
    Good,
    /// Worth knowing, or not to be seen from here.
    Note,
    /// It works, and it hurts.
    Warning,
    /// It does not work.
    Bad,
}

impl Verdict {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One line of the doctor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is about.
    pub group: Group,
    /// What was checked.
    pub code: &'static Code,
    /// How it came out.
    pub verdict: Verdict,
    /// What was seen.
    pub said: String,
    /// What to do next; empty where there is nothing to do.
    pub next: String,
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    verdict: Verdict,
    said: String,
    next: String,
}

impl Trouble {
    /// It does not work.
    pub(super) fn bad(said: impl Into<String>, next: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, said: said.into(), next: next.into() }
    }

    /// It works, and it hurts.
    pub(super) fn warning(said: impl Into<String>, next: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, ..Self::bad(said, next) }
    }

    /// Worth knowing.
    pub(super) fn note(said: impl Into<String>, next: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, ..Self::bad(said, next) }
    }
}

/// What one check comes to: a line for each trouble, or the one that all is `good`.
pub(super) fn checked(
    group: Group,
    code: &'static Code,
    good: impl Into<String>,
    mut troubles: Vec<Trouble>,
) -> Vec<Check> {
    if troubles.is_empty() {
        troubles.push(Trouble { verdict: Verdict::Good, said: good.into(), next: String::new() });
    }
    let more = troubles.len().saturating_sub(MOST_TROUBLES);
    let check = |trouble: Trouble| Check {
        group,
        code,
        verdict: trouble.verdict,
        said: trouble.said,
        next: trouble.next,
    };
    // The worst first, so that what is left out is not the worst.
    troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.verdict));
    let mut checks: Vec<_> = troubles.into_iter().take(MOST_TROUBLES).map(check).collect();
    if let Some(last) = checks.last_mut().filter(|_| more > 0) {
        last.said.push_str(&format!("; and {more} more of this kind"));
    }
    checks
}

/// `a, b, c and 4 more`.
pub(super) fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    const MOST: usize = 3;
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let shown = items.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 plugin`, `2 plugins`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    const CODE: Code = Code { id: "SY0000", title: "", severity: Severity::Error, page: "" };

    #[test]
    fn no_trouble_is_one_good_line_and_many_are_counted() {
        let good = checked(Group::Health, &CODE, "fine", Vec::new());
        assert_eq!((good.len(), good[0].verdict, good[0].said.as_str()), (1, Verdict::Good, "fine"));
        let mut troubles = vec![Trouble::note("n", ""); 25];
        troubles.push(Trouble::bad("b", "do"));
        let many = checked(Group::Health, &CODE, "fine", troubles);
        assert_eq!((many.len(), many[0].verdict), (20, Verdict::Bad));
        assert_eq!(many[19].said, "n; and 6 more of this kind");
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(list(["a", "b"]), "a, b");
        assert_eq!(list(1..=7), "1, 2, 3 and 4 more");
        assert_eq!((count(1, "plugin"), count(2, "plugin")), ("1 plugin".to_owned(), "2 plugins".to_owned()));
    }
}
