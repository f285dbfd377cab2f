//! Text on its way to a terminal.
//!
//! Names and messages come from an Envoy and from files, whose writers need not be who reads them: with an escape sequence in one they could
//! move the cursor, hide lines or write to the clipboard.
//!
//! Invariant: no control character reaches the terminal but line ends, tabs and the colours of this program; none that turns the direction
//! of writing around either. Instead of one its escape of JSON is written, so that JSON stays JSON.
//! Trade-off: a colour is told by being a piece of its own, as `write!` hands on what is to be formatted; a value that is nothing but a colour
//! passes, and changes nothing but the colour.

use std::io::{self, Write};

/// A writer behind which a terminal may stand.
pub(crate) struct Shown<W>(pub(crate) W);

/// A writer whose screen can be cleared, by this program and by no text that it shows.
pub(crate) trait Screen: Write {
    /// Clears it, where there is one.
    fn clear(&mut self) -> io::Result<()>;
}

impl<W: Write> Screen for Shown<W> {
    fn clear(&mut self) -> io::Result<()> {
        // What is no terminal is given screens one after the other: the writer below takes this off.
        self.0.write_all(b"\x1b[H\x1b[2J\x1b[3J")
    }
}

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if is_colour(piece) {
            self.0.write_all(piece)?;
            return Ok(piece.len());
        }
        for chunk in piece.utf8_chunks() {
            harmless(chunk.valid(), &mut self.0)?;
            if !chunk.invalid().is_empty() {
                self.0.write_all("\u{fffd}".as_bytes())?;
            }
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether this is one of the escape sequences that this program's own styles have: bold, dim, a colour, and back to none.
fn is_colour(piece: &[u8]) -> bool {
    matches!(piece, b"\x1b[0m" | b"\x1b[1m" | b"\x1b[2m" | [0x1b, b'[', b'3', b'1'..=b'6', b'm'])
}

fn harmless(text: &str, out: &mut impl Write) -> io::Result<()> {
    let mut rest = text;
    while let Some((before, letter, after)) = split(rest) {
        out.write_all(before.as_bytes())?;
        // Each of them has four digits at most, so none needs a pair.
        write!(out, "\\u{:04x}", u32::from(letter))?;
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// What stands before the first harmful character, that, and what stands behind it.
fn split(text: &str) -> Option<(&str, char, &str)> {
    let (before, rest) = text.split_at_checked(text.find(is_harmful)?)?;
    let mut letters = rest.chars();
    Some((before, letters.next()?, letters.as_str()))
}

fn is_harmful(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (letter.is_control() && !matches!(letter, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstyle::{AnsiColor, Style};

    fn shown(write: impl FnOnce(&mut Shown<Vec<u8>>) -> io::Result<()>) -> String {
        let mut out = Shown(Vec::new());
        write(&mut out).unwrap();
        String::from_utf8(out.0).unwrap()
    }

    #[test]
    fn what_steers_a_terminal_is_written_as_its_escape() {
        for (text, said) in [
            ("plain, größer,\tand\nmore", "plain, größer,\tand\nmore"),
            ("a\u{1b}[2Jb", "a\\u001b[2Jb"),
            ("\u{1b}]52;c;eA==\u{7}", "\\u001b]52;c;eA==\\u0007"),
            ("\u{1b}[31mred", "\\u001b[31mred"),
            ("\u{1b}\u{1b}x\r", "\\u001b\\u001bx\\u000d"),
            ("\u{9b}2J\u{7f}\u{8}", "\\u009b2J\\u007f\\u0008"),
            ("a\u{202e}b\u{2066}", "a\\u202eb\\u2066"),
        ] {
            assert_eq!(shown(|out| write!(out, "{text}")), said);
        }
        assert_eq!(shown(|out| out.write_all(b"a\x9b2J")), "a\u{fffd}2J", "no byte passes that is no text");
    }

    #[test]
    fn the_styles_of_this_program_pass() {
        let red: Style = AnsiColor::Red.on_default().bold();
        let name = "\u{1b}[8mname";
        let text = shown(|out| write!(out, "{red}error{red:#} \u{1b}[8m{name}"));
        assert_eq!(text, "\u{1b}[1m\u{1b}[31merror\u{1b}[0m \\u001b[8m\\u001b[8mname");
    }

    #[test]
    fn json_stays_json() {
        let value = serde_json::json!({ "name": "a\u{1b}[2J\u{9b}\u{7f}\u{202e}\n" });
        let text = shown(|out| writeln!(out, "{value:#}"));
        assert!(!text.contains(['\u{9b}', '\u{7f}', '\u{202e}']), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
