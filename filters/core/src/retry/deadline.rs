//! How much time a request has.
//!
//! Source: "gRPC over HTTP/2" for `grpc-timeout` (up to eight digits and a unit).

use super::settings::Deadline;
use crate::http::{decimal, digits};
use core::time::Duration;

/// What a request may take of which nobody says how long.
const LONGEST: Duration = Duration::from_secs(3600);

/// Units of `grpc-timeout` with their length in nanoseconds, the finest first.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

impl Deadline {
    /// How long a request may take: the least of what the route gives, its `grpc-timeout`, and the configured header in
    /// milliseconds. What cannot be read, and a header of 0, is not heard; a route's timeout of 0 is none.
    pub fn allowance(&self, grpc: Option<&[u8]>, header: Option<&[u8]>) -> Duration {
        let route = Some(self.timeout).filter(|timeout| !timeout.is_zero());
        let millis = header.and_then(decimal);
        let header = millis.filter(|millis| *millis > 0).map(Duration::from_millis);
        let all = [route, grpc.and_then(grpc_timeout), header];
        all.into_iter().flatten().min().unwrap_or(LONGEST)
    }
}

/// What a `grpc-timeout` says; `None` if it is none.
pub fn grpc_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, number) = value.split_last()?;
    // No white space within.
    let number = digits(number).filter(|_| number.len() <= 8)?;
    let (_, length) = UNITS.iter().find(|(letter, _)| letter == unit)?;
    let nanos = u128::from(number) * length;
    Some(Duration::new(u64::try_from(nanos / 1_000_000_000).ok()?, (nanos % 1_000_000_000) as u32))
}

/// The `grpc-timeout` of a request that has so much time left: in the finest unit that fits, rounded down, and never nothing.
pub fn encode_grpc_timeout(left: Duration) -> String {
    let nanos = left.as_nanos();
    let fits = UNITS.iter().find(|(_, length)| nanos / length < 100_000_000);
    let (letter, length) = fits.copied().unwrap_or((b'H', 3_600_000_000_000));
    format!("{}{}", (nanos / length).clamp(1, 99_999_999), char::from(letter))
}
