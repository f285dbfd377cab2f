//! Reads a tree field by field; what is wrong is gathered, each with its path.
//!
//! Invariant: every field of an object is asked for by its name, or is an error when the object is done with.

use serde_json::{Map, Value};
use std::cell::RefCell;

/// Everything that is wrong with a file.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<String>>);

impl Problems {
    /// Adds one.
    pub(super) fn add(&self, path: &str, problem: impl AsRef<str>) {
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        self.0.borrow_mut().push(format!("{path}{}", problem.as_ref()));
    }

    /// All of them, in the order that they were found in.
    pub(super) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// An object that is being read.
pub(super) struct Fields<'a> {
    path: String,
    fields: Option<&'a Map<String, Value>>,
    asked: Vec<&'static str>,
    problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// The fields of what stands at this path.
    pub(super) fn of(value: &'a Value, path: &str, problems: &'a Problems) -> Self {
        let fields = value.as_object();
        if fields.is_none() {
            problems.add(path, format!("{} is no object with fields", shown(value)));
        }
        Self { path: path.to_owned(), fields, asked: Vec::new(), problems }
    }

    /// The path of a field.
    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a field.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.push(name);
        self.fields?.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.take(name)?;
        if value.is_string() {
            return value.as_str().map(str::to_owned);
        }
        self.problems.add(&self.at(name), format!("{} is no text; write it in quotes", shown(value)));
        None
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let value = self.take(name)?;
        if !value.is_boolean() {
            self.problems.add(&self.at(name), format!("{} is neither true nor false", shown(value)));
        }
        value.as_bool()
    }

    /// A text, or a list of them.
    pub(super) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let value = self.take(name)?;
        texts(value, &self.at(name), self.problems)
    }

    /// The elements of a list, each with its path.
    pub(super) fn list(&mut self, name: &'static str) -> Vec<(String, &'a Value)> {
        let Some(value) = self.take(name) else { return Vec::new() };
        match value.as_array() {
            Some(list) => list
                .iter()
                .enumerate()
                .map(|(index, one)| (format!("{}[{index}]", self.at(name)), one))
                .collect(),
            None => {
                self.problems.add(&self.at(name), format!("{} is no list", shown(value)));
                Vec::new()
            }
        }
    }

    /// The fields of an object whose names are free, each with its path.
    pub(super) fn map(&mut self, name: &'static str) -> Vec<(&'a str, String, &'a Value)> {
        let Some(value) = self.take(name) else { return Vec::new() };
        match value.as_object() {
            Some(map) => {
                map.iter().map(|(key, one)| (key.as_str(), format!("{}.{key}", self.at(name)), one)).collect()
            }
            None => {
                self.problems.add(&self.at(name), format!("{} is no object with fields", shown(value)));
                Vec::new()
            }
        }
    }

    /// What was not asked for is not known.
    pub(super) fn done(self) {
        for name in self.fields.into_iter().flat_map(Map::keys) {
            if !self.asked.contains(&name.as_str()) {
                let near = self.asked.iter().map(|known| (strsim::jaro_winkler(known, name), known));
                let near = near
                    .max_by(|(one, _), (other, _)| one.total_cmp(other))
                    .filter(|(likeness, _)| *likeness > 0.75);
                let hint = near.map_or_else(
                    || format!("it takes {}", self.asked.join(", ")),
                    |(_, known)| format!("did you mean {known:?}?"),
                );
                self.problems.add(&self.at(name), format!("unknown field; {hint}"));
            }
        }
    }
}

/// A text, or a list of texts.
pub(super) fn texts(value: &Value, path: &str, problems: &Problems) -> Option<Vec<String>> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let texts: Vec<_> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if texts.len() == list.len() {
        return Some(texts);
    }
    problems
        .add(path, format!("{} is neither a text nor a list of texts; write texts in quotes", shown(value)));
    None
}

/// A value as it stands in a message.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 40 { format!("{}…", text.chars().take(40).collect::<String>()) } else { text }
}
