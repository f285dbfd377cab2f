//! Finding the route of a request: the nearest host, and there the first match, wins.
//!
//! [`Matcher`] is one route's condition, [`RouteTable`] finds the one that counts. Names and meanings are
//! those of Envoy's `RouteMatch`, [`HostPattern`]'s those of its virtual hosts. Unlike there, a request for which the nearest host has no route goes
//! on to the next: a route without hosts is for all.

mod hosts;
mod literals;
mod matcher;
mod paths;
mod table;

pub use hosts::{HostPattern, Nearness};
pub use matcher::{HeaderMatch, HeaderRule, Matcher, PathMatch, QueryMatch, full_match};
pub use table::RouteTable;
