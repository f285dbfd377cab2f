//! Priority levels: which endpoints are the first resort, which the next, and how the traffic is shared out between them.
//!
//! [`Layout`] is how the endpoints of an upstream fall into levels, and those of the first level into localities. [`Tally`] counts
//! who of a level is in rotation; [`PriorityLoad`] makes of the tallies what Envoy makes of them.
//!
//! Source: Envoy's `load_balancer_impl.cc` and its documentation of priority levels, panic and degraded endpoints.

mod layout;
mod load;
mod tally;

pub use layout::{Layout, Level, Part};
pub use load::{Availability, PriorityLoad};
pub use tally::Tally;
