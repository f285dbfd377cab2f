//! Pieces of Envoy's configuration, as envoy-config/envoy.yaml has them: places (1) to (7) there.
//!
//! Invariant: what stands in a static bootstrap and in a manifest is made by the same function.

mod plugin;
mod steer;
mod tags;
mod upstream;

pub(super) use plugin::{Code, Plugin, discovered, extension, reload_config};
pub(super) use steer::{override_host, steered_route, to_metadata};
pub(super) use tags::stats_tags;
pub(super) use upstream::{PROTOCOL_OPTIONS, protocol_options, upstream_filters};
