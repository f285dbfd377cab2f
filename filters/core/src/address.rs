//! How workers know each other.

/// Where a worker can be reached, and which epoch of it is meant: context ids begin anew when a VM is reloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The id of its queue.
    pub queue: u32,
    /// Its VM; no two have the same.
    pub epoch: u64,
}
