//! The figures of one page: made anew, and found where a mark is wrong or missing.
//!
//! Where every number must have a mark: in docs/benchmarks.md; elsewhere in a paragraph, list item or row that names `cargo xtask bench` or
//! benchmarks.md, and in the list or table right under such a paragraph. Not in headings, the first row and the first column of a table, and what
//! `line` does not read; and not in CHANGELOG.md, which says what was measured then.

use super::line::{Line, Number};
use super::mark::Mark;
use super::measured;
use super::stored::All;
use super::unit::{Kind, Unit, units};

/// The page that is about nothing else.
const FIGURES: &str = "docs/benchmarks.md";
const HISTORY: &str = "CHANGELOG.md";
const NAMES: [&str; 2] = ["cargo xtask bench", "benchmarks.md"];

/// The page with its figures as they are stored, and the marks that lead nowhere, by line.
pub(super) fn rewritten(text: &str, stored: &All) -> (String, Vec<String>) {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut wrong = Vec::new();
    for index in units(text).into_iter().flat_map(|unit| unit.lines) {
        let Some(line) = lines.get_mut(index) else { continue };
        // From the last one on, so that those before it stay where they are.
        for number in Line::of(line).numbers.iter().rev() {
            match number.comment.as_deref().map(|comment| shown(comment, stored)) {
                Some(Ok(Some(new))) => line.replace_range(number.at.clone(), &new),
                Some(Err(problem)) => wrong.push(format!("{}: {problem}", index + 1)),
                Some(Ok(None)) | None => {}
            }
        }
    }
    (measured::renewed(&lines.join("\n"), stored), wrong)
}

/// What a comment behind a number wants to stand there; nothing for what is given.
fn shown(comment: &str, stored: &All) -> Result<Option<String>, String> {
    match Mark::read(comment)? {
        Mark::Given => Ok(None),
        Mark::Figure(figure) => figure.text(stored).map(Some),
    }
}

/// What is wrong with the figures of the page of this name, by line.
pub(super) fn wrong(name: &str, text: &str, stored: &All) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut is_under = false;
    let lines: Vec<&str> = text.split('\n').collect();
    for unit in units(text) {
        let names = unit.text(&lines).any(|line| NAMES.iter().any(|name| line.contains(name)));
        let is_bound = names || name == FIGURES || is_under && matches!(unit.kind, Kind::Item | Kind::Row);
        match unit.kind {
            Kind::Text => is_under = names,
            Kind::Heading => is_under = false,
            Kind::Item | Kind::Row | Kind::Head => {}
        }
        let is_bound = is_bound && name != HISTORY;
        for (index, line) in unit.lines.clone().zip(unit.text(&lines)) {
            let problems = of_line(&unit, line, is_bound, stored);
            wrong.extend(problems.into_iter().map(|problem| format!("{}: {problem}", index + 1)));
        }
    }
    if measured::renewed(text, stored) != text {
        wrong.push(
            "1: the table of what was measured when is not current; run cargo xtask figures".to_owned(),
        );
    }
    wrong
}

fn of_line(unit: &Unit, text: &str, is_bound: bool, stored: &All) -> Vec<String> {
    let line = Line::of(text);
    let strays = line.strays.iter().filter(|stray| Mark::read(stray).is_ok());
    let mut wrong: Vec<_> = strays.map(|stray| format!("`{stray}` stands behind no number")).collect();
    for number in &line.numbers {
        let have = text.get(number.at.clone()).unwrap_or_default();
        match number.comment.as_deref().map(|comment| shown(comment, stored)) {
            Some(Err(problem)) => wrong.push(problem),
            Some(Ok(Some(want))) if want != have => {
                wrong.push(format!("{have} should be {want}; run cargo xtask figures"));
            }
            None if is_bound && needs_mark(unit, text, number) => {
                wrong.push(format!("{have} has no mark: a figure or given (CONTRIBUTING.md)"));
            }
            Some(Ok(_)) | None => {}
        }
    }
    wrong
}

/// Whether a number of a unit in which numbers have marks must have one.
fn needs_mark(unit: &Unit, text: &str, number: &Number) -> bool {
    match unit.kind {
        Kind::Heading | Kind::Head => false,
        Kind::Row => number.cell > 1,
        Kind::Text => true,
        // The number of an item is not one of its text's.
        Kind::Item => {
            let (before, after) = (text.get(..number.at.start), text.get(number.at.end..));
            !(before.is_some_and(|before| before.trim().is_empty())
                && after.is_some_and(|after| after.starts_with(". ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::stored::example;

    fn stored() -> All {
        example("chain", r#"{"ratio": 0.731, "rate": {"a": 31577.4}}"#)
    }

    #[test]
    fn figures_are_made_anew_and_nothing_else_is_and_then_all_is_well() {
        let page = "# 1<!-- chain:rate.a -->\n\n| a 1 | b 2 |\n| --- | --- |\n| c 3 | 4<!-- chain:rate.a --> of 5<!-- given --> |\n\n\
                    0.1<!-- chain:ratio .2 --> and 7<!-- chain:rate.a --> `8<!-- chain:ratio -->`\n\n```\n9<!-- chain:ratio -->\n```\n";
        let (new, wrong) = rewritten(page, &stored());
        assert_eq!(wrong, [""; 0]);
        let expected = page.replace("# 1<", "# 31,577<").replace("| 4<", "| 31,577<");
        let expected = expected
            .replace("0.1<", "0.73<")
            .replace("7<!-- chain:rate.a --> `", "31,577<!-- chain:rate.a --> `");
        assert_eq!(new, expected);
        assert_eq!(rewritten(&new, &stored()), (new.clone(), vec![]));
        assert_eq!(super::wrong(FIGURES, &new, &stored()), [""; 0]);
        let before = super::wrong(FIGURES, page, &stored());
        assert!(before[0].starts_with("1: 1 should be 31,577; run cargo xtask figures"), "{before:?}");
        assert_eq!(before.len(), 4);
    }

    #[test]
    fn a_mark_that_leads_nowhere_or_marks_nothing_is_said_with_its_line() {
        let page = "a\n\n1<!-- chain:x -->\n2<!-- todo -->\nnone<!-- chain:ratio -->\n";
        let (same, wrong) = rewritten(page, &stored());
        assert_eq!(same, page);
        assert_eq!(wrong[0], "3: docs/figures/chain.json has no number x");
        let found = super::wrong("docs/a.md", page, &stored());
        assert!(found[1].starts_with("4: `todo` is no mark"), "{found:?}");
        assert_eq!(found[2], "5: `chain:ratio` stands behind no number");
    }

    #[test]
    fn where_figures_are_every_number_has_a_mark() {
        let page =
            "# A 1\n\n| a 2 | 3 |\n| --- | --- |\n| p99 of 4 | 5 µs, `6` |\n\nSeven, 8.\n\n1. nine 10\n";
        let lines = |wrong: Vec<String>| -> Vec<String> {
            wrong.iter().map(|problem| problem.split(" has").next().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(lines(super::wrong(FIGURES, page, &stored())), ["5: 5", "7: 8", "9: 10"]);
        assert_eq!(super::wrong("docs/a.md", page, &stored()), [""; 0]);
        // Beside a benchmark's name, and in what stands right under it.
        let page = "As `cargo xtask bench chain`\ngives it: 1.\n\n- 2\n- 3\n\n| a | b |\n| --- | --- |\n| 4 | 5 |\n\nNot 6.\n\n- nor 7\n\
                    - but 8 ([why](benchmarks.md#a))\n- nor 9\n";
        let found = ["2: 1", "4: 2", "5: 3", "9: 5", "14: 8"];
        assert_eq!(lines(super::wrong("docs/a.md", page, &stored())), found);
        assert_eq!(super::wrong(HISTORY, page, &stored()), [""; 0]);
    }

    #[test]
    fn the_table_of_what_was_measured_when_is_not_read_as_figures() {
        let page = format!("a\n\n{}\n{}\n", measured::BEGIN, measured::END);
        assert!(super::wrong(FIGURES, &page, &stored())[0].contains("not current"));
        let (new, _) = rewritten(&page, &stored());
        assert_eq!(super::wrong(FIGURES, &new, &stored()), [""; 0]);
    }
}
