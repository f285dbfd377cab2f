//! The numbers of a line of Markdown, each with the comment directly behind it.
//!
//! What stands in code, in comments and in the targets of links is not read. A number is digits with commas and points among them; a digit behind
//! a letter is part of a name (`p99`), one with two points is a version (`1.40.0`), and a day is a day (`2026-11-29`).
//! Trade-off: numbers in words are not seen. Counts of things may be in words; what was measured may not.

use super::stored::is_date;
use std::ops::Range;

/// A number and what is said of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// Where it stands.
    pub(super) at: Range<usize>,
    /// What stands in the comment behind it.
    pub(super) comment: Option<String>,
    /// Which cell it stands in, in a row of a table; what stands before the first bar is none.
    pub(super) cell: usize,
}

/// What a line holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) numbers: Vec<Number>,
    /// Comments that stand behind no number.
    pub(super) strays: Vec<String>,
}

impl Line {
    /// Reads a line outside blocks of code.
    pub(super) fn of(text: &str) -> Self {
        let mut line = Self::default();
        let (mut at, mut cell) = (0, 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            at += match rest.chars().next() {
                Some('`') => code(rest),
                Some('<') if rest.starts_with("<!--") => line.comment(rest, at),
                Some(']') if rest.starts_with("](") => rest.find(')').map_or(rest.len(), |end| end + 1),
                Some(letter) if letter.is_alphabetic() || letter == '_' => name(rest),
                Some(letter) if letter.is_ascii_digit() => line.number(text, at, cell),
                Some('\\') => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
                Some('|') => {
                    cell += 1;
                    1
                }
                Some(letter) => letter.len_utf8(),
                None => break,
            };
        }
        line
    }

    /// Takes a comment in; how long it is.
    fn comment(&mut self, rest: &str, at: usize) -> usize {
        let end = rest.find("-->").unwrap_or(rest.len());
        let inside = rest.get("<!--".len()..end).unwrap_or_default().trim().to_owned();
        match self.numbers.last_mut() {
            Some(number) if number.at.end == at => number.comment = Some(inside),
            _ => self.strays.push(inside),
        }
        (end + "-->".len()).min(rest.len())
    }

    /// Takes a number in; how long it is.
    fn number(&mut self, text: &str, at: usize, cell: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let run = rest.find(|letter: char| !letter.is_ascii_digit() && !".,-".contains(letter));
        let run = rest.get(..run.unwrap_or(rest.len())).unwrap_or_default().trim_end_matches(['.', ',', '-']);
        let number = run.split('-').next().unwrap_or_default().trim_end_matches(['.', ',']);
        if is_date(run) {
            return run.len();
        }
        if number.matches('.').count() < 2 {
            // A minus belongs to the number if nothing stands before it.
            let before = text.get(..at).unwrap_or_default();
            let is_minus =
                before.strip_suffix('-').is_some_and(|rest| rest.is_empty() || rest.ends_with([' ', '(']));
            let from = at - usize::from(is_minus);
            self.numbers.push(Number { at: from..at + number.len(), comment: None, cell });
        }
        number.len()
    }
}

/// How long the code is that begins here; one backtick if it does not end.
fn code(rest: &str) -> usize {
    let ticks = rest.find(|letter| letter != '`').unwrap_or(rest.len());
    let (fence, after) = rest.split_at(ticks);
    after.find(fence).map_or(ticks, |end| ticks + end + ticks)
}

/// How long the name is that begins here.
fn name(rest: &str) -> usize {
    rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<(String, Option<String>, usize)> {
        let line = Line::of(text);
        let shown = |number: Number| (text[number.at.clone()].to_owned(), number.comment, number.cell);
        line.numbers.into_iter().map(shown).collect()
    }

    fn plain(text: &str) -> Vec<String> {
        numbers(text).into_iter().map(|(number, _, _)| number).collect()
    }

    #[test]
    fn numbers_have_commas_points_and_units_and_names_versions_days_code_and_links_are_none() {
        assert_eq!(plain("from 500 to 1,500, or 0.25 ms, 2.5."), ["500", "1,500", "0.25", "2.5"]);
        assert_eq!(
            plain("plain 500s, 10ms, 20%, (3), -1.5 and 4-5"),
            ["500", "10", "20", "3", "-1.5", "4", "5"]
        );
        assert_eq!(plain("p99 of x_1, Envoy 1.40.0 on 2026-11-29, `2 of 3`, ``4 ` 5``"), [""; 0]);
        assert_eq!(plain("[in 7](a.md#1-what) <!-- 8 --> a ` 9"), ["7", "9"]);
        assert_eq!(plain("é1 µ2 3é"), ["3"]);
    }

    #[test]
    fn a_comment_belongs_to_the_number_that_it_touches() {
        let text = "| 1 | **2.5<!-- a:b .1 -->** ms, 3 <!-- c -->, 4<!-- given -->| \\| 5";
        let comment = |text: &str| Some(text.to_owned());
        let expected = [
            ("1".to_owned(), None, 1),
            ("2.5".to_owned(), comment("a:b .1"), 2),
            ("3".to_owned(), None, 2),
            ("4".to_owned(), comment("given"), 2),
            ("5".to_owned(), None, 3),
        ];
        assert_eq!(numbers(text), expected);
        assert_eq!(Line::of(text).strays, ["c"]);
        assert_eq!(Line::of("none<!-- a:b -->").strays, ["a:b"]);
    }
}
