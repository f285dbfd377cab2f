//! What was found, before it is said in which file.

use crate::finding::{Code, Finding};
use serde_json::Value;

/// The longest value that is shown, in characters.
const SHOWN: usize = 80;

/// A finding somewhere in a document or in what is around it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    code: &'static Code,
    path: String,
    value: Option<String>,
    problem: String,
    fix: Option<String>,
}

impl Found {
    pub(super) fn new(code: &'static Code, path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { code, path: path.into(), value: None, problem: problem.into(), fix: None }
    }

    /// With what is to be done.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// With the value that stands there; lists and objects are too much to show.
    pub(super) fn value(mut self, value: Option<&Value>) -> Self {
        let scalar = value.filter(|value| !value.is_array() && !value.is_object());
        self.value = scalar.map(|value| cut(&value.to_string()));
        self
    }

    /// As a finding of this file.
    pub(super) fn in_file(self, file: &str, place: &str) -> Finding {
        Finding {
            code: self.code,
            file: file.to_owned(),
            place: place.to_owned(),
            path: self.path,
            line: None,
            value: self.value,
            problem: self.problem,
            fix: self.fix,
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
