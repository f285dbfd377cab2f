//! `switchyard explain`.

use crate::Exit;
use anyhow::{Result, bail};
use std::io::Write;

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// When it cannot do its work.
pub fn run(_arguments: &Arguments, _out: &mut impl Write) -> Result<Exit> {
    bail!("this is not there yet")
}
