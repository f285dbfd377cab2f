//! Values that are written in several ways and mean one thing, or of which answers depend on a part.
//!
//! Invariant: requests whose values are folded into one accept each other's answers: a folded `accept-encoding` allows the same
//! encodings, at the same preference.
//! Trade-off: a value that is not understood stays as it is, and keeps its request apart.
//! Source: RFC 9110, sections 12.5.3 (accept-encoding), 12.5.4 (accept-language) and 10.1.3 (referer); RFC 9111, section 4.1, which
//! lets a cache normalize.

use crate::http::lists::members;
use std::borrow::Cow;

/// The encodings that are allowed, each once and in one order, without the default weight.
pub(super) fn encodings(value: &[u8]) -> Cow<'_, [u8]> {
    let codings: Option<Vec<Vec<u8>>> = members(value).map(coding).collect();
    let Some(mut codings) = codings else { return Cow::Borrowed(value) };
    // It is always allowed, unless it has a weight of its own or a star stands for it.
    if !codings.iter().any(|coding| coding.starts_with(b"*")) {
        codings.retain(|coding| coding != b"identity");
    }
    crate::sort::sort(&mut codings);
    codings.dedup();
    Cow::Owned(codings.join(&b','))
}

/// An encoding in lower case with its weight, if that is not 1; `None` if it is not understood.
fn coding(member: &[u8]) -> Option<Vec<u8>> {
    let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let mut coding = match name.as_slice() {
        b"x-gzip" => b"gzip".to_vec(),
        b"x-compress" => b"compress".to_vec(),
        _ => name,
    };
    let Some(weight) = parts.next() else { return Some(coding) };
    if parts.next().is_some() {
        return None;
    }
    let (key, weight) = weight.split_at_checked(2)?;
    let weight = thousandths(weight).filter(|_| key.eq_ignore_ascii_case(b"q="))?;
    if weight != 1000 {
        coding.extend(format!(";{weight}").into_bytes());
    }
    Some(coding)
}

/// A weight of RFC 9110, section 12.4.2, in thousandths.
fn thousandths(weight: &[u8]) -> Option<u32> {
    let (whole, fraction) = match weight.split_at_checked(1)? {
        (whole, b"") => (whole, &b""[..]),
        (whole, rest) => (whole, rest.strip_prefix(b".")?),
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) || !matches!(whole, b"0" | b"1") {
        return None;
    }
    let digit = |place: usize| u32::from(fraction.get(place).map_or(0, |digit| digit.wrapping_sub(b'0')));
    let weight = 1000 * u32::from(whole == b"1") + 100 * digit(0) + 10 * digit(1) + digit(2);
    (weight <= 1000).then_some(weight)
}

/// The first language, in lower case.
pub(super) fn first_language(value: &[u8]) -> Vec<u8> {
    let first = members(value).next().unwrap_or_default();
    first.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase()
}

/// Where a link stood, without the page: hosts that refuse others' links look at no more.
pub(super) fn origin(referer: &[u8]) -> &[u8] {
    let Some(scheme) = referer.windows(3).position(|three| three == b"://") else { return referer };
    let rest = referer.get(scheme + 3..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    end.and_then(|end| referer.get(..scheme + 3 + end)).unwrap_or(referer)
}
