//! JSON read without changing it: where the values of a document begin and end.
//!
//! Invariants: a value is the text that stands in the document, every digit and escape of it. What is accepted here is
//! accepted, and read alike, by every parser that goes by the standard: no item can end early in one and late in
//! another, or spoil a document that it is put into. So halves of surrogate pairs, numbers beyond a double and depth
//! beyond the caller's limit are refused, though the grammar has them.
//! Trade-off: nothing is kept but text, so looking into a value scans it again; `serde_json`'s raw values do that as
//! well, and neither limit depth nor say at which byte.
//! Source: RFC 8259; RFC 6901 (JSON pointer); depth: .NET stops at 64 levels, Ruby at 100, serde_json at 128.

mod scan;

use scan::Scanner;
use std::borrow::Cow;

/// How deep a request may be: with the levels that a batch adds, still less than the strictest common parser takes.
pub const REQUEST_DEPTH: usize = 60;
/// How deep an answer may be: traces of calls are deep, and this costs a byte for each level.
pub const ANSWER_DEPTH: usize = 10_000;
/// The most fields of an object in an answer that is looked into.
pub const MOST_FIELDS: usize = 65_536;

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// It is no UTF-8.
    Encoding,
    /// It is no JSON, or ends early.
    Syntax,
    /// Its values are nested too deep.
    Depth,
    /// A number is beyond what a double holds.
    Number,
    /// A string has half of a surrogate pair.
    Surrogate,
    /// An object has a name twice; parsers do not agree which counts.
    Repeated,
}

/// What is wrong with a document, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How many bytes of the document are before it.
    pub at: usize,
    /// What it is.
    pub flaw: Flaw,
}

/// A value in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    text: &'a str,
    at: usize,
}

/// An object's fields, in order.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// All of them; a name may be there twice.
    pub fields: Vec<Field<'a>>,
}

/// A field of an object.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// Its name, decoded.
    pub name: Cow<'a, str>,
    /// Its name, as it stands there.
    pub key: Value<'a>,
    /// Its value.
    pub value: Value<'a>,
}

impl<'a> Value<'a> {
    /// The value that a document is, of at most `depth` levels.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(document: &'a [u8], depth: usize) -> Result<Self, Fault> {
        let text = str::from_utf8(document)
            .map_err(|error| Fault { at: error.valid_up_to(), flaw: Flaw::Encoding })?;
        Scanner::new(text, depth).only_value()
    }

    /// Its text, without space around.
    pub fn text(self) -> &'a str {
        self.text
    }

    /// How many bytes of the document are before it.
    pub fn at(self) -> usize {
        self.at
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.text.starts_with('{')
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.text.starts_with('[')
    }

    /// Whether it is a string.
    pub fn is_string(self) -> bool {
        self.text.starts_with('"')
    }

    /// Whether it is a number.
    pub fn is_number(self) -> bool {
        self.text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.text == "null"
    }

    /// The whole number that it is, written in digits alone, as far as 64 bits go.
    pub fn whole_number(self) -> Option<u64> {
        if self.text.starts_with(|first: char| first.is_ascii_digit()) {
            self.text.parse().ok()
        } else {
            None
        }
    }

    /// The same, or in quotes, as servers that know ids as texts write the number that they were given.
    pub fn number_or_text(self) -> Option<u64> {
        let inner = self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = inner.unwrap_or(self.text);
        // A number has no other spelling, or two texts would be one.
        let is_spelt_so = text == "0" || !text.starts_with('0');
        Self { text, ..self }.whole_number().filter(|_| is_spelt_so)
    }

    /// The characters of a string; `None` if it is none.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.text.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            return serde_json::from_str(self.text).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(inner))
    }

    /// The items of an array; `None` if it is none. A list of them takes six times as much as the shortest document that has so many:
    /// for requests, which are short.
    pub fn items(self) -> Option<Vec<Self>> {
        Some(self.elements()?.collect())
    }

    /// The items of an array, one at a time; `None` if it is none.
    pub fn elements(self) -> Option<impl Iterator<Item = Self>> {
        let mut inside = Scanner::within(self, b'[')?;
        let mut has_more = !inside.takes(b']');
        Some(core::iter::from_fn(move || {
            let item = has_more.then(|| inside.known_value())?;
            has_more = inside.takes(b',');
            Some(item)
        }))
    }

    /// The fields of an object; `None` if it is none. They take eight times as much as the shortest document that has so many: for
    /// requests, which are short.
    pub fn object(self) -> Option<Object<'a>> {
        self.fields(usize::MAX)
    }

    /// The same of an answer, which may be of any length; `None`, too, if it has more than [`MOST_FIELDS`].
    pub fn object_of_answer(self) -> Option<Object<'a>> {
        self.fields(MOST_FIELDS)
    }

    fn fields(self, most: usize) -> Option<Object<'a>> {
        let mut fields = Vec::new();
        let mut inside = Scanner::within(self, b'{')?;
        if !inside.takes(b'}') {
            loop {
                let key = inside.known_value();
                inside.takes(b':');
                if fields.len() >= most {
                    return None;
                }
                fields.push(Field { name: key.string()?, key, value: inside.known_value() });
                if !inside.takes(b',') {
                    break;
                }
            }
        }
        Some(Object { fields })
    }

    /// The value of the first field of this name, found without looking at those behind it; `None` if there is none, or it is no object.
    pub fn field(self, name: &str) -> Option<Self> {
        let [found] = self.fields_named([name]);
        found
    }

    /// The same for several names at a time, each in its place: the object is gone through once, and no further than to the last of them.
    pub fn fields_named<const N: usize>(self, names: [&str; N]) -> [Option<Self>; N] {
        let mut found = [None; N];
        let Some(mut inside) = Scanner::within(self, b'{') else { return found };
        let mut has_more = !inside.takes(b'}');
        while has_more && found.iter().any(Option::is_none) {
            let key = inside.known_value();
            inside.takes(b':');
            let value = inside.known_value();
            let Some(key) = key.string() else { break };
            let wanted = names.iter().zip(&mut found).find(|(name, found)| **name == key && found.is_none());
            if let Some((_, found)) = wanted {
                *found = Some(value);
            }
            has_more = inside.takes(b',');
        }
        found
    }

    /// What a JSON pointer (RFC 6901) leads to; `None` if there is nothing, or a name on the way is there twice.
    pub fn pointer(self, pointer: &str) -> Option<Self> {
        let steps = pointer.split('/').skip(1);
        steps.map(|step| step.replace("~1", "/").replace("~0", "~")).try_fold(self, |value, step| {
            if value.is_array() {
                return value.elements()?.nth(place(&step)?);
            }
            value.object_of_answer()?.get(&step).ok()?
        })
    }
}

impl<'a> Object<'a> {
    /// The value of this field, if it is there.
    ///
    /// # Errors
    /// It is there twice.
    pub fn get(&self, name: &str) -> Result<Option<Value<'a>>, Fault> {
        let mut found = self.fields.iter().filter(|field| field.name == name);
        let first = found.next().map(|field| field.value);
        match found.next() {
            Some(second) => Err(Fault { at: second.key.at, flaw: Flaw::Repeated }),
            None => Ok(first),
        }
    }

    /// # Errors
    /// A name is there twice.
    pub fn is_unambiguous(&self) -> Result<(), Fault> {
        let mut names: Vec<_> = self.fields.iter().map(|field| (&*field.name, field.key.at)).collect();
        crate::sort::sort(&mut names);
        let repeated = names.windows(2).find_map(|pair| match pair {
            [(one, _), (other, at)] if one == other => Some(*at),
            _ => None,
        });
        repeated.map_or(Ok(()), |at| Err(Fault { at, flaw: Flaw::Repeated }))
    }
}

/// The place in an array that a step of a pointer names: digits, and no zero in front of others.
fn place(step: &str) -> Option<usize> {
    let is_place = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    if is_place { step.parse().ok() } else { None }
}

/// A text as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
