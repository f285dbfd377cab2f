//! The board's buckets in shared data.
//!
//! Invariant: buckets are bounded in number, whatever happens.

use switchyard_core::coalesce::BUCKETS;
use switchyard_host::metrics::parts;
use switchyard_host::{HostError, SharedData, reach};

/// What this filter's workers and queues are called after.
pub(crate) const FILTER: &str = "coalesce";

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

/// Makes the count of workers, the places of their gauges and, where it is wanted, the `board`; what is there stays.
pub(crate) fn prepare(board: bool, host: &impl SharedData) -> Result<(), HostError> {
    reach::prepare(FILTER, host)?;
    parts::prepare(FILTER, host)?;
    if board { reach::make_places(BUCKETS, bucket, host) } else { Ok(()) }
}
