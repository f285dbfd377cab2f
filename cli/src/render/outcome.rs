//! What rendering makes.

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its name, without a folder.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// Whether it stands by itself: what is no manifest among manifests goes into a folder, and not to standard output.
    pub is_aside: bool,
}

/// All files of a document for a platform, and what their reader should beware of, which stands at their head, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The files.
    pub files: Vec<Text>,
    /// What to beware of.
    pub warnings: Vec<String>,
}

/// Why nothing was rendered: all that the platform cannot do, each with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible(pub Vec<String>);

impl std::fmt::Display for Impossible {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Impossible {}

/// What is found on the way.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) warnings: Vec<String>,
    pub(super) impossible: Vec<String>,
}

impl Remarks {
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    pub(super) fn refuse(&mut self, text: impl Into<String>) {
        self.impossible.push(text.into());
    }

    /// What was found that hinders nothing.
    ///
    /// # Errors
    /// With what hinders, if anything does.
    pub(super) fn settle(self) -> Result<Vec<String>, Impossible> {
        if self.impossible.is_empty() { Ok(self.warnings) } else { Err(Impossible(self.impossible)) }
    }
}

/// The head of a file: these lines, then the warnings.
pub(super) fn head(lines: &[&str], warnings: &[String]) -> Vec<String> {
    let mut head: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    if !warnings.is_empty() {
        head.push(String::new());
        head.push("Beware:".to_owned());
        head.extend(warnings.iter().map(|warning| format!("- {warning}")));
    }
    head
}
