//! Waits that an answer asks for, as numbers of a unit or as text.
//!
//! Invariant: what is too long for anybody is the longest wait there is, never a short one or none; what is no number is none, and
//! a sign makes it none.
//! Trade-off: a fraction counts although RFC 9110 knows whole seconds only, since servers send some and mean them.
//! Source: RFC 9110, section 10.2.3 (`retry-after`); Go's `time.ParseDuration` for texts such as `1m2.5s`, in which OpenAI's and other
//! APIs write `x-ratelimit-reset-…`.

use super::fields::digits;
use core::time::Duration;

const SECOND: u128 = 1_000_000_000;

/// Units of a text with their length in nanoseconds, longer names first.
const UNITS: [(&[u8], u128); 8] = [
    (b"ns", 1),
    (b"us", 1_000),
    ("µs".as_bytes(), 1_000),
    (b"ms", 1_000_000),
    (b"s", SECOND),
    (b"m", 60 * SECOND),
    (b"h", 3_600 * SECOND),
    (b"d", 86_400 * SECOND),
];

/// A number of seconds, which may have a fraction.
///
/// ```
/// use core::time::Duration;
/// use switchyard_core::http::seconds;
/// assert_eq!(seconds(b" 1.5 "), Some(Duration::from_millis(1_500)));
/// assert_eq!(seconds(b"99999999999999999999"), Some(Duration::MAX));
/// assert_eq!(seconds(b"-1"), None);
/// ```
pub fn seconds(value: &[u8]) -> Option<Duration> {
    scaled(value.trim_ascii(), SECOND).map(length)
}

/// A number of milliseconds, which may have a fraction.
pub fn millis(value: &[u8]) -> Option<Duration> {
    scaled(value.trim_ascii(), 1_000_000).map(length)
}

/// Numbers with their units, as in `1m2.5s` and `20ms`; a number alone is one of seconds.
///
/// ```
/// use core::time::Duration;
/// use switchyard_core::http::duration;
/// assert_eq!(duration(b"1m2.5s"), Some(Duration::from_millis(62_500)));
/// assert_eq!(duration(b"7"), Some(Duration::from_secs(7)));
/// assert_eq!(duration(b"7 parsecs"), None);
/// ```
pub fn duration(value: &[u8]) -> Option<Duration> {
    let mut rest = value.trim_ascii();
    if let Some(alone) = scaled(rest, SECOND) {
        return Some(length(alone));
    }
    let mut sum = None;
    while !rest.is_empty() {
        let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let (number, after) =
            rest.split_at_checked(rest.iter().take_while(|byte| is_number(byte)).count())?;
        let end = after.iter().position(u8::is_ascii_digit).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum = Some(scaled(number, *nanos)?.saturating_add(sum.unwrap_or_default()));
        rest = after;
    }
    sum.map(length)
}

/// The nanoseconds of a number of units.
fn scaled(number: &[u8], unit: u128) -> Option<u128> {
    let mut parts = number.splitn(2, |byte| *byte == b'.');
    let whole = digits(parts.next()?)?;
    let nanos = match parts.next() {
        // What is less than a billionth of a unit is nothing.
        Some(fraction) => {
            digits(fraction)?;
            let kept = fraction.get(..9).unwrap_or(fraction);
            u128::from(digits(kept)?) * unit / 10_u128.pow(u32::try_from(kept.len()).ok()?)
        }
        None => 0,
    };
    Some(if whole == u64::MAX { u128::MAX } else { u128::from(whole) * unit + nanos })
}

fn length(nanos: u128) -> Duration {
    u64::try_from(nanos / SECOND).map_or(Duration::MAX, |seconds| {
        Duration::new(seconds, u32::try_from(nanos % SECOND).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_number_of_seconds_may_have_a_fraction_and_no_sign() {
        for (text, expected) in [
            ("0", Duration::ZERO),
            ("007", 7_000 * MS),
            ("\t1.5 ", 1_500 * MS),
            ("0.001", MS),
            ("2.0", 2_000 * MS),
        ] {
            assert_eq!(seconds(text.as_bytes()), Some(expected), "{text:?}");
        }
        assert_eq!(seconds(b"0.0000000019"), Some(Duration::from_nanos(1)));
        assert_eq!(millis(b"1500"), Some(1_500 * MS));
        assert_eq!(millis(b"0.5"), Some(Duration::from_micros(500)));
        for none in
            ["", " ", "-1", "+1", ".5", "1.", "1.-5", "1.5.1", "1e3", "0x1", "1,5", "1 2", "inf", "NaN", "1s"]
        {
            assert_eq!((seconds(none.as_bytes()), millis(none.as_bytes())), (None, None), "{none:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_the_longest_there_is() {
        let huge = "9".repeat(400);
        for text in ["18446744073709551615", "18446744073709551616", "99999999999999999999.5", &huge] {
            assert!(seconds(text.as_bytes()) >= Some(Duration::from_secs(u64::MAX)), "{text}");
            assert!(millis(text.as_bytes()) > Some(Duration::from_secs(u64::MAX / 1_001)), "{text}");
            assert_eq!(duration(format!("{text}h").as_bytes()), Some(Duration::MAX), "{text}");
        }
        let fraction = format!("1.{huge}");
        assert!(seconds(fraction.as_bytes()) < Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_text_is_a_sum_of_numbers_with_units() {
        for (text, expected) in [
            ("20ms", 20 * MS),
            ("1s", 1_000 * MS),
            ("6m0s", 360_000 * MS),
            ("1h2m3.5s", 3_723_500 * MS),
            ("1d", 86_400_000 * MS),
            ("1.5", 1_500 * MS),
            ("1000us", MS),
            ("1000µs", MS),
            (" 1000000ns ", MS),
        ] {
            assert_eq!(duration(text.as_bytes()), Some(expected), "{text:?}");
        }
        for none in ["", "s", "1x", "-1s", "1s ago", "1 s", "1ss", "1s-2s", ".s", "1..5s", "\u{ff}", "1s2"] {
            assert_eq!(duration(none.as_bytes()), None, "{none:?}");
        }
    }
}
