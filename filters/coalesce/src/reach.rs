//! How workers reach each other: the board's buckets in shared data, and one queue per worker.
//!
//! Invariants: queues and buckets are bounded in number, whatever happens; a worker has a number that no other has
//! had, so that messages for an earlier life of its queue are known as such.
//! Trade-off: a queue's name is its worker's number modulo [`QUEUES`]: after so many starts of VMs in one process two
//! workers may share a name, and the elder then hears nothing more. Its followers go on as they do when a worker
//! dies.

use switchyard_core::coalesce::{Address, BUCKETS};
use switchyard_host::{Clock, HostError, Queues, SharedData};

/// How many queues there may be in a process.
const QUEUES: u32 = 1024;
/// How often a compare-and-swap is tried.
const TRIES: usize = 8;
/// Counts the workers that have ever asked for a number.
const WORKERS: &str = "switchyard.coalesce.workers";

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

/// Makes the count of workers, without which none has a queue, and, where it is wanted, the `board`; what is there
/// stays. The main thread configures before any worker does. Of the board comes last what is looked for first.
pub(crate) fn prepare(board: bool, host: &impl SharedData) -> Result<(), HostError> {
    if host.shared_data(WORKERS)?.is_none() {
        host.set_shared_data(WORKERS, &0u32.to_le_bytes())?;
    }
    if board && host.shared_data(&bucket(0))?.is_none() {
        for number in (0..BUCKETS).rev() {
            host.set_shared_data(&bucket(number), &[])?;
        }
    }
    Ok(())
}

/// A number that no other worker has.
pub(crate) fn take_number(host: &impl SharedData) -> Option<u32> {
    for _ in 0..TRIES {
        let shared = host.shared_data(WORKERS).ok()??;
        let number = u32::from_le_bytes(shared.value.try_into().ok()?).wrapping_add(1);
        if host.swap_shared_data(WORKERS, &number.to_le_bytes(), shared.cas).ok()? {
            return Some(number);
        }
    }
    None
}

/// Where the worker with this number is reached; its queue wakes this root from now on.
pub(crate) fn register(number: u32, host: &impl Queues) -> Result<u32, HostError> {
    host.register_queue(&format!("switchyard.coalesce.worker.{}", number % QUEUES))
}

/// The address of the worker with this number and queue.
pub(crate) fn address(number: u32, queue: u32, host: &impl Clock) -> Address {
    let nanos = host.now().map(|now| now.as_nanos()).unwrap_or_default();
    // The number alone tells VMs of this process apart; the time tells them from those of one before.
    Address { queue, epoch: u64::from(number) << 40 | nanos & 0xff_ffff_ffff }
}
