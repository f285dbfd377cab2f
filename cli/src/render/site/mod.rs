//! The site file: what a document does not say and a platform wants to know.
//!
//! Invariant: every field has a default that works or none is needed; what is unknown or wrong is refused with its path, its value and
//! what to write. Trade-off: one file serves all platforms, so a field may stand there that the one at hand does not read.

mod read;
mod reader;
mod settings;
mod version;

#[cfg(test)]
pub(super) use read::KNOWN;
pub use settings::{Cluster, Context, EnvoyGateway, Form, ISTIOS, Image, Istio, Protocol, Site};
pub use version::{Least, Minor, envoy_of_gateway, envoy_of_istio, least_gateway, least_istio};

#[cfg(test)]
mod tests;
