//! Files that hold Switchyard documents: the document itself, an Envoy bootstrap, resources of ECDS, manifests of Kubernetes.
//!
//! Invariant: a file is read whole or refused, with a message that names it, what is wrong and what to do; no file makes this panic or
//! take memory without bound ([`MOST_BYTES`], and the YAML reader's own budget for anchors).
//! Trade-off: which plugin is ours is told by its name, its module's file or its image, since nothing else says so (`plugins`).

mod carried;
mod elsewhere;
mod filter;
mod kind;
mod lines;
mod page;
mod plugins;
mod yaml;

pub use carried::{Carried, Plugin, Spot};
pub use elsewhere::Elsewhere;
pub use filter::Filter;
pub use kind::Kind;
pub use lines::Lines;

use anyhow::{Result, bail};
use serde_json::Value;
use std::fmt;
use std::io::Read as _;
use std::path::Path;
use switchyard_config::Document;

/// The longest file that is read.
pub const MOST_BYTES: usize = 64 << 20;

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct File {
    /// What it is called in messages: its path as it was given, or `standard input`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The YAML documents in it; one at least, but several of manifests alone.
    pub trees: Vec<Value>,
    text: String,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub file: String,
    /// What is wrong.
    pub problem: String,
    /// Of what kind that is.
    pub reason: Reason,
}

/// Of what kind the reason is for which a file was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such file, or none that can be read as text.
    Unread,
    /// What is in it is neither YAML nor JSON.
    Syntax,
    /// It holds what does not stand together.
    Several,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file, self.problem)
    }
}

impl std::error::Error for Refused {}

impl File {
    /// Reads the file at `path`, or standard input for `-`.
    ///
    /// # Errors
    /// When it cannot be read, is too long, is no text, or neither YAML nor JSON; when it holds several Switchyard documents.
    pub fn read(path: &Path) -> Result<Self, Refused> {
        let is_input = path == Path::new("-");
        let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
        let bytes = if is_input { bytes_of(std::io::stdin().lock()) } else { bytes_of_file(path) };
        let text = bytes.and_then(text).map_err(|problem| Refused {
            file: name.clone(),
            problem,
            reason: Reason::Unread,
        })?;
        Self::parse(&name, &text)
    }

    /// These trees, which are parts of something that was read before.
    pub fn of_trees(name: String, kind: Kind, trees: Vec<Value>) -> Self {
        Self { name, kind, trees, text: String::new() }
    }

    /// What this text is, of a file of this name.
    ///
    /// # Errors
    /// When it is neither YAML nor JSON, or holds several Switchyard documents.
    pub fn parse(name: &str, text: &str) -> Result<Self, Refused> {
        let refused = |reason| move |problem| Refused { file: name.to_owned(), problem, reason };
        let mut trees = yaml::trees(text, true).map_err(refused(Reason::Syntax))?;
        let kind = Kind::of(&trees).map_err(refused(Reason::Several))?;
        if matches!(kind, Kind::Bootstrap | Kind::Resources) && text.contains("<<") {
            trees = yaml::trees(text, false).map_err(refused(Reason::Syntax))?;
        }
        Ok(Self { name: name.to_owned(), kind, trees, text: text.to_owned() })
    }

    /// On which lines its parts are.
    pub fn lines(&self) -> Lines {
        Lines::of(&self.text)
    }

    /// Every Switchyard document in it, and which plugin it is the configuration of. The status page is none of these.
    pub fn documents(&self) -> Vec<Carried> {
        let mut all = self.plugins();
        all.retain(|one| !one.is_page);
        all
    }

    /// The same, and the status page, which has no document.
    pub fn plugins(&self) -> Vec<Carried> {
        plugins::all(self)
    }

    /// The plugins of ours in it whose documents come from elsewhere, as a bootstrap's do by `config_discovery`.
    pub fn elsewhere(&self) -> Vec<Elsewhere> {
        elsewhere::all(&self.trees)
    }

    /// The one document that it is, or that all its plugins have.
    ///
    /// # Errors
    /// When it holds none, several that differ, or one that is wrong: then with everything that is wrong.
    pub fn document(&self) -> Result<Document> {
        Ok(self.chosen()?.1)
    }

    /// The same, and as it is written.
    ///
    /// # Errors
    /// As [`File::document`].
    pub fn chosen(&self) -> Result<(Value, Document)> {
        let mut carried = self.documents();
        // outlier.wasm has none of its own where it takes its settings from another plugin's.
        if carried.iter().any(|one| !one.tree.is_null()) {
            carried.retain(|one| !one.tree.is_null());
        }
        if let [first, others @ ..] = carried.as_slice()
            && let Some(other) = others.iter().find(|other| other.tree != first.tree)
        {
            bail!(
                "{}: its plugins {:?} and {:?} have different documents; give the one that is meant in a file of its own",
                self.name,
                first.plugin.name,
                other.plugin.name
            );
        }
        let Some(Carried { tree, result, .. }) = carried.into_iter().next() else {
            bail!("{}: no Switchyard plugin in this {}, so there is no document", self.name, self.kind);
        };
        let document =
            result.map_err(|errors| anyhow::anyhow!("{}: {} errors\n{errors}", self.name, errors.total()))?;
        Ok((tree, document))
    }
}

/// What is in the file at `path`, whatever it is.
///
/// # Errors
/// When it cannot be read, or is longer than [`MOST_BYTES`]: what is wrong, without its name.
pub fn bytes_of_file(path: &Path) -> Result<Vec<u8>, String> {
    if path.is_dir() {
        return Err("is a folder; name the files in it".to_owned());
    }
    bytes_of(std::fs::File::open(path).map_err(|error| error.to_string())?)
}

fn bytes_of(reader: impl std::io::Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > MOST_BYTES {
        return Err(format!("is longer than {} MiB, the most that is read", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    match bytes.as_slice() {
        [0, b'a', b's', b'm', ..] => {
            return Err("is a WebAssembly module; name the document that it gets".to_owned());
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, _, 0, ..] | [0, _, 0, _, ..] => {
            return Err("is UTF-16; save it as UTF-8".to_owned());
        }
        _ => {}
    }
    match String::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            Some(position) => Err(format!("is no text: byte {position} is 0")),
            None => Ok(text),
        },
        Err(error) => Err(format!("is no text: byte {} is not UTF-8", error.utf8_error().valid_up_to())),
    }
}

#[cfg(test)]
mod tests;
