//! Any address that answers with JSON: where in it the members stand is said by JSON pointers.

/// Where it is, and where in it the members are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Path and query.
    pub path: Box<str>,
    /// Pointer to the list; empty: the whole answer is one.
    pub list: Box<str>,
    /// In an entry of the list: pointer to its IP, or its `ip:port`; empty: the entry is that.
    pub address: Box<str>,
    /// Pointer to its port; `None`: it stands in the address.
    pub port: Option<Box<str>>,
    /// Pointer to its weight.
    pub weight: Option<Box<str>>,
    /// Pointer to its priority.
    pub priority: Option<Box<str>>,
    /// Pointer to what consistent hashing hashes.
    pub hash_key: Option<Box<str>>,
    /// Pointer to its region.
    pub region: Option<Box<str>>,
    /// Pointer to its zone.
    pub zone: Option<Box<str>>,
}
