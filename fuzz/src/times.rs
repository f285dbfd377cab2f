//! Times as clients and servers write them: `grpc-timeout`, `retry-after`, and texts such as `1m2.5s`.
//!
//! Invariant: each reader says what a slow one says that goes letter by letter, in whole nanoseconds of 128 bits. Source: RFC 9110, section
//! 10.2.3; "gRPC over HTTP/2".

use crate::draw::Draw;
use core::time::Duration;
use std::time::UNIX_EPOCH;
use switchyard_core::Timestamp;
use switchyard_core::deadline::{Deadline, clients_limit, encode_grpc_timeout, grpc_timeout as read_grpc};
use switchyard_core::http::{duration, millis, seconds};
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::retry_after as read_retry_after;

const SECOND: u128 = 1_000_000_000;

/// Units of `grpc-timeout`.
const GRPC_UNITS: [(&str, u128); 6] =
    [("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", SECOND), ("M", 60 * SECOND), ("H", 3_600 * SECOND)];

/// Units of texts.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", 86_400 * SECOND),
];

/// `grpc-timeout`: what it says, what is written is read again, and no client has more time than its route gives it.
pub fn grpc_timeout(bytes: &[u8]) {
    assert_eq!(read_grpc(bytes), naive_grpc(bytes), "{}", bytes.escape_ascii());
    let mut draw = Draw::of(bytes);
    let left = Duration::from_nanos(draw.number())
        .saturating_mul(u32::try_from(draw.number() >> 32).unwrap_or(1).max(1));
    is_read_again(left);
    let deadline = Deadline {
        timeout: Duration::from_millis(draw.number() % 1_000_000),
        header: draw.one_in(2).then(|| "x-deadline".into()),
        floor: Duration::from_millis(10),
    };
    let said = draw.rest();
    let request = PlainRequest::get("/").with("grpc-timeout", said).with("x-deadline", said);
    let allowance = deadline.allowance(&request);
    assert!(deadline.timeout.is_zero() || allowance <= deadline.timeout, "{allowance:?} of {deadline:?}");
    if let Some(shorter) = deadline.shortened(&request) {
        assert_eq!(shorter, allowance);
    }
    let limit = clients_limit(&request, &["x-deadline".into()]);
    assert!(limit.is_none_or(|limit| Some(limit) <= read_grpc(said).or(Some(limit))));
}

/// What is written is read as no more than was left, and at most one unit less.
fn is_read_again(left: Duration) {
    let text = encode_grpc_timeout(left);
    assert!((2..=9).contains(&text.len()), "{text}");
    let read = read_grpc(text.as_bytes()).expect("what we write is read");
    let (_, unit) = GRPC_UNITS.into_iter().find(|(letter, _)| text.ends_with(letter)).expect("a unit");
    let most = 99_999_999 * GRPC_UNITS[5].1;
    let left = left.as_nanos().clamp(1, most);
    assert!(read.as_nanos() <= left && left - read.as_nanos() < unit, "{text} for {left} ns");
}

fn naive_grpc(bytes: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&number.len()) && number.chars().all(|letter| letter.is_ascii_digit());
    let (_, length) = GRPC_UNITS.into_iter().find(|(letter, _)| *letter == unit).filter(|_| is_number)?;
    Some(of_nanos(number.parse::<u128>().ok()? * length))
}

/// `retry-after` and its relatives: seconds, milliseconds, dates, texts.
pub fn retry_after(bytes: &[u8]) {
    let mut draw = Draw::of(bytes);
    let now = Timestamp::from_nanos(draw.any());
    let value = draw.rest();
    let trimmed = value.trim_ascii();
    assert_eq!(seconds(value), naive_number(trimmed, SECOND).map(of_nanos), "{}", value.escape_ascii());
    assert_eq!(millis(value), naive_number(trimmed, 1_000_000).map(of_nanos), "{}", value.escape_ascii());
    assert_eq!(duration(value), naive_text(trimmed).map(of_nanos), "{}", value.escape_ascii());
    let Ok(text) = std::str::from_utf8(value) else { return };
    let expected = seconds(value).or_else(|| {
        let date = httpdate::parse_http_date(text.trim()).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(date.saturating_sub(Duration::from_nanos(now.as_nanos())))
    });
    assert_eq!(read_retry_after(text, now), expected, "{text:?}");
    is_a_date_again(now);
}

/// A moment, written as a date, is read as so many seconds from now.
fn is_a_date_again(now: Timestamp) {
    let date = UNIX_EPOCH + Duration::from_secs(now.as_nanos() >> 30);
    let text = httpdate::fmt_http_date(date);
    let wait = read_retry_after(&text, Timestamp::default()).expect("a date");
    assert_eq!(UNIX_EPOCH + wait, date, "{text}");
}

fn of_nanos(nanos: u128) -> Duration {
    u64::try_from(nanos / SECOND).map_or(Duration::MAX, |whole| Duration::new(whole, (nanos % SECOND) as u32))
}

/// A number in units of so many nanoseconds; what no one can wait for is all there is.
fn naive_number(text: &[u8], unit: u128) -> Option<u128> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let is_number = |digits: &str| !digits.is_empty() && digits.chars().all(|letter| letter.is_ascii_digit());
    if !is_number(whole) || fraction.is_some_and(|fraction| !is_number(fraction)) {
        return None;
    }
    let significant = whole.trim_start_matches('0');
    let whole = if significant.is_empty() { 0 } else { significant.parse::<u64>().unwrap_or(u64::MAX) };
    if whole == u64::MAX {
        return Some(u128::MAX);
    }
    let billionths: String = fraction.unwrap_or("").chars().chain("000000000".chars()).take(9).collect();
    let billionths: u128 = billionths.parse().ok()?;
    Some(u128::from(whole) * unit + billionths * unit / SECOND)
}

/// Numbers with units, or one of seconds without.
fn naive_text(text: &[u8]) -> Option<u128> {
    if let Some(alone) = naive_number(text, SECOND) {
        return Some(alone);
    }
    let mut rest = std::str::from_utf8(text).ok().filter(|text| !text.is_empty())?;
    let mut sum = 0_u128;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let (_, unit) = UNITS.into_iter().find(|(known, _)| *known == name)?;
        sum = sum.saturating_add(naive_number(number.as_bytes(), unit)?);
        rest = after;
    }
    Some(sum)
}
