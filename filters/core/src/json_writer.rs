//! Writes JSON, piece by piece: the status page's, and one line for each request that is logged.
//!
//! Invariants: what is written is well-formed whatever the texts are, and none of them can leave its string, wherever the JSON is put: `<`,
//! `>`, `&` and the two line ends that only JavaScript knows are written as numbers. Without memory for it nothing is written.

use crate::wire::Writer;

/// JSON in the making.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: Writer,
    /// Something stands before what comes next, in the same list or object.
    follows: bool,
}

impl Json {
    /// All of it; `None`: there was no memory for it.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        self.out.finish()
    }

    /// An object, whose fields `write` writes.
    pub(crate) fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.within(*b"{}", write);
    }

    /// A list, whose items `write` writes.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.within(*b"[]", |json| items.into_iter().for_each(|item| write(json, item)));
    }

    /// The name of the field whose value comes next.
    pub(crate) fn field(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self.out.raw(b":");
        self.follows = false;
        self
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.separate();
        self.out.raw(number.to_string().as_bytes());
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.separate();
        self.out.raw(if flag { b"true" } else { b"false" });
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.separate();
        self.out.raw(b"\"");
        for letter in text.chars() {
            self.letter(letter);
        }
        self.out.raw(b"\"");
    }

    /// The field with this text, if there is one and it is not empty.
    pub(crate) fn some_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.field(name).text(text);
        }
    }

    /// The field with these texts, if there are any.
    pub(crate) fn some_texts<'a>(&mut self, name: &str, texts: impl IntoIterator<Item = &'a str>) {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_some() {
            self.field(name).list(texts, Self::text);
        }
    }

    /// The field with this number, if there is one.
    pub(crate) fn some_number(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.field(name).number(number);
        }
    }

    /// The field, if it is so.
    pub(crate) fn some_flag(&mut self, name: &str, flag: bool) {
        if flag {
            self.field(name).flag(flag);
        }
    }

    /// What `write` writes of it, or null.
    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => {
                self.separate();
                self.out.raw(b"null");
            }
        }
    }

    fn within(&mut self, [begin, end]: [u8; 2], write: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.byte(begin);
        self.follows = false;
        write(self);
        self.out.byte(end);
        self.follows = true;
    }

    fn separate(&mut self) {
        if core::mem::replace(&mut self.follows, true) {
            self.out.raw(b",");
        }
    }

    fn letter(&mut self, letter: char) {
        match letter {
            '"' => self.out.raw(b"\\\""),
            '\\' => self.out.raw(b"\\\\"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' | '\u{7f}' => {
                self.out.raw(format!("\\u{:04x}", u32::from(letter)).as_bytes())
            }
            other => self.out.raw(other.encode_utf8(&mut [0; 4]).as_bytes()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        write(&mut json);
        String::from_utf8(json.finish().expect("memory")).expect("text")
    }

    #[test]
    fn objects_lists_and_what_is_not_there_are_separated_as_json_wants() {
        let all = written(|json| {
            json.object(|json| {
                json.field("a").number(1);
                json.field("b").list([1, 2], |json, item| json.object(|json| json.field("c").number(item)));
                json.field("d").option(None::<u8>, |_, _| {});
                json.field("e").flag(true);
                json.field("f").list([0_u64; 0], |json, item| json.number(item));
            });
        });
        assert_eq!(all, r#"{"a":1,"b":[{"c":1},{"c":2}],"d":null,"e":true,"f":[]}"#);
    }

    #[test]
    fn what_is_not_there_does_not_stand() {
        let all = written(|json| {
            json.object(|json| {
                json.some_text("a", Some("x"));
                json.some_text("b", None);
                json.some_text("c", Some(""));
                json.some_texts("d", ["1", "2"]);
                json.some_texts("e", []);
                json.some_number("f", Some(7));
                json.some_number("g", None);
                json.some_flag("h", true);
                json.some_flag("i", false);
                json.field("j").object(|_| {});
            });
        });
        assert_eq!(all, r#"{"a":"x","d":["1","2"],"f":7,"h":true,"j":{}}"#);
    }

    #[test]
    fn no_text_leaves_its_string() {
        let text = "</script><!-- \"\\ & \u{2028}\n\0 ü";
        let all = written(|json| json.text(text));
        assert!(!all.contains(['<', '>', '&', '\n', '\u{2028}']), "{all}");
        assert_eq!(serde_json::from_str::<String>(&all).expect("JSON"), text);
    }
}
