//! `switchyard diff`: what another document does differently.
//!
//! Invariants: a document and itself differ in nothing; what may hurt is told first ([`Difference`]). What is compared is what documents do:
//! requests are sent through both (`samples`), keys are hashed with both (`keys`), and only then are settings compared as they are written.
//! Trade-off: requests are those that the conditions of both documents suggest, not all that there are.

mod difference;
mod endpoints;
mod keys;
mod pairs;
mod requests;
mod samples;
mod settings;
mod text;

pub use difference::Difference;
pub use endpoints::EndpointChange;
pub use keys::MovedKeys;
pub use requests::Rerouted;
pub use settings::{Setting, SettingChange};

use crate::decision::{GivenEndpoints, Prepared};
use crate::source::File;
use crate::{Exit, Output, output};
use anyhow::{Result, bail};
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  switchyard diff old.yaml new.yaml
  git show HEAD:switchyard.yaml | switchyard diff - switchyard.yaml
  switchyard diff old.yaml new.yaml --endpoints checkout=10.0.0.1:8080,10.0.0.2:8080 --output json

Told in this order: requests that go elsewhere, keys that move, endpoints, what was taken out, settings, what was added.
Exit codes: 0 no difference, 1 some, 2 the command could not do its work.";

/// What it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The document that serves now, or a file that carries one; - for standard input.
    pub old: PathBuf,
    /// The one that is to take its place.
    pub new: PathBuf,
    /// The endpoints of an upstream that gets them from elsewhere: NAME=ip:port,ip:port. In both documents. May be repeated.
    #[arg(long, value_name = "UPSTREAM=LIST")]
    pub endpoints: Vec<GivenEndpoints>,
    /// How many keys are hashed to see which move.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub keys: u32,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Runs it.
///
/// # Errors
/// When a file cannot be read, or a document is wrong.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit> {
    if arguments.old == Path::new("-") && arguments.new == Path::new("-") {
        bail!("both documents are standard input; give one of them as a file");
    }
    let files = [File::read(&arguments.old)?, File::read(&arguments.new)?];
    for given in &arguments.endpoints {
        let has = |file: &File| {
            Ok::<_, anyhow::Error>(
                file.document()?.upstreams().iter().any(|one| one.name() == given.upstream),
            )
        };
        let [old, new] = &files;
        if !has(old)? && !has(new)? {
            bail!("endpoints were given for {:?}, which is an upstream of neither document", given.upstream);
        }
    }
    let [old, new] = &files;
    let (old, new) = (prepared(old, &arguments.endpoints)?, prepared(new, &arguments.endpoints)?);
    let difference = Difference::between(&old, &new, arguments.keys)?;
    match arguments.output {
        Output::Text => text::write(&difference, out)?,
        Output::Json => output::json(&difference, out)?,
    }
    Ok(if difference.is_empty() { Exit::Good } else { Exit::Found })
}

/// A file's document with those of these endpoints that are its.
fn prepared(file: &File, endpoints: &[GivenEndpoints]) -> Result<Prepared> {
    let document = file.document()?;
    let is_known =
        |given: &&GivenEndpoints| document.upstreams().iter().any(|one| one.name() == given.upstream);
    let own: Vec<_> = endpoints.iter().filter(is_known).cloned().collect();
    Prepared::of_file(file, &own, None)
}

#[cfg(test)]
mod tests;
