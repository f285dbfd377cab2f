//! What whoever judges attempts must know of the document: the upstreams with ejection, and whose address is whose.
//!
//! The filter that takes in the document tells it to outlier.wasm through shared data, so that the document stands in one place of
//! Envoy's configuration and not in every cluster. Invariant: it is small, a tenth of the document or less, and bytes that nobody wrote this way
//! read as `None`.

mod codec;
mod published;

use super::Settings;

pub use published::{MOST_BYTES, MOST_PARTS, Part, Published};

/// One upstream with ejection, as outlier.wasm has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Its name.
    pub name: Box<str>,
    /// The Envoy cluster that serves it.
    pub cluster: Box<str>,
    /// Its endpoints in the order of the document.
    pub endpoints: Vec<WatchedEndpoint>,
    /// Whether retry.wasm or batch.wasm sends calls of its own there.
    pub called: bool,
    /// How its endpoints are ejected.
    pub settings: Settings,
}

/// One endpoint of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedEndpoint {
    /// `ip:port` as Envoy prints it.
    pub address: Box<str>,
    /// The operator has ejected it by hand.
    pub ejected_by_hand: bool,
    /// Another cluster of the document has the address, too: the cluster must be asked for.
    pub elsewhere: bool,
}
