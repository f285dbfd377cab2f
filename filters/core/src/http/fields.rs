//! Fields that are numbers: lengths, seconds, statuses.
//!
//! Invariant: a number is decimal digits and nothing else, so neither `+5` nor `5, 5` is one. One that is too large for anybody never
//! becomes a small one: it is none ([`decimal`]: a time that nobody can mean is not heard), or the largest there is
//! ([`decimal_or_most`]: what is longer than may be is known to be so, and what is fresh for ages is fresh).
//! Source: RFC 9110, sections 5.5 (white space around a value is no part of it), 8.6 and 15.

use crate::RequestView;

/// The number that a field's value is; `None`: it is none, or `T` cannot have it.
///
/// ```
/// use switchyard_core::http::decimal;
/// assert_eq!(decimal::<u64>(b" 17 "), Some(17));
/// assert_eq!(decimal::<u64>(b"+17"), None);
/// assert_eq!(decimal::<u64>(b"99999999999999999999"), None);
/// assert_eq!(decimal::<u8>(b"300"), None);
/// ```
pub fn decimal<T: TryFrom<u64>>(value: &[u8]) -> Option<T> {
    exact(value.trim_ascii()).and_then(|number| T::try_from(number).ok())
}

/// The number that a field's value is, or the largest there is, if it is larger; `None`: it is none.
pub fn decimal_or_most(value: &[u8]) -> Option<u64> {
    digits(value.trim_ascii())
}

/// Decimal digits and nothing else, as a number; the largest there is, if it is larger.
pub(crate) fn digits(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| exact(text).unwrap_or(u64::MAX))
}

fn exact(text: &[u8]) -> Option<u64> {
    let first = text.first()?;
    // The rest is digits if it parses; in front `parse` takes a sign, too.
    first.is_ascii_digit().then(|| str::from_utf8(text).ok()?.parse().ok()).flatten()
}

/// The status of an answer's head; `None` if it has none.
pub fn status(answer: &impl RequestView) -> Option<u16> {
    decimal(answer.header(":status")?)
}

/// How long a message says that its body is; `None` if it does not say.
pub fn content_length(message: &impl RequestView) -> Option<u64> {
    decimal_or_most(message.header("content-length")?)
}

/// Whether this header says that its message has a body. One without a length is not known by its head.
pub fn says_body(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"transfer-encoding" => true,
        // What is no number may be a length to somebody.
        b"content-length" => value.trim_ascii() != b"0",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::PlainRequest;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        for none in ["", " ", "+1", "-1", "1.0", "1e3", "0x1", "1 2", "1,1", "1_000", "\u{0661}"] {
            assert_eq!(
                (decimal::<u64>(none.as_bytes()), decimal_or_most(none.as_bytes())),
                (None, None),
                "{none:?}"
            );
        }
        assert_eq!(decimal::<u64>(b"\t007 "), Some(7));
        assert_eq!(decimal::<u64>(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal::<u64>(b"18446744073709551616"), None);
        assert_eq!(decimal_or_most(b" 18446744073709551616"), Some(u64::MAX), "never a small one");
        assert_eq!(decimal::<u16>(b"18446744073709551616"), None);
    }

    #[test]
    fn a_head_says_its_status_and_its_length() {
        let head = PlainRequest::default().with(":status", "204").with("content-length", "12");
        assert_eq!((status(&head), content_length(&head)), (Some(204), Some(12)));
        let head = PlainRequest::default().with(":status", "+204").with("content-length", "12, 12");
        assert_eq!((status(&head), content_length(&head)), (None, None));
    }
}
