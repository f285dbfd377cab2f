//! What is wrong, or hurts: one form for every command that finds something, and how it is written out.
//!
//! Invariant: a finding's code is in a table ([`codes`], or one of another command's) and means the same in every version.

mod code;
pub mod codes;
mod output;

pub use code::{Code, Severity};
pub use output::{Format, Report, Seen};

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub code: &'static Code,
    /// The file, or the address of the Envoy.
    pub file: String,
    /// Where in it: the plugin, the manifest, the cluster; empty for a file that is a document.
    pub place: String,
    /// The path in the document: `routes[0].match`; empty for all of it.
    pub path: String,
    /// The line of the file on which that begins, from 1; none where nothing tells it, as in a running Envoy.
    pub line: Option<u64>,
    /// What stands there, if that helps.
    pub value: Option<String>,
    /// What is wrong with it.
    pub problem: String,
    /// What to do about it.
    pub fix: Option<String>,
}
