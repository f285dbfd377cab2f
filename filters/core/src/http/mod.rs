//! What HTTP, and what is spoken over it, says of a message: one place for every rule that more than one idea needs.
//!
//! Invariant: functions of a message's own bytes; nothing here knows a route, a policy or a host.
//! Trade-off: names are compared as Envoy holds them, in lower case; values as their own rules say.
//! Source: RFC 9110 and 9111; "gRPC over HTTP/2" and gRPC-Web; each module names its own.

mod broken_off;
pub(crate) mod caching;
mod fields;
mod grpc;
mod hop;
pub(crate) mod lists;
mod media;
mod streams;
mod waits;

pub use broken_off::{BrokenOff, is_of_nobody};
pub(crate) use fields::digits;
pub use fields::{content_length, decimal, decimal_or_most, says_body, status};
pub use grpc::{is_grpc, speaks_grpc};
pub use hop::{ABOUT_THE_CONNECTION, is_about_the_connection, is_of_one_hop, is_sent_on};
pub use media::is_json;
pub use streams::{asks_for_stream, awaits_its_answer, is_stream};
pub use waits::{duration, millis, seconds};
