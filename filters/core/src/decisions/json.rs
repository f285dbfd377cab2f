//! One line of JSON, put together by hand.
//!
//! Invariant: what is written is a JSON object, since every text is made of letters that need no escape. Trade-off: a comma stands
//! before every member but the first, which is told by what was written before, so nothing is kept of how deep one is.

use core::fmt::Write as _;

/// An object that is being written.
#[derive(Debug, Default)]
pub(super) struct Object(String);

impl Object {
    fn key(&mut self, key: &str) -> &mut String {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        // Writing to a String cannot fail.
        let _ = write!(self.0, "\"{key}\":");
        &mut self.0
    }

    /// A text, if there is one.
    pub(super) fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let to = self.key(key);
            quoted(to, value);
        }
    }

    /// Texts, if there are any.
    pub(super) fn texts<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a str>) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return;
        }
        let to = self.key(key);
        for (place, value) in values.enumerate() {
            to.push(if place == 0 { '[' } else { ',' });
            quoted(to, value);
        }
        to.push(']');
    }

    /// A number, if there is one.
    pub(super) fn number(&mut self, key: &str, value: Option<u64>) {
        if let Some(value) = value {
            let _ = write!(self.key(key), "{value}");
        }
    }

    /// What is so, and nothing of what is not.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.key(key).push_str("true");
        }
    }

    /// Another object, if there is anything in it.
    pub(super) fn object(&mut self, key: &str, value: Self) {
        if !value.0.is_empty() {
            self.key(key).push_str(&value.finish());
        }
    }

    /// All of it.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { "{}" } else { "}" });
        self.0
    }
}

fn quoted(to: &mut String, text: &str) {
    to.push('"');
    to.push_str(text);
    to.push('"');
}

/// What is kept of a text: so many letters, those that would need an escape replaced.
pub(super) fn plain(text: &str, most: usize) -> Box<str> {
    let letters = text.chars().take(most);
    let is_plain = |letter: &char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\');
    letters.map(|letter| if is_plain(&letter) { letter } else { '?' }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_with_commas_between_and_what_is_not_there_does_not_stand() {
        let mut inner = Object::default();
        inner.flag("yes", true);
        inner.flag("no", false);
        let mut object = Object::default();
        object.text("a", Some("x"));
        object.text("b", None);
        object.texts("c", ["1", "2"]);
        object.texts("d", []);
        object.number("e", Some(7));
        object.number("f", None);
        object.object("g", inner);
        object.object("h", Object::default());
        assert_eq!(object.finish(), r#"{"a":"x","c":["1","2"],"e":7,"g":{"yes":true}}"#);
        assert_eq!(Object::default().finish(), "{}");
    }

    #[test]
    fn no_text_needs_an_escape_or_is_longer_than_it_may() {
        assert_eq!(&*plain("a\"\\\n\u{e4}\u{1F600}b", 16), "a?????b");
        assert_eq!(&*plain("abcdef", 3), "abc");
    }
}
