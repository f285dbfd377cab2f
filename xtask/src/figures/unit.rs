//! A page in units: paragraphs, list items, rows of tables, headings. Blocks of code and the generated table are in none.
//!
//! Trade-off: not all of Markdown, only what the documentation has: no indented code, no setext headings, each row of a table on one line that
//! begins with a bar.

use super::measured;
use std::ops::Range;

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Item,
    /// Of a table, below its head.
    Row,
    /// A table's first row, or the line under it.
    Head,
    Heading,
}

/// Lines that belong together, by their index.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    pub(super) lines: Range<usize>,
}

impl Unit {
    /// Its lines, out of those of the page.
    pub(super) fn text<'a>(&self, lines: &[&'a str]) -> impl Iterator<Item = &'a str> {
        lines.get(self.lines.clone()).unwrap_or_default().to_vec().into_iter()
    }
}

/// The units of a page, in order.
pub(super) fn units(text: &str) -> Vec<Unit> {
    let lines: Vec<&str> = text.split('\n').collect();
    let (mut units, mut is_open) = (Vec::<Unit>::new(), false);
    // What ends what is skipped.
    let mut until: Option<&str> = None;
    for (index, line) in lines.iter().enumerate() {
        let (line, next) = (line.trim(), lines.get(index + 1).map_or("", |line| line.trim()));
        let skipped = until.or(if line.starts_with("```") {
            Some("```")
        } else if line.starts_with(measured::BEGIN) {
            Some(measured::END)
        } else {
            None
        });
        if let Some(end) = skipped {
            let is_end = until.is_some() && line.starts_with(end);
            (until, is_open) = (skipped.filter(|_| !is_end), false);
            continue;
        }
        let kind = kind(line, next);
        match (kind, units.last_mut()) {
            (Kind::Text, Some(last)) if is_open && !line.is_empty() => last.lines.end = index + 1,
            _ if !line.is_empty() => units.push(Unit { kind, lines: index..index + 1 }),
            _ => {}
        }
        is_open = !line.is_empty() && matches!(kind, Kind::Text | Kind::Item);
    }
    units
}

/// What a line begins, unless it goes on with what was begun.
fn kind(line: &str, next: &str) -> Kind {
    let is_rule = |line: &str| line.starts_with('|') && line.chars().all(|letter| "|-: ".contains(letter));
    let after_digits = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if line.starts_with('#') {
        Kind::Heading
    } else if is_rule(line) && line.contains('-')
        || line.starts_with('|') && is_rule(next) && next.contains('-')
    {
        Kind::Head
    } else if line.starts_with('|') {
        Kind::Row
    } else if line.starts_with("- ") || after_digits != line && after_digits.starts_with(". ") {
        Kind::Item
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_falls_into_its_units() {
        let page = "# A\n\none\nand on\n\n- two\n  and on\n- three\n1. four\n\n| a | b |\n| --- | --- |\n| c | d |\n\n```\nno\n\n| no |\n```\n\
                    five\n\n<!-- measured -->\n\nno\n\n<!-- /measured -->\n\nsix";
        let lines: Vec<&str> = page.split('\n').collect();
        let found: Vec<_> =
            units(page).iter().map(|unit| (unit.kind, unit.text(&lines).collect::<Vec<_>>())).collect();
        let expected = [
            (Kind::Heading, vec!["# A"]),
            (Kind::Text, vec!["one", "and on"]),
            (Kind::Item, vec!["- two", "  and on"]),
            (Kind::Item, vec!["- three"]),
            (Kind::Item, vec!["1. four"]),
            (Kind::Head, vec!["| a | b |"]),
            (Kind::Head, vec!["| --- | --- |"]),
            (Kind::Row, vec!["| c | d |"]),
            (Kind::Text, vec!["five"]),
            (Kind::Text, vec!["six"]),
        ];
        assert_eq!(found, expected);
    }
}
