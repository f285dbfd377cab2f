//! Where a JSON value ends.
//!
//! Invariants: every byte is looked at once; nesting costs memory, not stack. A text that was read once is well formed,
//! and is trusted to be.
//! Source: RFC 8259, sections 2 to 7.

use super::{Fault, Flaw, Value};
use crate::http;

/// The digits before the point, with the exponent, that every double has room for.
const MOST_DIGITS: u64 = 308;

/// Reads a text from front to end.
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// How much of it is read.
    at: usize,
    /// Where it begins in the document.
    base: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    /// A whole document of at most `depth` levels.
    pub(super) fn new(text: &'a str, depth: usize) -> Self {
        Self { text, at: 0, base: 0, depth }
    }

    /// What is in an array or object; `None` if the value does not begin with this bracket.
    pub(super) fn within(value: Value<'a>, open: u8) -> Option<Self> {
        let mut scanner = Self { text: value.text, at: 0, base: value.at, depth: 0 };
        scanner.takes(open).then_some(scanner)
    }

    /// The one value that there is.
    pub(super) fn only_value(mut self) -> Result<Value<'a>, Fault> {
        let value = self.value()?;
        self.space();
        if self.at < self.text.len() { Err(self.fault(Flaw::Syntax)) } else { Ok(value) }
    }

    /// The next value.
    fn value(&mut self) -> Result<Value<'a>, Fault> {
        self.space();
        let from = self.at;
        // The brackets that close what is open.
        let mut open = Vec::new();
        loop {
            if let Some(close) = self.opens() {
                if open.len() >= self.depth {
                    return Err(Fault { at: self.base + self.at - 1, flaw: Flaw::Depth });
                }
                open.push(close);
                if !self.takes(close) {
                    self.name_within(close)?;
                    continue;
                }
                open.pop();
            } else {
                self.scalar()?;
            }
            while let Some(close) = open.last().copied() {
                if self.takes(b',') {
                    self.name_within(close)?;
                    break;
                }
                if !self.takes(close) {
                    return Err(self.fault(Flaw::Syntax));
                }
                open.pop();
            }
            if open.is_empty() {
                let text = self.text.get(from..self.at).unwrap_or_default();
                return Ok(Value { text, at: self.base + from });
            }
        }
    }

    /// The next value of a text that was read before: only its brackets and quotes matter, which is more than twice
    /// as fast.
    pub(super) fn known_value(&mut self) -> Value<'a> {
        self.space();
        let (from, mut open) = (self.at, 0_usize);
        loop {
            match self.next() {
                Some(b'[' | b'{') => (open, self.at) = (open + 1, self.at + 1),
                Some(b']' | b'}') => (open, self.at) = (open.saturating_sub(1), self.at + 1),
                Some(b'"') => self.known_string(),
                _ => {
                    self.skip(|byte| !matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'));
                }
            }
            if open == 0 || self.at >= self.text.len() {
                let text = self.text.get(from..self.at).unwrap_or_default();
                return Value { text, at: self.base + from };
            }
            self.skip(|byte| !matches!(byte, b'"' | b'[' | b']' | b'{' | b'}'));
        }
    }

    fn known_string(&mut self) {
        self.at += 1;
        loop {
            self.skip(|byte| !matches!(byte, b'"' | b'\\'));
            if self.next() != Some(b'\\') {
                break;
            }
            self.at += 2;
        }
        self.at += 1;
    }

    /// Goes past this byte, and space before it, if it comes next.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        self.space();
        self.takes_at_once(byte)
    }

    fn takes_at_once(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Goes past bytes that are all like this, and counts them.
    fn skip(&mut self, like: impl Fn(&u8) -> bool) -> usize {
        let count = self.rest().iter().take_while(|byte| like(byte)).count();
        self.at += count;
        count
    }

    fn space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn fault(&self, flaw: Flaw) -> Fault {
        Fault { at: self.base + self.at, flaw }
    }

    /// The bracket that closes what opens here.
    fn opens(&mut self) -> Option<u8> {
        if self.takes(b'{') {
            return Some(b'}');
        }
        self.takes(b'[').then_some(b']')
    }

    /// In an object, the name of the next field, and its colon.
    fn name_within(&mut self, close: u8) -> Result<(), Fault> {
        if close != b'}' {
            return Ok(());
        }
        self.space();
        if self.next() != Some(b'"') {
            return Err(self.fault(Flaw::Syntax));
        }
        self.scalar()?;
        if self.takes(b':') { Ok(()) } else { Err(self.fault(Flaw::Syntax)) }
    }

    fn scalar(&mut self) -> Result<(), Fault> {
        match self.next() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let rest = self.rest();
                let word =
                    ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word.as_bytes()));
                self.at += word.ok_or(self.fault(Flaw::Syntax))?.len();
                Ok(())
            }
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            self.skip(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f));
            if self.takes_at_once(b'"') {
                return Ok(());
            }
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let broken = self.fault(Flaw::Surrogate);
        if !self.takes_at_once(b'\\') {
            return Err(self.fault(Flaw::Syntax));
        }
        if self.takes_at_once(b'u') {
            return match self.unit()? {
                0xd800..=0xdbff => {
                    let goes_on = self.takes_at_once(b'\\') && self.takes_at_once(b'u');
                    let is_whole = goes_on && matches!(self.unit()?, 0xdc00..=0xdfff);
                    if is_whole { Ok(()) } else { Err(broken) }
                }
                0xdc00..=0xdfff => Err(broken),
                _ => Ok(()),
            };
        }
        if self.skip_one(|byte| matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) {
            return Ok(());
        }
        Err(self.fault(Flaw::Syntax))
    }

    fn skip_one(&mut self, like: impl Fn(u8) -> bool) -> bool {
        let is_like = self.next().is_some_and(like);
        self.at += usize::from(is_like);
        is_like
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, Fault> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit * 16 + digit.ok_or(self.fault(Flaw::Syntax))?;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Fault> {
        let beyond = self.fault(Flaw::Number);
        self.takes_at_once(b'-');
        let whole = if self.takes_at_once(b'0') { 1 } else { self.digits()?.len() };
        if self.takes_at_once(b'.') {
            self.digits()?;
        }
        let mut size = u64::try_from(whole).unwrap_or(u64::MAX);
        if self.takes_at_once(b'e') || self.takes_at_once(b'E') {
            let shrinks = self.takes_at_once(b'-');
            let _ = shrinks || self.takes_at_once(b'+');
            let exponent = http::digits(self.digits()?).unwrap_or(u64::MAX);
            size = size.saturating_add(if shrinks { 0 } else { exponent });
        }
        if size > MOST_DIGITS { Err(beyond) } else { Ok(()) }
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<&'a [u8], Fault> {
        let rest = self.rest();
        let count = self.skip(u8::is_ascii_digit);
        if count == 0 {
            return Err(self.fault(Flaw::Syntax));
        }
        Ok(rest.get(..count).unwrap_or_default())
    }
}
