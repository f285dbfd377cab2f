//! Finding the route of a request: first match wins.
//!
//! [`Matcher`] is one route's condition, [`RouteTable`] finds the first that holds. Names and meanings are
//! those of Envoy's `RouteMatch`.

mod matcher;
mod table;

pub use matcher::{HeaderMatch, HeaderRule, Matcher, PathMatch, full_match};
pub use table::RouteTable;
