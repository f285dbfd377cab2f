//! What a JSON answer says: the 200 that carries an error.
//!
//! Invariant: a body that is no JSON, or has nothing at the pointer, meets no rule.
//! Trade-off: `*` in a pointer is every element of an array, which RFC 6901 does not know; for objects it is a name like any other.
//! Source: RFC 6901 (JSON pointer).

use regex_lite::Regex;
use serde_json::Value;

/// A condition on one place of a JSON body.
#[derive(Clone, Debug)]
pub struct BodyMatch {
    /// Which place; empty: the whole; `*`: any element of an array, one that meets the rule is enough.
    pub pointer: Box<str>,
    /// What must be there.
    pub rule: BodyRule,
}

/// What must stand in a place.
#[derive(Clone, Debug)]
pub enum BodyRule {
    /// Anything but `null`.
    Exists,
    /// This value; numbers are compared as numbers, wherever they stand in it.
    Equals(Value),
    /// A text that this expression matches whole, made by [`crate::route::full_match`]; of numbers and booleans, their
    /// JSON text.
    Matches(Regex),
}

impl BodyMatch {
    /// Whether this is so in `body`.
    pub fn holds(&self, body: &Value) -> bool {
        any_place(body, &self.pointer, &|found| self.rule.is_met_by(found))
    }
}

impl BodyRule {
    fn is_met_by(&self, found: &Value) -> bool {
        match self {
            Self::Exists => !found.is_null(),
            Self::Equals(value) => equal(found, value),
            Self::Matches(regex) => match found {
                Value::String(text) => is_whole(regex, text),
                Value::Number(_) | Value::Bool(_) => is_whole(regex, &found.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => false,
            },
        }
    }
}

/// Whether any of the places that `pointer` is in `value` is as `is_met` says.
fn any_place(value: &Value, pointer: &str, is_met: &impl Fn(&Value) -> bool) -> bool {
    let Some(after) = pointer.strip_prefix('/') else { return pointer.is_empty() && is_met(value) };
    let end = after.find('/').map_or(pointer.len(), |at| at + 1);
    let Some((step, rest)) = pointer.split_at_checked(end) else { return false };
    match value {
        Value::Array(elements) if step == "/*" => {
            elements.iter().any(|element| any_place(element, rest, is_met))
        }
        _ => value.pointer(step).is_some_and(|next| any_place(next, rest, is_met)),
    }
}

/// A configuration may come as a Struct, whose numbers are all doubles: 503 is 503.0.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        // Two whole numbers are compared as such: above 2^53 many of them share a double.
        (Value::Number(left), Value::Number(right)) if left.is_f64() || right.is_f64() => {
            left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(name, value)| right.get(name).is_some_and(|other| equal(value, other));
            left.len() == right.len() && left.iter().all(same)
        }
        _ => left == right,
    }
}

fn is_whole(regex: &Regex, text: &str) -> bool {
    regex.find(text).is_some_and(|found| found.range() == (0..text.len()))
}
