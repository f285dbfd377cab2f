//! Where a source can be changed: each operator, arm, guard, struct and function, with the text that a change of it has to know.
//!
//! Invariant: what is found by the position that cargo-mutants gives is the whole expression (or arm, or body) that the change is of.
//! Trade-off: what is handed to macros is not looked into; cargo-mutants does not either.

use super::listed::{Genre, Position};
use super::walk;
use anyhow::Result;
use std::collections::BTreeMap;
use std::ops::Range;

/// A stretch of the source, in bytes.
pub(super) type Bytes = Range<usize>;

/// What a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `left == right`, of which neither is moved.
    Comparison(Bytes, Bytes),
    /// `left && right`.
    And(Bytes, Bytes),
    /// `left || right`.
    Or(Bytes, Bytes),
    /// `left + right`.
    Arithmetic(Bytes, Bytes),
    /// `left += right`.
    Assignment(Bytes, Bytes),
    /// `!operand`.
    Unary(Bytes),
    /// An arm: where its pattern ends, and its guard.
    Arm(usize, Option<Bytes>),
    /// `Name { field: value, ..base }`, with each field and what follows it until the next.
    Struct(Vec<Bytes>),
    /// What a function does; whether it gives an `impl Iterator`, and nowhere returns early.
    Body(bool),
}

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// All of it.
    pub(super) bytes: Bytes,
    /// Its operator, when it has one.
    pub(super) operator: Bytes,
    pub(super) kind: Kind,
    /// Why nothing can be woven in here.
    pub(super) refused: Option<Refused>,
}

/// Why a mutant is not woven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refused {
    /// It is computed by the compiler.
    Constant,
    /// `||` beside `let`: no compiler takes it.
    LetChain,
    /// A guard with `let` in it.
    LetGuard,
    /// An arm without which not all is matched.
    Needed,
    /// It is not part of this build: another architecture, or the fuzzer's.
    Elsewhere,
}

/// All places of a source.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<(Genre, Position), Place>);

impl Places {
    /// # Errors
    /// When the text is no Rust.
    pub(super) fn of(text: &str) -> Result<Self> {
        walk::walk(text).map(Self)
    }

    /// What is changed by a mutant of this genre at this position.
    pub(super) fn at(&self, genre: Genre, position: Position) -> Option<&Place> {
        self.0.get(&(genre, position))
    }
}
