//! A name that an operator writes, or the beginning of names: `_ga*`.
//!
//! Trade-off: a star stands at the end alone. That is what names of trackers' cookies and parameters need, and nobody has to guess
//! what else it could mean.

/// A name, or all names with one beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    is_open: bool,
}

impl Pattern {
    /// The pattern of this text; with `*` at its end all names that begin so.
    ///
    /// ```
    /// use switchyard_core::request_key::Pattern;
    /// assert!(Pattern::new("_ga*").matches(b"_ga_X1"));
    /// assert!(!Pattern::new("_ga").matches(b"_ga_X1"));
    /// ```
    pub fn new(text: &str) -> Self {
        let beginning = text.strip_suffix('*');
        Self { text: beginning.unwrap_or(text).into(), is_open: beginning.is_some() }
    }

    /// Whether it is a beginning, and not a name.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether `name` is meant; case counts.
    pub fn matches(&self, name: &[u8]) -> bool {
        if self.is_open { name.starts_with(self.text.as_bytes()) } else { name == self.text.as_bytes() }
    }

    /// What tells it from all others.
    pub(crate) fn bytes(&self) -> [&[u8]; 2] {
        [self.text.as_bytes(), if self.is_open { b"*" } else { b"" }]
    }
}
