//! One section of a site file, field by field.
//!
//! Invariant: what is not understood is a problem with its path, its value and what to write; all problems come at once.

use serde_json::{Map, Value};
use std::cell::RefCell;

/// Everything that is wrong with the file.
pub(super) type Problems = RefCell<Vec<String>>;

/// A section that is being read.
pub(super) struct Section<'a> {
    fields: Option<&'a Map<String, Value>>,
    path: String,
    problems: &'a Problems,
}

impl<'a> Section<'a> {
    /// The section at `path`, whose fields are these and no others; `null` is an empty one.
    pub(super) fn of(value: &'a Value, path: &str, known: &[&str], problems: &'a Problems) -> Self {
        let section = Self { fields: value.as_object(), path: path.to_owned(), problems };
        if section.fields.is_none() && !value.is_null() {
            section.wrong("", value, "is no section; write `field: value` lines below it");
        }
        for name in section.fields.iter().flat_map(|fields| fields.keys()) {
            if !known.contains(&name.as_str()) && !name.starts_with('_') {
                let value = section.value(name).unwrap_or(&Value::Null);
                section.wrong(name, value, &unknown(name, known));
            }
        }
        section
    }

    /// The path of a field.
    pub(super) fn at(&self, field: &str) -> String {
        match (self.path.as_str(), field) {
            ("", field) => field.to_owned(),
            (path, "") => path.to_owned(),
            (path, field) => format!("{path}.{field}"),
        }
    }

    /// Takes note that a field is wrong.
    pub(super) fn wrong(&self, field: &str, value: &Value, problem: &str) {
        let (path, mut shown) = (self.at(field), value.to_string());
        if shown.chars().count() > 60 {
            shown = shown.chars().take(60).chain("…".chars()).collect();
        }
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        self.problems.borrow_mut().push(format!("{path}{shown} {problem}"));
    }

    fn value(&self, field: &str) -> Option<&'a Value> {
        self.fields?.get(field).filter(|value| !value.is_null())
    }

    /// A text that is not empty.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        let value = self.value(field)?;
        match value {
            Value::String(text) if text.chars().any(is_unseen) => {
                self.wrong(field, value, UNSEEN);
                None
            }
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            // YAML takes 1.40 for 1.4, and 010 for 8.
            Value::Number(_) => {
                self.wrong(
                    field,
                    value,
                    "is a number to YAML, which may not be what you wrote; put it in quotes",
                );
                None
            }
            _ => {
                self.wrong(field, value, "is no text; write one, in quotes where it has signs of YAML's");
                None
            }
        }
    }

    /// A text for which `good` holds; else what it should be.
    pub(super) fn text_that(&self, field: &str, good: impl Fn(&str) -> bool, else_: &str) -> Option<String> {
        let text = self.text(field)?;
        if good(&text) {
            return Some(text);
        }
        self.wrong(field, &Value::String(text), else_);
        None
    }

    /// One of these words.
    pub(super) fn one_of(&self, field: &str, words: &[&str]) -> Option<String> {
        let else_ = format!("is not one of {}", words.join(", "));
        self.text_that(field, |text| words.contains(&text), &else_)
    }

    /// A whole number from 1 to `most`.
    pub(super) fn whole(&self, field: &str, most: u64) -> Option<u64> {
        let value = self.value(field)?;
        let number = value.as_u64().filter(|number| (1..=most).contains(number));
        if number.is_none() {
            self.wrong(field, value, &format!("is no whole number from 1 to {most}"));
        }
        number
    }

    /// True or false.
    pub(super) fn flag(&self, field: &str) -> Option<bool> {
        let value = self.value(field)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.wrong(field, value, "is not one of true, false");
        }
        flag
    }

    /// A section inside this one, if it is there.
    pub(super) fn section(&self, field: &str, known: &[&str]) -> Option<Section<'a>> {
        Some(Section::of(self.value(field)?, &self.at(field), known, self.problems))
    }

    /// The sections in a list.
    pub(super) fn sections(&self, field: &str, known: &[&str]) -> Vec<Section<'a>> {
        self.items(field)
            .into_iter()
            .map(|(path, value)| Section::of(value, &path, known, self.problems))
            .collect()
    }

    /// The texts in a list.
    pub(super) fn texts(&self, field: &str) -> Vec<String> {
        let texts = self.items(field).into_iter().filter_map(|(path, value)| {
            let text = value.as_str().filter(|text| !text.is_empty());
            if text.is_none() {
                self.problems.borrow_mut().push(format!("{path}: {value} is no text; write one"));
            }
            let unseen = text.filter(|text| text.chars().any(is_unseen));
            if unseen.is_some() {
                self.problems.borrow_mut().push(format!("{path}: {value} {UNSEEN}"));
            }
            text.filter(|_| unseen.is_none()).map(str::to_owned)
        });
        texts.collect()
    }

    /// Names with a text each: labels.
    pub(super) fn labels(&self, field: &str) -> Vec<(String, String)> {
        let Some(value) = self.value(field) else { return Vec::new() };
        let Some(fields) = value.as_object() else {
            self.wrong(field, value, "is no section; write `label: value` lines below it");
            return Vec::new();
        };
        let section = Section { fields: Some(fields), path: self.at(field), problems: self.problems };
        fields.keys().filter_map(|name| Some((name.clone(), section.text(name)?))).collect()
    }

    fn items(&self, field: &str) -> Vec<(String, &'a Value)> {
        let Some(value) = self.value(field) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.wrong(field, value, "is no list; begin each item with `- `");
            return Vec::new();
        };
        items.iter().enumerate().map(|(place, item)| (format!("{}[{place}]", self.at(field)), item)).collect()
    }
}

/// Whether a sign ends a line or steers a terminal.
fn is_unseen(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}')
}

const UNSEEN: &str = "has the end of a line or another control character in it; write it on one line";

/// What to say of a field that is not known.
fn unknown(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|field| (strsim::levenshtein(name, field), field)).min();
    match near {
        Some((distance, field)) if distance <= 2 => format!("is of an unknown field; did you mean {field}?"),
        _ => format!("is of an unknown field; known are {}", known.join(", ")),
    }
}
