//! The board's buckets in shared data.
//!
//! Invariant: buckets are bounded in number, whatever happens.

use switchyard_core::coalesce::BUCKETS;
use switchyard_host::{HostError, SharedData, reach};

/// The key of a bucket.
pub(crate) fn bucket(number: u32) -> String {
    // Three times per request, so put together by hand: formatting costs more than the digits.
    const BEGINNING: &str = "switchyard.coalesce.board.";
    let mut key = String::with_capacity(BEGINNING.len() + 8);
    key.push_str(BEGINNING);
    let digits = (0..3).rev().filter_map(|place| char::from_digit(number >> (4 * place) & 0xf, 16));
    key.extend(digits);
    key
}

/// Makes the board; what is there stays.
///
/// # Errors
/// If shared data cannot be had.
pub(crate) fn prepare(host: &impl SharedData) -> Result<(), HostError> {
    reach::make_places(BUCKETS, bucket, host)
}
