//! How workers reach each other: a number for each, and a queue by that number.
//!
//! Invariants: queues are bounded in number, whatever happens; a worker has a number that no other has had, so that messages for an
//! earlier epoch of its queue are known as such.
//! Trade-off: a queue's name is its worker's number modulo `QUEUES`: after so many starts of VMs in one process two
//! workers may share a name, and the elder then hears nothing more. Who waits for it goes on as when a worker dies.

use super::tables::{SharedEntry, TRIES};
use switchyard_core::Address;
use switchyard_core::contract::keys;
use switchyard_core::shared_value::update;
use switchyard_core::wire::Reader;
use switchyard_host::{Clock, HostError, Queues, SharedData};

/// How many queues of one filter there may be in a process.
const QUEUES: u32 = 1024;
/// Makes the count of workers, without which none has a queue; what is there stays. The main thread configures before any
/// worker does.
///
/// # Errors
/// If shared data cannot be had.
pub fn prepare(filter: &str, host: &impl SharedData) -> Result<(), HostError> {
    let workers = keys::workers(filter);
    if host.shared_data(&workers)?.is_none() {
        host.set_shared_data(&workers, &0u32.to_le_bytes())?;
    }
    Ok(())
}

/// Makes `count` values of shared data, empty, under their `key`s; what is there stays. The main thread configures before any worker
/// does, and what is looked for first comes last, so that whoever finds it finds all.
///
/// # Errors
/// If shared data cannot be had.
pub fn make_entries(
    count: u32,
    key: impl Fn(u32) -> String,
    host: &impl SharedData,
) -> Result<(), HostError> {
    if host.shared_data(&key(0))?.is_none() {
        for number in (0..count).rev() {
            host.set_shared_data(&key(number), &[])?;
        }
    }
    Ok(())
}

/// A number that no other worker of this filter has; `None` if it cannot be had.
pub fn take_number(filter: &str, host: &impl SharedData) -> Option<u32> {
    let workers = keys::workers(filter);
    let number = update(&mut SharedEntry { key: &workers, host, is_made: false }, TRIES, |bytes| {
        let number = Reader::new(bytes).word().map(|number| number.wrapping_add(1));
        (number.map(|number| number.to_le_bytes().to_vec()), number)
    });
    number.flatten()
}

/// The queue of the worker with this number; it wakes this root from now on.
///
/// # Errors
/// If there can be no queue.
pub fn register(filter: &str, number: u32, host: &impl Queues) -> Result<u32, HostError> {
    host.register_queue(&keys::queue(filter, number % QUEUES))
}

/// The address of the worker with this number and queue.
pub fn address(number: u32, queue: u32, host: &impl Clock) -> Address {
    let nanos = host.now().map(|now| now.as_nanos()).unwrap_or_default();
    // The number alone tells VMs of this process apart; the time tells them from those of one before.
    Address { queue, epoch: u64::from(number) << 40 | nanos & 0xff_ffff_ffff }
}
