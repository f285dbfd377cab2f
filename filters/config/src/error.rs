//! What is wrong with a document: where, what stands there, and what to write instead.
//!
//! Invariant: all errors of a document are reported together, up to [`MAX_LISTED`]; a bad field never hides
//! another.

use core::fmt;
use serde_json::Value;

/// How many errors are listed; the rest are counted.
pub const MAX_LISTED: usize = 100;

/// How much of a value an error shows, in characters.
const SHOWN: usize = 60;

/// How many known words are compared with an unknown one.
const COMPARED: usize = 1000;

/// What kind of thing is wrong; `switchyard check` has a code for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The document as a whole cannot be read.
    Unreadable,
    /// A field that there is not.
    UnknownField,
    /// A value of another type than the field's.
    WrongType,
    /// A field that must be there is not.
    Missing,
    /// A number, a duration or a size outside of what the field takes.
    OutOfRange,
    /// What may stand there once stands there again.
    Duplicate,
    /// A name that nothing in the document has.
    UnknownName,
    /// A rule of the section is broken.
    Rule,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What kind of thing.
    pub fault: Fault,
    /// Where: `upstreams[0].balance.table_size`; empty for the document itself.
    pub path: String,
    /// What, and what to do about it.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "document" } else { &self.path };
        write!(formatter, "{path}: {}", self.problem)
    }
}

/// Everything that is wrong with a document; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    listed: Vec<ConfigError>,
    total: usize,
}

impl ConfigErrors {
    /// The errors, at most [`MAX_LISTED`], in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.listed.iter()
    }

    /// How many there are, listed or not.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The one error of a document that cannot be read at all.
    pub fn unreadable(problem: String) -> Self {
        Self {
            listed: vec![ConfigError { fault: Fault::Unreadable, path: String::new(), problem }],
            total: 1,
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.listed.iter().enumerate() {
            let separator = if position == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{error}")?;
        }
        match self.total - self.listed.len() {
            0 => Ok(()),
            more => write!(formatter, "\nand {more} more"),
        }
    }
}

impl core::error::Error for ConfigErrors {}

/// Collects errors while a document is read.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    listed: Vec<ConfigError>,
    total: usize,
}

impl Errors {
    /// A rule of the section that is broken.
    pub(crate) fn add(&mut self, at: &Path<'_>, problem: impl Into<String>) {
        self.add_as(Fault::Rule, at, problem);
    }

    pub(crate) fn add_as(&mut self, fault: Fault, at: &Path<'_>, problem: impl Into<String>) {
        self.add_with(fault, at, || problem.into());
    }

    /// For a problem whose words cost more than their length: they are found only if they are listed.
    pub(crate) fn add_with(&mut self, fault: Fault, at: &Path<'_>, problem: impl FnOnce() -> String) {
        if self.count() {
            self.listed.push(ConfigError { fault, path: at.to_string(), problem: problem() });
        }
    }

    /// Counts one more; whether it is to be listed.
    fn count(&mut self) -> bool {
        self.total += 1;
        self.listed.len() < MAX_LISTED
    }

    /// `value` if nothing was wrong.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.total == 0 => Ok(value),
            // Every `None` comes with an error; should one ever not, this says so rather than panic.
            None if self.total == 0 => Err(ConfigErrors::unreadable("cannot be resolved".to_owned())),
            _ => Err(ConfigErrors { listed: self.listed, total: self.total }),
        }
    }
}

/// Where a value stands; a list on the stack, written out only when there is something to say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    pub(crate) fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            // Keys are the writer's: a line break in one must not make a log line of its own.
            Path::Field(Path::Root, name) => write!(formatter, "{}", cut(name).escape_debug()),
            Path::Field(parent, name) => write!(formatter, "{parent}.{}", cut(name).escape_debug()),
            Path::Index(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}

/// A value as an error shows it: JSON, cut to a length that a log line bears.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(fields) => format!("an object of {} fields", fields.len()),
        Value::String(text) => format!("{:?}", cut(text)),
        // A whole double is shown as it was written, `0` and not `0.0`.
        Value::Number(number) => {
            match number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15) {
                Some(whole) => (whole as i64).to_string(),
                None => number.to_string(),
            }
        }
        other => other.to_string(),
    }
}

pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// `; did you mean "x"?` if one of `known` is near `word`, else nothing. Long words and all but the first
/// [`COMPARED`] are not compared, so that a long document is refused as fast as it is read.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let lower = cut(word).to_ascii_lowercase();
    let near = known
        .into_iter()
        .take(COMPARED)
        .filter(|name| name.len() <= SHOWN)
        .map(|name| (strsim::osa_distance(&lower, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4 && *distance < name.len())
        .min();
    near.map(|(_, name)| format!("; did you mean {name:?}?")).unwrap_or_default()
}
