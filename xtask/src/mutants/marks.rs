//! The comments in a woven source that lead from an error of the compiler to the place that it is of.
//!
//! Invariant: they nest as places do. `/*{s4*/` begins the fourth place of a file, `/*{m7*/` the text of mutant 7, and `/*}*/` ends what began last.

use super::places::Bytes;

/// What stands between two comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// A place: its number in the file.
    Site(usize),
    /// A mutant's own text.
    Mutant(usize),
}

/// What stands between comments in a woven source; outer ones come first.
pub(super) fn marks(woven: &str) -> Vec<(Bytes, Mark)> {
    let (mut found, mut open): (Vec<(Bytes, Mark)>, Vec<usize>) = (Vec::new(), Vec::new());
    for (at, _) in woven.match_indices("/*") {
        let rest = woven.get(at + 2..).unwrap_or_default();
        if rest.starts_with("}*/") {
            if let Some((bytes, _)) = open.pop().and_then(|index| found.get_mut(index)) {
                bytes.end = at;
            }
        } else if let Some(mark) = rest.strip_prefix('{').and_then(mark) {
            open.push(found.len());
            found.push((at..at, mark));
        }
    }
    found
}

fn mark(text: &str) -> Option<Mark> {
    let (text, _) = text.split_once("*/")?;
    let number = text.get(1..)?.parse().ok()?;
    match text.get(..1)? {
        "s" => Some(Mark::Site(number)),
        "m" => Some(Mark::Mutant(number)),
        _ => None,
    }
}
