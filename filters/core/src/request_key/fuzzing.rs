//! What of a request counts, for the targets of `cargo fuzz` to look at.
//!
//! Trade-off: a door to what is otherwise nobody's business; it is there with the feature `fuzzing` alone.

use super::{KeyRules, Pattern, cookies};

/// What counts of a line of cookies.
pub fn cookies(line: &[u8], ignored: &[Pattern]) -> Vec<u8> {
    cookies::counting(line, ignored).into_owned()
}

/// What counts of a path with its query.
pub fn target(rules: &KeyRules, target: &[u8]) -> Vec<u8> {
    rules.target(target).into_owned()
}
