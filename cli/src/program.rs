//! What the program says of itself: the document's JSON Schema, completions for shells, its man page.

use crate::{Arguments, Exit};
use anyhow::Result;
use clap::CommandFactory as _;
use std::io::Write;

/// The JSON Schema of the document.
pub(crate) fn schema(out: &mut impl Write) -> Result<Exit> {
    write!(out, "{}", switchyard_config::schema_json())?;
    Ok(Exit::Good)
}

/// What makes a shell complete the program's arguments.
pub(crate) fn completions(shell: clap_complete::Shell, out: &mut impl Write) -> Result<Exit> {
    // The generator panics where its writer fails.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "switchyard", &mut text);
    out.write_all(&text)?;
    Ok(Exit::Good)
}

/// The man page, in roff.
pub(crate) fn man(out: &mut impl Write) -> Result<Exit> {
    clap_mangen::Man::new(Arguments::command()).render(out)?;
    Ok(Exit::Good)
}
