//! What a code of a finding is.

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Severity {
    /// Legal, and it hurts.
    Warning,
    /// Refused by the filters or by Envoy, or it does not work.
    Error,
}

impl Severity {
    /// `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `SY0101`: 01 files, 02 values, 03 rules of the document's sections, 04 what is legal and hurts, 05 what is around a plugin in
    /// Envoy's configuration, 06 manifests, 07 a running Envoy.
    pub id: &'static str,
    /// A few words: `unknown field`.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Its page: what it means, why it matters, what to do. Markdown.
    pub page: &'static str,
}

impl Code {
    /// Where its page is: `docs/findings.md#sy0101`.
    pub fn link(&self) -> String {
        format!("docs/findings.md#{}", self.id.to_ascii_lowercase())
    }
}
