//! The form in which a command writes its result, where it has two: lines for people, or one JSON object for programs.

use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// One JSON value, on lines of its own.
pub(crate) fn json(value: &impl Serialize, out: &mut impl Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}
